"""The whole daemon with Slack: a command goes in, a card is edited, the result stands in its
thread; killed in between, nothing is said twice and nothing is left unsaid.
"""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from core.credits import credit_status
from core.models import Message, MessageKind, MessageState, TaskStatus
from core.policy import BudgetPolicy
from core.settings import load_settings
from fake_slack import FakeSlackThread
from fixtures_daemon import Daemon, Home, home, until
from interfaces.credits_text import credits_text

__all__ = ["home"]

pytestmark = pytest.mark.timeout(180)

ADA, BOB, GENERAL = "U0ADA", "U0BOB", "C0GENERAL"


class Office:
    """A home whose daemons talk to a Slack that outlives them."""

    def __init__(self, home: Home, slack: FakeSlackThread) -> None:
        self.home, self.slack = home, slack
        slack.add_user(ADA, name="ada", tz="Europe/Berlin")
        slack.add_user(BOB, name="bob", tz="America/New_York")
        slack.add_channel(GENERAL, name="general", members={ADA, BOB})
        lists = {"allowed_users": [ADA], "allowed_channels": [GENERAL]}
        home.configure(slack=lists)

    def start(self, **environ: str) -> Daemon:
        tokens = {
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_APP_TOKEN": self.slack.app_token,
            "SLACK_API_URL": self.slack.api_url,
        }
        return self.home.start(**tokens, **environ)

    def start_connected(self, **environ: str) -> Daemon:
        daemon = self.start(**environ)
        daemon.until_logged("slack.connected")
        return daemon

    @property
    def cards(self) -> list[Any]:
        return [each for each in self.slack.channel(GENERAL) if each.metadata]

    def until_card(self, words: str) -> Any:
        def shown() -> list[Any]:
            return [card for card in self.cards if words in str(card.blocks) + card.text]

        return until(shown, f"a card that says {words!r}, of {self.cards}")[0]

    def in_thread(self, card: Any) -> list[Any]:
        """What stands below it."""
        return [each for each in self.slack.thread(GENERAL, card.ts) if each.ts != card.ts]

    def until_said(self, card: Any, count: int = 1) -> list[Any]:
        return until(lambda: said if len(said := self.in_thread(card)) >= count else [], "a reply")

    def credits(self) -> str:
        settings = load_settings(self.home.folder / "config.yaml", {})
        policy = BudgetPolicy.of(settings.budget)
        slots = settings.scheduler.max_parallel_tasks
        return credits_text(credit_status(self.home.queue, policy, slots))


@pytest.fixture
def office(home: Home) -> Iterator[Office]:
    with ExitStack() as stack:
        yield Office(home, stack.enter_context(FakeSlackThread()))


def test_a_command_becomes_a_finished_card_with_its_result_in_the_thread(office: Office) -> None:
    daemon = office.start_connected()
    said = "Implement user authentication --project=my-app"
    ack = office.slack.command("/task", said, user=ADA, channel=GENERAL)
    office.home.measured("ack_seconds", ack.seconds)
    assert ack.text.startswith("Task 1 is queued in project my-app")

    card = office.until_card("Done")
    task = office.home.until_status(1, TaskStatus.COMPLETED)
    assert (task.description, task.project_id) == ("Implement user authentication", "my-app")
    assert len(office.cards) == 1, "one card, edited in place"
    assert any("Running" in str(blocks) for _, blocks in card.edits)
    assert "REHEARSAL" in str(card.blocks)
    (result,) = office.until_said(card)
    assert f"<@{ADA}>" in str(result.blocks) + result.text
    assert office.home.run(1).output is not None
    assert str(office.home.run(1).output)[:40] in str(result.blocks)

    ack = office.slack.command("/credits", "", user=ADA, channel=GENERAL)
    assert ack.text == office.credits()
    assert daemon.stop() == 0
    assert len(office.in_thread(card)) == 1


