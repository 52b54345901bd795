"""How soon Slack is answered when many people type at once, and what is lost or done twice.

    python benchmarks/slack_answers.py [--full | --smallest] [--json]

The whole front end (the real app and socket handler of the official library, a real database) in
one process with the tests' own Slack server. Slack itself gives three seconds. The second round
delivers a fifth of everything twice, refreshes the connection and then pulls its cable.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from bench.place import fresh_database
from bench.report import Figure, median, options, quiet, report
from core.credentials import Credentials
from core.health import Chat, ChatState, DaemonFacts, health_of
from core.policy import BudgetPolicy
from core.settings import Settings
from core.task_queue import TaskQueue
from core.wakeup import DatagramListener
from fake_slack import Ack, FakeSlack
from interfaces.bot import Surroundings
from interfaces.slack.front_end import SlackFrontEnd

POLICY = BudgetPolicy.from_dollars(10.0, 90.0, (20, 8))
PEOPLE = [f"U{number}" for number in range(20)]
LISTS = {"allowed_users": PEOPLE, "allowed_channels": ["C1"], "commands_per_minute": 1000}
LIMIT = 3000


@dataclass(frozen=True)
class Round:
    acks: list[Ack]
    tasks: int
    asked: int

    @property
    def taken(self) -> list[float]:
        return [ack.seconds * 1000 for ack in self.acks]


def main() -> None:
    asked = options(__doc__, "1,000 commands instead of 200").parse_args()
    quiet()
    for name in ("slack_bolt", "slack_sdk"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    count = 1000 if asked.full else 20 if asked.smallest else 200
    report(figures(count), as_json=asked.json)


def figures(count: int) -> Iterator[Figure]:
    calm = asyncio.run(one_round(count, rough=False))
    yield Figure(f"{count} commands at once: slowest answer", max(calm.taken), "ms", LIMIT)
    yield Figure("the same: median", median(calm.taken), "ms")
    yield Figure("the same: lost or doubled", abs(calm.asked - calm.tasks), "", 0)
    rough = asyncio.run(one_round(count, rough=True))
    yield Figure("redelivered, refreshed, cut: slowest answer", max(rough.taken), "ms", LIMIT)
    yield Figure("the same: lost or doubled", abs(rough.asked - rough.tasks), "", 0)
    said = asyncio.run(said_after(5))  # Slack lets no more than a few in a burst into a channel
    yield Figure("queued → its card in the channel: median", median(said), "ms")
    yield Figure("queued → its card: worst", max(said), "ms")


async def one_round(count: int, *, rough: bool) -> Round:
    async with office() as (slack, queue):
        slack.redeliver = 0.2 if rough else 0.0
        async with asyncio.TaskGroup() as people:
            asked = [people.create_task(ask(slack, number)) for number in range(count)]
            if rough:
                await slack.until(lambda: any(each.done() for each in asked))
                await slack.disconnect("refresh_requested")
                await slack.until(lambda: sum(each.done() for each in asked) > count // 2)
                await slack.disconnect(None)
        await slack.settled()
        await slack.until(lambda: sum(queue.counts().values()) >= count, "every task")
        found = sum(queue.counts().values())
        return Round([each.result() for each in asked], found, count)


async def ask(slack: FakeSlack, number: int) -> Ack:
    person = PEOPLE[number % len(PEOPLE)]
    return await slack.command("/task", f"Chore number {number}", user=person, channel="C1")


async def said_after(count: int) -> list[float]:
    """From the command to the card that Slack has, one after the other, in milliseconds."""
    taken = []
    loop = asyncio.get_running_loop()
    async with office() as (slack, _):
        for number in range(count):
            began = loop.time()
            await ask(slack, number)
            await slack.until(partial(has_cards, slack, number + 1), "its card")
            taken.append((loop.time() - began) * 1000)
    return taken


def has_cards(slack: FakeSlack, count: int) -> bool:
    return len(slack.channel("C1")) >= count


@asynccontextmanager
async def office() -> AsyncIterator[tuple[FakeSlack, TaskQueue]]:
    with fresh_database() as database:
        assert database.path
        queue = TaskQueue(database)
        settings = Settings.model_validate(
            {"slack": LISTS, "workspace": {"root": database.path.parent / "workspace"}}
        )
        async with FakeSlack() as slack:
            for person in PEOPLE:
                slack.add_user(person, name=person.lower())
            slack.add_channel("C1", members=set(PEOPLE))
            async with open_front_end(slack, queue, settings):
                yield slack, queue


@asynccontextmanager
async def open_front_end(
    slack: FakeSlack, queue: TaskQueue, settings: Settings
) -> AsyncIterator[None]:
    tokens = {"slack_bot_token": slack.bot_token, "slack_app_token": slack.app_token}
    credentials = Credentials.model_validate(tokens | {"slack_api_url": slack.api_url})
    facts = DaemonFacts("", queue.clock.now(), 3, "rehearsal", "", None)
    given = Surroundings(
        queue, POLICY, settings, lambda _: None, lambda: health_of(queue, POLICY, facts, Chat())
    )
    made = SlackFrontEnd(credentials, given)
    assert queue.database.path
    listener = DatagramListener(queue.database.path, made.wake)
    await listener.start()
    await made.start()
    await slack.until(lambda: made.chat.state is ChatState.CONNECTED, "the connection")
    try:
        yield
    finally:
        await made.stop()
        await listener.stop()


if __name__ == "__main__":
    main()
