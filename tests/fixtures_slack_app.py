"""The whole app on the fake Slack: real bolt, real socket handler, real bot, real database.

What the courier would send stands in the outbox; a test that needs a card on the screen posts one.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import select, update

from conftest import StoppedClock
from core import outbox
from core.base import Base
from core.database import Database
from core.health import Chat, DaemonFacts, health_of
from core.models import Message, MessageKind, MessageState, Task
from core.outbox import Letter
from core.policy import BudgetPolicy
from core.settings import Settings
from core.task_queue import TaskQueue
from core.task_view import task_view
from fake_slack import Ack, FakeSlack, SlackMessage
from interfaces.bot import Bot, Reply, Surroundings
from interfaces.slack.connecting.identity import Identity
from interfaces.slack.incoming import app as slack_app
from interfaces.slack.incoming.desk import Desk
from interfaces.slack.incoming.office import Office, Premises
from interfaces.slack.incoming.people import People
from interfaces.slack.rendering.card import card

Json = dict[str, Any]

POLICY = BudgetPolicy.from_dollars(10.0, 90.0, (20, 8))
ADA, BEN, ROOT, EVE, ZOE, ROBOT = "U1", "U2", "U9", "U666", "U777", "U888"
#: the second one is of another company, in a channel that is shared with it
STRANGERS = (EVE, ZOE)
CROWD = [f"U1{n:02}" for n in range(40)]
SETTINGS: Json = {
    "slack": {
        "allowed_users": [ADA, BEN, ZOE, *CROWD],
        "allowed_channels": ["C1", "C3"],
        "admins": [ROOT],
        "commands_per_minute": 1000,
    }
}
#: longer than anything takes
PATIENCE = 20.0


@dataclass
class Premise:
    """What a test changes before the app is built."""

    grace: float = 1.5
    commands_per_minute: int = 1000
    pauses: Sequence[float] = (0.01, 0.01)
    bot: Callable[[Surroundings], Bot] = Bot


@dataclass
class SlackApp:
    slack: FakeSlack
    office: Office
    app: Any
    handler: AsyncSocketModeHandler
    surroundings: Surroundings

    @property
    def queue(self) -> TaskQueue:
        return self.office.queue

    @property
    def database(self) -> Database:
        return self.office.queue.database

    def tasks(self) -> list[Task]:
        with self.database.read() as session:
            return list(session.scalars(select(Task).order_by(Task.id)))

    def letters(self, kind: MessageKind = MessageKind.REPLY) -> list[Message]:
        with self.database.read() as session:
            wanted = select(Message).where(Message.kind == kind).order_by(Message.id)
            return list(session.scalars(wanted))

    def said(self) -> list[str]:
        return [str((letter.payload or {}).get("text")) for letter in self.letters()]

    def everything(self, *besides: str) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables: equal when nothing has been changed."""
        with self.database.read() as session:
            return {
                name: sorted(map(tuple, session.execute(select(table))), key=repr)
                for name, table in Base.metadata.tables.items()
                if name not in besides
            }

    async def post_card(self, task: Task, thread_ts: str | None = None) -> SlackMessage:
        """As the courier does, so that there is something to press and to answer to."""
        channel = str(task.slack_channel)
        view = task_view(self.queue, POLICY, 3, task.id)
        shown = card(view)
        posted = await self.office.client.chat_postMessage(
            channel=channel, text=shown.text, blocks=shown.blocks, thread_ts=thread_ts
        )
        ts = str(posted["ts"])
        now = self.office.clock.now()
        letter = Letter(f"card:{task.id}", MessageKind.CARD, channel, task.id, thread_ts=thread_ts)
        with self.database.write() as connection:
            row = outbox.put(connection, letter, now)
            sent = {"state": MessageState.SENT, "ts": ts, "sent_at": now}
            connection.execute(update(Message).where(Message.id == row).values(**sent))
        found = self.slack.find(channel, ts)
        assert found is not None
        return found

    async def queued(self, text: str, user: str = ADA, channel: str = "C1") -> Task:
        before = len(self.tasks())
        await self.slack.command("/task", text, user=user, channel=channel)
        await self.slack.settled()
        return self.tasks()[before]

    async def idle(self) -> None:
        """Nothing is on its way, and nothing is under way."""
        await self.slack.settled()
        await self.slack.until(lambda: self.office.desk.under_way == 0, "an idle desk", PATIENCE)