def test_killed_at_each_step_between_done_and_said_the_result_is_said_exactly_once(
    office: Office,
) -> None:
    """The first start posts the card and is stopped; the second does the work and dies, and each
    of the next a step later, over the same message.
    """
    first = office.start_connected()
    office.slack.command("/task", "Say hello [rehearse: hang]", user=ADA, channel=GENERAL)
    office.until_card("Running")
    assert first.stop() == 0
    with office.home.database.write() as connection:
        connection.exec_driver_sql("UPDATE tasks SET description = 'Say hello'")

    for point in ("chat.planned", "chat.taken", "chat.posted", "chat.sent"):
        killed = office.start(SLEEPLESS_FAILPOINT=point)
        assert killed.exit_code() == -signal.SIGKILL, killed.text
        until(lambda: office.slack.connections == 0, "the dead daemon to be gone")

    daemon = office.start_connected()
    office.home.until_status(1, TaskStatus.COMPLETED)
    card = office.until_card("Done")
    until(lambda: not _unsent(office), "everything to be sent")
    assert len(office.in_thread(card)) == 1
    assert len(office.cards) == 1
    assert daemon.stop() == 0


def _unsent(office: Office) -> list[Message]:
    states = (MessageState.DUE, MessageState.SENDING)
    return list(office.home.rows(Message, Message.state.in_(states)))


def test_killed_right_after_the_end_of_the_run_the_result_is_said_exactly_once(
    office: Office,
) -> None:
    """The run is settled, and the daemon dies before anybody has read of it."""
    daemon = office.start_connected()
    held = office.slack.hold("chat.postMessage", when=lambda args: "thread_ts" in args)
    office.slack.command("/task", "Say hello", user=ADA, channel=GENERAL)
    card = office.until_card("Done")
    held.reached()
    daemon.kill()
    held.release(after_work=True)

    again = office.start_connected()
    until(lambda: not _unsent(office), "everything to be sent")
    assert len(office.until_said(card)) == 1
    results = office.home.rows(Message, Message.kind == MessageKind.RESULT)
    assert [message.state for message in results] == [MessageState.SENT]
    assert again.stop() == 0


def test_a_reply_in_the_thread_reaches_the_agent(office: Office) -> None:
    daemon = office.start_connected()
    text = "Say hello [rehearse: slow 3]"
    office.slack.command("/task", text, user=ADA, channel=GENERAL)
    card = office.until_card("Running")
    reply = office.slack.reply(card, "And write it in French.", user=ADA)
    assert reply is not None
    office.home.until_status(1, TaskStatus.COMPLETED)
    assert "And write it in French." in _told_to_agents(office)
    assert daemon.stop() == 0


def _told_to_agents(office: Office) -> str:
    sessions = (office.home.root / ".sleepless" / "sessions").rglob("*.jsonl")
    return "".join(file.read_text(encoding="utf-8") for file in sessions)


def test_a_button_stops_the_agent(office: Office) -> None:
    daemon = office.start_connected()
    office.slack.command("/task", "Wait [rehearse: hang]", user=ADA, channel=GENERAL)
    card = office.until_card("Running")
    office.slack.click(card, "task:stop", user=ADA)
    office.home.until_status(1, TaskStatus.CANCELLED)
    office.until_card("Cancelled")
    assert daemon.stop() == 0


def test_a_stranger_is_refused_and_nothing_changes(office: Office) -> None:
    daemon = office.start_connected()
    ack = office.slack.command("/task", "Do it", user=BOB, channel=GENERAL)
    assert "list" in ack.text
    assert office.home.queue.list_tasks().total == 0
    assert daemon.lines("slack.refused")
    assert daemon.stop() == 0


def test_no_token_stands_in_the_log(office: Office) -> None:
    daemon = office.start_connected()
    office.slack.command("/credits", "", user=ADA, channel=GENERAL)
    office.slack.disconnect(None)
    until(lambda: len(daemon.lines("slack.connected")) > 1, "to be connected again")
    assert daemon.stop() == 0
    assert office.slack.bot_token not in daemon.text
    assert office.slack.app_token not in daemon.text


def test_a_wrong_token_is_named_once_and_the_night_runs_on(office: Office) -> None:
    office.slack.wrong_app_token = True
    daemon = office.start()
    daemon.until_ready()
    refusal = daemon.until_logged("slack.token_refused")
    assert refusal["variable"] == "SLACK_APP_TOKEN"
    task_id = office.home.add("Say hello")
    office.home.until_status(task_id, TaskStatus.COMPLETED)
    assert daemon.stop() == 0
    asked = [call for call in office.slack.calls if call.method == "apps.connections.open"]
    assert len(asked) <= 2


def test_without_tokens_it_runs_and_says_so(home: Home) -> None:
    daemon = home.start()
    daemon.until_ready()
    assert "SLACK_BOT_TOKEN" in daemon.until_logged("slack.off")["because"]
    assert daemon.stop() == 0
