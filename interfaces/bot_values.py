"""What goes into the bot and what comes out: values, with nothing of a chat service in them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo

from core.health import Health
from core.models import Run, Task, TaskStatus
from core.policy import BudgetPolicy
from core.settings import Settings
from core.task_queue import TaskQueue


class Action(StrEnum):
    """What a button does."""

    START_NOW = "start_now"
    CANCEL = "cancel"
    STOP = "stop"
    RETRY = "retry"
    LOG = "log"
    DIFF = "diff"
    MUTE = "mute"
    UNMUTE = "unmute"


@dataclass(frozen=True, slots=True)
class Seen:
    """The task as the person saw it who pressed; it is in every button's value."""

    task_id: int
    status: TaskStatus
    #: Task.lease_epoch: it grows with every run
    epoch: int

    def __str__(self) -> str:
        return f"{self.task_id}:{self.status.value}:{self.epoch}"

    @classmethod
    def read(cls, value: str) -> Self | None:
        """None for what no button of ours says."""
        task_id, _, rest = value.partition(":")
        status, _, epoch = rest.partition(":")
        try:
            return cls(int(task_id), TaskStatus(status), int(epoch))
        except ValueError:
            return None

    @classmethod
    def of(cls, task: Task) -> Self:
        return cls(task.id, task.status, task.lease_epoch)


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, where, and under which name it would come a second time."""

    user: str
    channel: str
    #: equal for a redelivery: `trigger:…`, `event:…`, `view:…`
    key: str
    #: the person's
    zone: ZoneInfo
    correlation_id: str
    #: where a new task's card goes; None: into the channel itself
    thread_ts: str | None = None
    default_project: str | None = None


class Outcome(StrEnum):
    DONE = "done"
    HINT = "hint"  # it was not understood, or cannot be; the text says what to type
    REFUSED = "refused"  # the person may not
    FORM = "form"  # open the form
    STALE = "stale"  # the task has moved on since the button was drawn


@dataclass(frozen=True, slots=True)
class Reply:
    outcome: Outcome
    #: plain text: who shows it escapes it
    text: str
    task_id: int | None = None
    #: what a model wrote, to stand below the text; nothing in it is to be trusted
    markdown: str | None = None
    #: figures of a rehearsal are in it
    rehearsal: bool = False
    #: False: silence is the right answer
    ping: bool = True


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the bot is given."""

    queue: TaskQueue
    policy: BudgetPolicy
    settings: Settings
    #: the run's changes as a unified diff; None: there is no branch, or nothing on it
    diff_of: Callable[[Run], str | None]
    health: Callable[[], Health]

    @property
    def slots(self) -> int:
        return self.settings.scheduler.max_parallel_tasks
