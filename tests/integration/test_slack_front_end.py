"""Slack composed: everything there is, in one process, against the tests' own Slack."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from conftest import StoppedClock
from core.credentials import Credentials
from core.health import Chat, ChatState, DaemonFacts, Health, health_of
from core.models import TaskStatus
from core.policy import BudgetPolicy
from core.settings import Settings
from core.task_queue import TaskQueue
from core.wakeup import DatagramListener
from fake_slack import FakeSlack, SlackMessage
from interfaces.bot import Surroundings
from interfaces.slack.connecting.connection import Pace
from interfaces.slack.front_end import SlackFrontEnd

POLICY = BudgetPolicy.from_dollars(10.0, 90.0, (20, 8))
QUICK = Pace(ping=0.5, hello=2.0, retry=0.01, longest_retry=0.05, steady=0.0)
SETTINGS = {
    "allowed_users": ["U1"],
    "allowed_channels": ["C1"],
    "admins": ["U9"],
    "commands_per_minute": 1000,
}


@dataclass
class House:
    slack: FakeSlack
    queue: TaskQueue
    settings: Settings
    #: how often the daemon was asked how it is, and how often that fails
    failures: int = 0

    def credentials(self, **other: str | None) -> Credentials:
        given = {
            "slack_bot_token": self.slack.bot_token,
            "slack_app_token": self.slack.app_token,
            "slack_api_url": self.slack.api_url,
        }
        return Credentials.model_validate(given | other)

    def front_end(self, **other: str | None) -> SlackFrontEnd:
        given = Surroundings(self.queue, POLICY, self.settings, lambda _: None, self._health)
        return SlackFrontEnd(self.credentials(**other), given, QUICK)

    def _health(self) -> Health:
        if self.failures:
            self.failures -= 1
            raise ZeroDivisionError("a mistake")
        facts = DaemonFacts("0.1.0", self.queue.clock.now(), 3, "claude", "sonnet", None)
        return health_of(self.queue, POLICY, facts, Chat())

    @asynccontextmanager
    async def open(self, **other: str | None) -> AsyncIterator[SlackFrontEnd]:
        """As the daemon does: whatever changes the queue wakes it."""
        made = self.front_end(**other)
        assert self.queue.database.path is not None
        listener = DatagramListener(self.queue.database.path, made.wake)
        await listener.start()
        await made.start()
        try:
            yield made
        finally:
            async with asyncio.timeout(10):
                await made.stop()
            await listener.stop()

    async def is_(self, front_end: SlackFrontEnd, state: ChatState) -> None:
        await self.slack.until(lambda: front_end.chat.state is state, f"the chat {state}")


@pytest.fixture
async def slack(clock: StoppedClock) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(clock) as made:
        made.add_user("U1", name="ada")
        made.add_user("U9", name="root")
        made.add_channel("C1", members={"U1", "U9"})
        yield made


@pytest.fixture
def house(slack: FakeSlack, queue: TaskQueue, tmp_path: Path) -> House:
    given = {"slack": SETTINGS, "workspace": {"root": tmp_path / "workspace"}}
    return House(slack, queue, Settings.model_validate(given))


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with capture_logs() as found:
        yield found


def events(logs: list[Any], *levels: str) -> list[str]:
    return [entry["event"] for entry in logs if entry["log_level"] in levels]


async def card(slack: FakeSlack) -> SlackMessage:
    found = await slack.until(lambda: slack.channel("C1"), "the card")
    return found[0]


async def test_a_command_is_answered_and_its_card_is_posted_and_kept_true(
    house: House, slack: FakeSlack
) -> None:
    async with house.open() as front_end:
        await house.is_(front_end, ChatState.CONNECTED)
        ack = await slack.command("/task", "Implement user authentication --project=my-app")
        assert ack.text.startswith("Task 1 is queued in project my-app.")
        shown = await card(slack)
        assert "Implement user authentication" in shown.text
        assert (await slack.command("/cancel", "1")).text
        await slack.until(lambda: shown.edits, "the edited card")
        assert house.queue.get_task(1).status is TaskStatus.CANCELLED


async def test_two_hundred_commands_survive_redelivery_a_refresh_and_a_pulled_cable(
    house: House, slack: FakeSlack
) -> None:
    slack.redeliver = 0.2
    async with house.open() as front_end:
        await house.is_(front_end, ChatState.CONNECTED)
        texts = [f"Chore number {n}" for n in range(200)]
        async with asyncio.TaskGroup() as people:
            asked = [people.create_task(slack.command("/task", text)) for text in texts]
            await slack.until(lambda: any(each.done() for each in asked))
            await slack.disconnect("refresh_requested")
            await slack.until(lambda: sum(each.done() for each in asked) > 100)
            await slack.disconnect(None)
        await slack.settled()
        assert all(each.result().seconds < 3 for each in asked)
        await slack.until(lambda: sum(house.queue.counts().values()) == 200, "every task")
    tasks = house.queue.list_tasks(limit=500).tasks
    assert sorted(task.description for task in tasks) == sorted(texts)


async def test_every_surface_is_there(house: House, slack: FakeSlack) -> None:
    async with house.open() as front_end:
        await house.is_(front_end, ChatState.CONNECTED)
        assert "Usage & Budget Status" in (await slack.command("/credits")).text
        await slack.open_home("U1")
        await slack.until(lambda: slack.home("U1"), "the home page")
        await slack.command("/task", "")
        await slack.until(lambda: slack.open_view("U1"), "the form")
        await slack.dm("status", "U1")
        await slack.until(lambda: slack.channel(slack.dm_channel("U1")), "an answer")


async def test_a_card_that_is_due_when_it_stops_still_comes(house: House, slack: FakeSlack) -> None:
    async with house.open() as front_end:
        await house.is_(front_end, ChatState.CONNECTED)
        await slack.command("/task", "At the last moment")
    assert len(slack.channel("C1")) == 1
    assert slack.connections == 0


async def test_what_happened_while_slack_was_away_is_told_when_it_is_back(
    house: House, slack: FakeSlack
) -> None:
    async with house.open() as front_end:
        await house.is_(front_end, ChatState.CONNECTED)
        slack.refuse_connections = True
        await slack.disconnect(None)
        await house.is_(front_end, ChatState.LOST)
        slack.refuse_connections = False
        await house.is_(front_end, ChatState.CONNECTED)
        assert (await slack.command("/task", "Afterwards")).text.startswith("Task 1")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"slack_app_token": None}, "SLACK_BOT_TOKEN is set and SLACK_APP_TOKEN is not"),
        ({"slack_bot_token": "xapp-1-A0-" + "a" * 24}, "SLACK_BOT_TOKEN holds an app token"),
        ({"slack_bot_token": "xoxb-1-" + "w" * 24}, "SLACK_BOT_TOKEN is refused (invalid_auth)"),
        ({"slack_app_token": "xapp-1-" + "w" * 24}, "SLACK_APP_TOKEN is refused (invalid_auth)"),
    ],
)
async def test_a_token_that_cannot_work_is_one_line_and_no_second_attempt(
    house: House, slack: FakeSlack, logs: list[Any], given: dict[str, str | None], said: str
) -> None:
    async with house.open(**given) as front_end:
        await house.is_(front_end, ChatState.OFF)
        assert said in str(front_end.chat.because)
        front_end.wake()
    [line] = [entry for entry in logs if entry["log_level"] == "error"]
    assert line["event"] == "slack.token_refused"
    assert said in line["problem"]
    assert len([call for call in slack.calls if call.method == "auth.test"]) <= 1


async def test_a_token_revoked_while_all_runs_stops_slack_and_nothing_else(
    house: House, slack: FakeSlack, logs: list[Any]
) -> None:
    async with house.open() as front_end:
        await house.is_(front_end, ChatState.CONNECTED)
        slack.wrong_bot_token = True
        await slack.command("/task", "The courier finds out")
        await house.is_(front_end, ChatState.OFF)
        assert "SLACK_BOT_TOKEN is refused" in str(front_end.chat.because)
        await slack.until(lambda: slack.connections == 0)
    assert house.queue.get_task(1).status is TaskStatus.PENDING
    assert events(logs, "error").count("slack.token_refused") == 1


async def test_a_mistake_inside_is_logged_and_survived(
    house: House, slack: FakeSlack, logs: list[Any]
) -> None:
    house.failures = 1
    async with house.open() as front_end:
        await house.is_(front_end, ChatState.CONNECTED)
        assert (await slack.command("/task", "All the same")).text.startswith("Task 1")
    assert "slack.stumbled" in events(logs, "error")


async def test_it_starts_and_stops_at_once_though_nobody_answers(house: House) -> None:
    async with house.open(slack_api_url="http://127.0.0.1:9") as front_end:
        await house.is_(front_end, ChatState.LOST)
    assert front_end.chat.state is ChatState.LOST


async def test_stopping_twice_or_before_the_start_is_fine(house: House) -> None:
    front_end = house.front_end()
    await front_end.stop()
    async with house.open() as other:
        await house.is_(other, ChatState.CONNECTED)
        await other.stop()
        await other.stop()


async def test_missing_permissions_and_an_empty_list_are_warned_of(
    house: House, slack: FakeSlack, logs: list[Any]
) -> None:
    slack.scopes = slack.scopes - {"files:write"}
    nobody = replace(house, settings=Settings())
    async with nobody.open() as front_end:
        await house.is_(front_end, ChatState.CONNECTED)
        assert "not on the list" in (await slack.command("/task", "Let me in")).text
    [scope] = [entry for entry in logs if entry["event"] == "slack.scope_missing"]
    assert (scope["scope"], scope["log_level"]) == ("files:write", "warning")
    assert "slack.closed" in events(logs, "warning")


async def test_no_token_stands_in_any_line_of_a_whole_life(
    house: House, slack: FakeSlack, logs: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with house.open() as front_end:
        await house.is_(front_end, ChatState.CONNECTED)
        await slack.command("/task", "Quietly")
        await card(slack)
        await slack.disconnect(None)
        await slack.connected()
    assert events(logs, "error", "critical") == []
    told = f"{logs} {caplog.text}"
    assert slack.bot_token not in told
    assert slack.app_token not in told
    assert [record for record in caplog.records if record.levelname != "DEBUG"] == []