def settings_of(premise: Premise, root: Path) -> Settings:
    slack = SETTINGS["slack"] | {"commands_per_minute": premise.commands_per_minute}
    return Settings.model_validate({"slack": slack, "workspace": {"root": root}})


def surroundings_of(queue: TaskQueue, settings: Settings) -> Surroundings:
    facts = DaemonFacts("0.1.0", queue.clock.now(), 3, "claude", "sonnet", None)
    return Surroundings(
        queue, POLICY, settings, lambda _: None, lambda: health_of(queue, POLICY, facts, Chat())
    )


def client_of(slack: FakeSlack) -> AsyncWebClient:
    made = AsyncWebClient(slack.bot_token, slack.api_url, retry_handlers=[])
    made.proxy = None
    return made


def office_of(slack: FakeSlack, surroundings: Surroundings, premise: Premise) -> Office:
    queue, client = surroundings.queue, client_of(slack)
    desk = Desk(premise.grace, pauses=premise.pauses)
    zone = surroundings.settings.budget.zone
    people = People(client, queue.database, queue.clock, zone, desk)
    identity = Identity(slack.team_id, "home", slack.bot_user, slack.bot_id, slack.app_id, None)
    premises = Premises(premise.bot(surroundings), people, queue, client, identity)
    return Office.open(premises, surroundings.settings.slack, desk)


@asynccontextmanager
async def running(
    slack: FakeSlack, queue: TaskQueue, root: Path, premise: Premise | None = None
) -> AsyncIterator[SlackApp]:
    premise = premise or Premise()
    surroundings = surroundings_of(queue, settings_of(premise, root))
    office = office_of(slack, surroundings, premise)
    app = slack_app.build(office)
    handler = AsyncSocketModeHandler(app, slack.app_token, ping_interval=0.2)
    handler.client.proxy = None
    await handler.connect_async()  # type: ignore[no-untyped-call]
    await slack.connected()
    try:
        yield SlackApp(slack, office, app, handler, surroundings)
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]
        await office.desk.drain(PATIENCE)


@pytest.fixture
async def slack(clock: StoppedClock) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(clock) as made:
        made.patience = PATIENCE
        made.add_user(ADA, name="ada", tz="Europe/Berlin")
        made.add_user(BEN, name="ben")
        made.add_user(ROOT, name="root")
        made.add_user(EVE, name="eve")
        made.add_user(ZOE, name="zoe", team_id="T0OTHER")
        made.add_user(ROBOT, name="robot", is_bot=True)
        for user in CROWD:
            made.add_user(user)
        members = {ADA, BEN, ROOT, EVE, ZOE, ROBOT, *CROWD}
        made.add_channel("C1", name="builds", members=members)
        made.add_channel("C2", name="elsewhere", members=members)
        yield made


@pytest.fixture
async def premise() -> Premise:
    return Premise()


@pytest.fixture
async def app(
    slack: FakeSlack, queue: TaskQueue, tmp_path: Path, premise: Premise
) -> AsyncIterator[SlackApp]:
    async with running(slack, queue, tmp_path / "workspace", premise) as made:
        yield made


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Another program holds the database for as long as this is open."""
    with Database(str(database.url)) as other, other.write():
        yield


class BrokenBot(Bot):
    """A bot with a mistake in it."""

    def command(self, *_: object) -> Reply:
        raise ZeroDivisionError("a mistake")

    def press(self, *_: object) -> Reply:
        raise ZeroDivisionError("a mistake")

    def said(self, *_: object) -> Reply:
        raise ZeroDivisionError("a mistake")


def slowest(acks: Sequence[Ack]) -> float:
    return max(ack.seconds for ack in acks)
