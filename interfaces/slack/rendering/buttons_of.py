"""The buttons under a task's card: those that fit its state, and what each asks before it acts."""

from dataclasses import dataclass
from typing import Final

from core.models import TaskStatus
from core.task_view import TaskView
from interfaces.bot_values import Action, Seen
from interfaces.slack.rendering.blocks import Block, plain
from interfaces.slack.rendering.facts import has_work


@dataclass(frozen=True, slots=True)
class Button:
    label: str
    #: `primary` or `danger`
    style: str | None = None
    confirm: "Question | None" = None


@dataclass(frozen=True, slots=True)
class Question:
    """Asked by Slack before anything is sent: at most 100, 300, 30 and 30 characters."""

    title: str
    text: str
    yes: str
    no: str


_CANCEL: Final = Question(
    "Cancel this task?",
    "It leaves the queue. What earlier runs did stays on its branch, and Retry queues it again.",
    "Cancel the task",
    "Keep it",
)
_STOP: Final = Question(
    "Stop this task?",
    "Its agent is stopped now. What it did so far is kept on the task's branch and has been paid"
    " for; Retry goes on from there.",
    "Stop it",
    "Let it run",
)
BUTTONS: Final = {
    Action.START_NOW: Button("Start now"),
    Action.CANCEL: Button("Cancel", confirm=_CANCEL),
    Action.STOP: Button("Stop", "danger", _STOP),
    Action.RETRY: Button("Retry", "primary"),
    Action.DIFF: Button("View diff"),
    Action.LOG: Button("View log"),
}


def buttons_of(view: TaskView) -> list[Block]:
    return [button(action, Seen.of(view.task)) for action in _fitting(view) if action]


def _fitting(view: TaskView) -> tuple[Action | None, ...]:
    run = view.run
    log = Action.LOG if run else None
    diff = Action.DIFF if run and has_work(run) else None
    match view.task.status:
        case TaskStatus.PENDING:
            return Action.START_NOW, Action.CANCEL, log
        case TaskStatus.IN_PROGRESS:
            return None if view.task.cancel_requested_by else Action.STOP, log
        case TaskStatus.COMPLETED | TaskStatus.IN_REVIEW:
            return diff, log
        case TaskStatus.FAILED | TaskStatus.CANCELLED:
            return Action.RETRY, log, diff


def button(action: Action, seen: Seen) -> Block:
    drawn = BUTTONS[action]
    made: Block = {
        "type": "button",
        "action_id": f"task:{action.value}",
        "text": plain(drawn.label),
        "value": str(seen),
    }
    if drawn.style:
        made["style"] = drawn.style
    if drawn.confirm:
        made["confirm"] = _dialog(drawn.confirm)
    return made


def _dialog(question: Question) -> Block:
    return {
        "title": plain(question.title),
        "text": plain(question.text),
        "confirm": plain(question.yes),
        "deny": plain(question.no),
        "style": "danger",
    }
