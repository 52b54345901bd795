"""A bot on a real queue, and somebody who talks to it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from core import outbox
from core.health import Chat, DaemonFacts, Health, health_of
from core.models import Event, Message, MessageKind, Run, Task
from core.outbox import Letter
from core.settings import Settings
from fixtures_heart import World
from interfaces.bot import Action, Bot, Outcome, Reply, Request, Seen, Surroundings
from interfaces.grammar import Verb, verb_of

ADA, BOB, ADMIN = "U0ADA", "U0BOB", "U0ADMIN"
BERLIN, UTC = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")


@dataclass
class Talk:
    """`says` is a slash command as it is typed; every call is a new request unless it has a key."""

    world: World
    settings: Settings
    user: str = ADA
    zone: ZoneInfo = UTC
    thread_ts: str | None = None
    default_project: str | None = None
    idle_because: str | None = None
    chat: Chat = field(default_factory=Chat)
    diff_of: Callable[[Run], str | None] = lambda _: None
    keys: Any = field(default_factory=count)

    @property
    def bot(self) -> Bot:
        queue, policy = self.world.queue, self.world.policy
        return Bot(Surroundings(queue, policy, self.settings, self.diff_of, self._health))

    def by(self, user: str) -> "Talk":
        return replace(self, user=user)

    def request(self, key: str | None = None) -> Request:
        name = key or f"trigger:{self.user}:{next(self.keys)}"
        places = {"thread_ts": self.thread_ts, "default_project": self.default_project}
        return Request(self.user, "C1", name, self.zone, "corr-1", **places)

    def says(self, command: str, key: str | None = None) -> Reply:
        verb, _, text = command.removeprefix("/").partition(" ")
        return self.bot.command(verb_of(f"/{verb}") or Verb.HELP, text, self.request(key))

    def done(self, command: str) -> str:
        """The text of a reply that must be DONE."""
        reply = self.says(command)
        assert reply.outcome is Outcome.DONE, reply
        return reply.text

    def presses(self, action: Action, seen: Seen, key: str | None = None) -> Reply:
        return self.bot.press(action, seen, self.request(key))

    def replies(self, task_id: int, text: str, key: str | None = None) -> Reply:
        """In the task's thread."""
        return self.bot.instruct(task_id, text, self.request(key))

    def sees(self, task_id: int) -> Seen:
        return Seen.of(self.task(task_id))

    def task(self, task_id: int) -> Task:
        return self.world.queue.get_task(task_id)

    def put_card(self, task_id: int) -> int:
        letter = Letter(f"card:{task_id}", MessageKind.CARD, "C9", task_id)
        with self.world.database.write() as connection:
            row = outbox.put(connection, letter, self.world.clock.now())
        assert row is not None
        return row

    def finished(self, dollars: str = "0.0721", **facts: Any) -> int:
        """One task that ran to its end; its number."""
        task_id = self.says("/task Implement user authentication --project=my-app").task_id
        assert task_id
        claim = self.world.start()
        self.ran(claim.run_id, **facts)
        self.world.finish(claim, dollars)
        return task_id

    def files(self) -> list[Message]:
        with self.world.database.read() as session:
            wanted = select(Message).where(Message.kind == MessageKind.FILE).order_by(Message.id)
            return list(session.scalars(wanted))

    def ran(self, run_id: int, **facts: Any) -> None:
        """What the run left behind."""
        if not facts:
            return
        with self.world.database.write() as connection:
            connection.execute(update(Run).where(Run.id == run_id).values(**facts))

    def everything(self) -> list[tuple[object, ...]]:
        """All tasks and how many events there are: equal when nothing has been changed."""
        with self.world.database.read() as session:
            columns = Task.__table__.c
            tasks = [tuple(row) for row in session.execute(select(*columns).order_by(columns.id))]
            return [*tasks, tuple(session.scalars(select(Event.seq)))]

    def _health(self) -> Health:
        facts = DaemonFacts(
            version="0.1.0",
            started_at=self.world.clock.now(),
            slots=self.settings.scheduler.max_parallel_tasks,
            backend="claude",
            model="sonnet",
            idle_because=self.idle_because,
        )
        return health_of(self.world.queue, self.world.policy, facts, self.chat)


@pytest.fixture
def talk(sqlite_world: World, tmp_path: Any) -> Talk:
    settings = Settings.model_validate(
        {"slack": {"admins": [ADMIN]}, "workspace": {"root": tmp_path / "workspace"}}
    )
    return Talk(sqlite_world, settings)
