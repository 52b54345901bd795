"""The connection to Slack, against a server that refuses, falls silent and breaks."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr
from slack_bolt.async_app import AsyncApp
from structlog.testing import capture_logs

from conftest import StoppedClock
from core.clock import Clock, SystemClock
from core.health import ChatState
from fake_slack import FakeSlack
from interfaces.slack.connecting.clients import Clients
from interfaces.slack.connecting.connection import Connection, Pace
from interfaces.slack.connecting.identity import Identity
from interfaces.slack.connecting.tokens import Refused, Tokens

#: so that a test waits for no real second
QUICK = Pace(ping=0.2, hello=2.0, retry=0.01, longest_retry=0.05, steady=0.0, check=60.0)


@dataclass
class Line:
    """A connection, and an app on it that answers `/task` with what was typed."""

    slack: FakeSlack
    connection: Connection
    app: AsyncApp
    heard: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> Refused | None:
        match await self.connection.greet():
            case Identity():
                return await self.connection.serve(self.app)
            case refused:
                return refused

    async def is_(self, state: ChatState) -> None:
        await self.slack.until(lambda: self.connection.state.state is state, f"the chat {state}")

    def asked(self, method: str) -> int:
        return len([call for call in self.slack.calls if call.method == method])


@asynccontextmanager
async def line(
    slack: FakeSlack, pace: Pace = QUICK, clock: Clock | None = None
) -> AsyncIterator[Line]:
    clients = Clients.open(slack.bot_token, slack.api_url)
    tokens = Tokens(SecretStr(slack.bot_token), SecretStr(slack.app_token))
    made = Line(
        slack,
        Connection(clients.patient, tokens, clock or SystemClock(), pace),
        AsyncApp(client=clients.patient, process_before_response=True),
    )
    made.gate.set()

    @made.app.command("/task")
    async def _(ack: Any, command: dict[str, Any]) -> None:
        made.heard.append(command["text"])
        await made.gate.wait()
        await ack(command["text"])

    try:
        yield made
    finally:
        await made.connection.close()
        await clients.close()


@asynccontextmanager
async def serving(made: Line) -> AsyncIterator["asyncio.Task[Refused | None]"]:
    task = asyncio.create_task(made.run())
    try:
        yield task
    finally:
        await made.connection.close()
        async with asyncio.timeout(10):
            await task


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        slack.add_user("U1")
        slack.add_channel("C1", members={"U1"})
        yield slack


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    """Ours, as values."""
    with capture_logs() as found:
        yield found


def of(logs: list[Any], event: str) -> list[Any]:
    return [entry for entry in logs if entry["event"] == event]


async def test_a_command_is_answered_over_the_connection(slack: FakeSlack) -> None:
    async with line(slack) as made, serving(made):
        await slack.connected()
        ack = await slack.command("/task", "mend the roof")
        assert ack.text == "mend the roof"
        assert made.connection.state.state is ChatState.CONNECTED


@pytest.mark.parametrize(
    ("fault", "variable"),
    [("wrong_bot_token", "SLACK_BOT_TOKEN"), ("wrong_app_token", "SLACK_APP_TOKEN")],
)
async def test_a_wrong_token_is_named_and_not_tried_again(
    slack: FakeSlack, fault: str, variable: str
) -> None:
    setattr(slack, fault, True)
    async with line(slack) as made:
        refused = await made.run()
        assert refused is not None
        assert refused.variable == variable
        assert refused.sentence.startswith(f"{variable} is refused (invalid_auth)")
        assert made.connection.state.state is ChatState.OFF
        assert made.connection.state.because == refused.sentence
        assert made.asked("auth.test") == 1
        assert made.asked("apps.connections.open") <= 1


async def test_a_server_that_is_down_is_tried_until_it_is_up(logs: list[Any]) -> None:
    slack = FakeSlack()
    async with slack:
        pass  # the port is known and nobody listens any more
    async with line(slack) as made:
        task = asyncio.create_task(made.run())
        await slack.until(lambda: made.connection.state.state is ChatState.LOST)
        again = FakeSlack(port=slack.port)
        async with again:
            await again.connected()
            await again.until(lambda: made.connection.state.state is ChatState.CONNECTED)
            await made.connection.close()
        assert await task is None
    [lost], [back] = of(logs, "slack.disconnected"), of(logs, "slack.connected")
    assert lost["problem"] == "Slack cannot be reached (ClientConnectorError)"
    assert back["seconds"] >= 0


async def test_an_outage_of_two_minutes_is_worth_a_warning(
    slack: FakeSlack, clock: StoppedClock, logs: list[Any]
) -> None:
    slack.refuse_connections = True
    async with line(slack, clock=clock) as made, serving(made):
        await made.is_(ChatState.LOST)
        clock.advance(seconds=121)
        await slack.until(lambda: len(of(logs, "slack.disconnected")) == 2)
        slack.refuse_connections = False
        await made.is_(ChatState.CONNECTED)
    told = of(logs, "slack.disconnected")
    assert [entry["log_level"] for entry in told] == ["info", "warning"]
    assert told[1]["seconds"] == 121
    assert of(logs, "slack.connected")[0]["seconds"] == 121


async def test_a_pulled_cable_is_noticed_and_mended(slack: FakeSlack) -> None:
    async with line(slack) as made, serving(made):
        await slack.connected()
        await slack.disconnect(None)
        await slack.until(lambda: made.asked("apps.connections.open") == 2)
        await slack.connected()
        await made.is_(ChatState.CONNECTED)
        assert (await slack.command("/task", "still there?")).text == "still there?"


async def test_an_announced_refresh_opens_the_new_line_before_the_old_one_goes(
    slack: FakeSlack, logs: list[Any]
) -> None:
    async with line(slack) as made, serving(made):
        await slack.connected()
        made.gate.clear()
        asked = asyncio.create_task(slack.command("/task", "in the middle"))
        await slack.until(lambda: made.heard == ["in the middle"])
        await slack.disconnect("refresh_requested")
        await slack.connected()
        made.gate.set()
        assert (await asked).text == "in the middle"
        assert (await slack.command("/task", "afterwards")).text == "afterwards"
        assert made.connection.state.state is ChatState.CONNECTED
    assert of(logs, "slack.disconnected") == []


async def test_a_token_that_is_revoked_while_all_runs_ends_it(slack: FakeSlack) -> None:
    async with line(slack) as made, serving(made) as task:
        await slack.connected()
        slack.fail("auth.test", 99, "token_revoked")
        made.connection.suspect()
        refused = await task
        assert refused is not None
        assert refused.sentence.startswith("SLACK_BOT_TOKEN is refused (token_revoked)")
        assert made.connection.state.state is ChatState.OFF
        await slack.until(lambda: slack.connections == 0)
        assert made.asked("apps.connections.open") == 1


async def test_the_token_is_looked_at_now_and_then(slack: FakeSlack) -> None:
    pace = Pace(ping=5.0, check=0.01)
    async with line(slack, pace) as made, serving(made) as task:
        await slack.connected()
        await slack.until(lambda: made.asked("auth.test") >= 3)
        slack.fail("auth.test", 99, "account_inactive")
        assert isinstance(await task, Refused)


async def test_a_suspicion_without_reason_changes_nothing(slack: FakeSlack) -> None:
    async with line(slack) as made, serving(made):
        await slack.connected()
        made.connection.suspect()
        await slack.until(lambda: made.asked("auth.test") == 2)
        assert (await slack.command("/task", "all well")).text == "all well"


async def test_a_connection_that_always_breaks_is_tried_ever_more_slowly(
    slack: FakeSlack,
) -> None:
    """Without a pause there would be thousands of calls in that time."""
    pace = Pace(retry=30.0, longest_retry=60.0)
    async with line(slack, pace) as made, serving(made):
        for _ in range(2):
            await slack.connected()
            await slack.disconnect(None)
            await slack.until(lambda: slack.connections == 0)
        await made.is_(ChatState.LOST)
        assert made.asked("apps.connections.open") == 2


async def test_sockets_that_are_refused_do_not_make_a_storm(slack: FakeSlack) -> None:
    slack.fail("apps.connections.open", 5, "ratelimited", retry_after=0)
    slack.fail("apps.connections.open", 2, "internal_error")
    async with line(slack) as made, serving(made):
        await slack.connected()
        assert made.asked("apps.connections.open") <= 8


async def test_what_was_accepted_is_answered_before_the_line_closes(slack: FakeSlack) -> None:
    async with line(slack) as made, serving(made) as task:
        await slack.connected()
        made.gate.clear()
        asked = asyncio.create_task(slack.command("/task", "just in time"))
        await slack.until(lambda: made.heard == ["just in time"])
        closing = asyncio.create_task(made.connection.close())
        await asyncio.sleep(0)
        made.gate.set()
        assert (await asked).text == "just in time"
        await closing
        assert await task is None
        await slack.until(lambda: slack.connections == 0)


async def test_another_process_on_the_same_app_is_told_of(
    slack: FakeSlack, logs: list[Any]
) -> None:
    async with line(slack) as first, serving(first):
        await slack.connected()
        async with line(slack) as second, serving(second):
            await second.is_(ChatState.CONNECTED)
            assert of(logs, "slack.shared")[0]["connections"] == 2
            await slack.disconnect("refresh_requested")
            await slack.connected(2)


async def test_no_token_is_ever_logged_and_no_failure_has_a_traceback(
    slack: FakeSlack, logs: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING")
    async with line(slack) as made, serving(made) as task:
        await slack.connected()
        slack.fail("apps.connections.open", 2, "internal_error", status=500)
        await slack.disconnect(None)
        await slack.until(lambda: made.asked("apps.connections.open") >= 4)
        await made.is_(ChatState.CONNECTED)
        slack.wrong_app_token = True
        await slack.disconnect(None)
        assert await task is not None
    told = f"{logs} {caplog.text}"
    assert "apps.connections.open" not in caplog.text
    assert slack.bot_token not in told
    assert slack.app_token not in told
    assert "Traceback" not in told
    assert len(of(logs, "slack.token_refused")) == 1
