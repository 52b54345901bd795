"""Which events deserve a message."""

from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from core.models import Message, MessageKind, MessageState
from core.outbox import Letter, Place
from core.pictures import picture
from interfaces.slack.outgoing.planning import Happening, letter_of
from interfaces.slack.outgoing.sending import thread_of
from interfaces.slack.outgoing.trouble import Meaning, Trouble, trouble_of

HERE = Place("C1", "100.1", "U1")
NOWHERE = Place(None, None, None)


def message(**facts: Any) -> Message:
    return picture(Message, {"id": 7, "channel": "C1", "muted": False, "thread_ts": None} | facts)


def settled(status: str) -> Happening:
    return Happening("run.settled", 42, 3, status)


def test_a_new_task_gets_a_card_where_it_was_asked_for() -> None:
    letter = letter_of(Happening("task.added", 42, None), HERE, None)
    assert letter == Letter("card:42", MessageKind.CARD, "C1", 42, thread_ts="100.1")


def test_a_task_from_nowhere_gets_none() -> None:
    assert letter_of(Happening("task.added", 42, None), NOWHERE, None) is None
    assert letter_of(Happening("task.added", 42, None), None, None) is None
    assert letter_of(settled("completed"), NOWHERE, None) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [("completed", "result"), ("failed", "failure"), ("in_review", "needs_you")],
)
def test_an_ending_is_told_in_the_cards_thread(status: str, kind: str) -> None:
    letter = letter_of(settled(status), HERE, message())
    assert letter == Letter(f"{kind}:42:3", MessageKind(kind), "C1", 42, parent_id=7)


@pytest.mark.parametrize("status", ["pending", "cancelled"])
def test_what_goes_on_or_was_cancelled_changes_the_card_alone(status: str) -> None:
    assert letter_of(settled(status), HERE, message()) is None


@pytest.mark.parametrize("type_", ["task.claimed", "task.cancelled", "task.retried", "other"])
def test_other_events_post_nothing(type_: str) -> None:
    assert letter_of(Happening(type_, 42, 3), HERE, message()) is None


def test_a_muted_card_keeps_its_thread_quiet() -> None:
    assert letter_of(settled("completed"), HERE, message(muted=True)) is None


@pytest.mark.parametrize(
    ("parent", "place"),
    [
        ({"state": "sent", "ts": "200.1"}, ("C1", "200.1")),
        ({"state": "sent", "ts": "200.1", "thread_ts": "100.1"}, ("C1", "100.1")),
        ({"state": "sent", "ts": "200.1", "channel": "D9"}, ("D9", "200.1")),
        ({"state": "given_up", "ts": None, "channel": "U9"}, ("C1", None)),
        ({"state": "given_up", "ts": "200.1", "error": "message_not_found"}, ("C1", None)),
        ({"state": "given_up", "ts": "200.1", "error": "cant_update_message"}, ("C1", "200.1")),
    ],
)
def test_a_letter_goes_where_its_parent_stands(
    parent: dict[str, Any], place: tuple[str, str | None]
) -> None:
    facts = {"ts": None, "error": None} | parent | {"state": MessageState(parent["state"])}
    assert thread_of(message(), message(**facts)) == place


class Answer:
    """As much of an answer as an error carries."""

    def __init__(self, status: int, data: Any, **headers: str) -> None:
        self.status_code, self.data = status, data
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def refusal(answer: Answer) -> SlackApiError:
    return SlackApiError("no", answer)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("status", "error", "meaning"),
    [
        (200, "not_in_channel", Meaning.NO_PLACE),
        (200, "thread_not_found", Meaning.NO_THREAD),
        (200, "message_not_found", Meaning.NO_MESSAGE),
        (200, "invalid_blocks", Meaning.TOO_MUCH),
        (200, "invalid_auth", Meaning.TOKEN),
        (200, "fatal_error", Meaning.UNKNOWN),
        (503, "", Meaning.UNKNOWN),
        (500, "some_error", Meaning.UNKNOWN),
        (200, "something_new", Meaning.REFUSED),
    ],
)
def test_every_refusal_has_a_meaning(status: int, error: str, meaning: Meaning) -> None:
    data = {"ok": False, "error": error} if error else ""
    assert trouble_of(refusal(Answer(status, data))).meaning is meaning


def test_haste_is_waited_out_as_long_as_slack_says() -> None:
    limited = {"ok": False, "error": "ratelimited"}
    told = trouble_of(refusal(Answer(429, limited, Retry_After="17")))
    assert told == Trouble(Meaning.TOO_FAST, "ratelimited", 17.0)
    assert trouble_of(refusal(Answer(429, ""))).wait == 30
    assert trouble_of(refusal(Answer(200, limited, retry_after="soon"))).wait == 30


@pytest.mark.parametrize("lost", [TimeoutError(), aiohttp.ServerDisconnectedError(), OSError()])
def test_a_lost_answer_means_that_nobody_knows(lost: Exception) -> None:
    assert trouble_of(lost).meaning is Meaning.UNKNOWN
