"""Replies as Slack is given them, and payloads as we read them."""

from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.bot import Outcome, Reply
from interfaces.slack.incoming.answers import body_of
from interfaces.slack.incoming.delivery import Kind, by_a_person, read
from interfaces.slack.rendering.blocks import SECTION_LIMIT, units

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=200)


def of(text: str, **more: object) -> Reply:
    return Reply(Outcome.DONE, text, **more)  # type: ignore[arg-type]


def test_a_reply_without_anything_below_it_is_its_text_alone() -> None:
    assert body_of(of("💳 Usage & Budget Status\n\nRemaining: $8.45 / $9.00")) == {
        "text": "💳 Usage & Budget Status\n\nRemaining: $8.45 / $9.00"
    }


def test_silence_has_no_body() -> None:
    assert body_of(None) == {}
    assert body_of(of("", ping=False)) == {}


@given(TEXTS)
def test_no_text_becomes_markup_and_every_text_is_read_as_it_was(text: str) -> None:
    shown = body_of(of(text)).get("text", "")
    assert "<" not in shown
    assert ">" not in shown
    assert unescape_slack(shown).replace("\u200b", "") == text.replace("\u200b", "")


def unescape_slack(text: str) -> str:
    """What Slack shows: three entities are read, every other & is one."""
    for entity in ("&lt;", "&gt;"):
        text = text.replace(entity, unescape(entity))
    return text.replace("&amp;", "&")


def test_a_rehearsed_answer_says_so_and_keeps_its_text() -> None:
    body = body_of(of("Remaining: $1.00 / $1.00", rehearsal=True))
    assert body["text"] == "Remaining: $1.00 / $1.00"
    assert body["blocks"][0]["text"]["text"] == body["text"]
    assert body["blocks"][-1]["type"] == "context"
    assert "REHEARSAL" in body["blocks"][-1]["elements"][0]["text"]


def test_what_a_model_wrote_stands_below_as_markdown_that_pings_nobody() -> None:
    body = body_of(of("Task 1 is done.", markdown="Hello <!channel> and <@U1>" + "x" * 20_000))
    [below] = [block for block in body["blocks"] if block["type"] == "markdown"]
    assert "<!channel>" not in below["text"]
    assert "<@U1>" not in below["text"]
    assert len(below["text"]) <= 12_000


def test_a_long_text_is_cut_into_sections_that_slack_takes() -> None:
    text = "🌙" * 4000 + "\nline\n" * 500
    body = body_of(of(text, rehearsal=True))
    sections = [b["text"]["text"] for b in body["blocks"] if b["type"] == "section"]
    assert all(units(section) <= SECTION_LIMIT for section in sections)
    assert "".join(sections).replace("\n", "") == text.replace("\n", "")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "event_callback"},
        {"type": "event_callback", "event": {}},
        {"type": "block_actions"},
        {"type": "view_submission"},
        {"type": "view_closed", "user": None, "view": None},
        {"type": "something_new", "team": None},
        {"command": "/task"},
    ],
)
def test_a_payload_that_lacks_everything_is_nobody_s(body: dict[str, object]) -> None:
    assert read(body).caller.user is None


def test_a_message_has_one_key_however_it_is_brought() -> None:
    said = {"channel": "C1", "ts": "1.2", "user": "U1", "text": "<@U0BOT> hello"}
    mention = {"type": "event_callback", "event_id": "Ev1", "event": said | {"type": "app_mention"}}
    message = {"type": "event_callback", "event_id": "Ev2", "event": said | {"type": "message"}}
    assert read(mention).key == read(message).key == "message:C1:1.2"
    assert (read(mention).kind, read(message).kind) == (Kind.MENTION, Kind.MESSAGE)


@pytest.mark.parametrize(
    ("more", "listened_to"),
    [
        ({}, True),
        ({"subtype": "file_share"}, True),
        ({"subtype": "thread_broadcast"}, True),
        ({"subtype": "message_changed"}, False),
        ({"hidden": True}, False),
        ({"bot_id": "B1"}, False),
        ({"bot_profile": {"id": "B1"}}, False),
        ({"user": "U0BOT"}, False),
        ({"edited": {"ts": "2.1"}}, False),
    ],
)
def test_what_people_write_is_told_from_the_rest(
    more: dict[str, object], *, listened_to: bool
) -> None:
    event = {"type": "message", "channel": "D1", "channel_type": "im", "ts": "1.2", "user": "U1"}
    body = {"type": "event_callback", "event": event | more}
    assert by_a_person(read(body), body, "U0BOT") is listened_to
