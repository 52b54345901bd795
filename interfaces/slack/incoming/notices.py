"""Telling a person something that is no answer of the bot's: a refusal, an apology, "unknown".

Each kind of delivery has its own place for it, seen by that person alone; all of them are
acknowledged at once, and what needs a call to Slack is made in the background.
"""

from dataclasses import dataclass
from typing import Any, Final

import structlog
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_bolt.response import BoltResponse

from interfaces.slack.incoming.access import Reason, Refused
from interfaces.slack.incoming.answers import plain_body
from interfaces.slack.incoming.delivery import Delivery, Kind, Payload
from interfaces.slack.incoming.office import Office
from interfaces.slack.incoming.voice import Aside
from interfaces.slack.rendering.blocks import Block, plain, section
from interfaces.slack.rendering.words import escape

log = structlog.get_logger(__name__)

#: seconds: what stays in a conversation is said once an hour, what vanishes more often
_STAYS: Final = 3600.0
_VANISHES: Final = 10.0
_TITLE: Final = "Sleepless"
#: what asks for nothing is not worth a line when it comes from outside
_SILENT: Final = frozenset({Kind.EVENT, Kind.CLOSED, Kind.OPTIONS})


@dataclass(frozen=True, slots=True)
class Envelope:
    """A delivery, and how it is acknowledged and answered."""

    delivery: Delivery
    body: Payload
    ack: AsyncAck
    respond: AsyncRespond


async def refuse(office: Office, refused: Refused, envelope: Envelope) -> BoltResponse:
    """Say no where only that person sees it, change nothing, and leave a line."""
    delivery = envelope.delivery
    if delivery.kind is Kind.MESSAGE:
        office.desk.spawn(_refuse_in_thread(office, refused, delivery), "slack-refusal")
        return await envelope.ack()
    note(refused, delivery)
    if not _is_told(office, refused, delivery):
        return await envelope.ack()
    return await tell(office, refused.advice, envelope)


async def tell(office: Office, text: str, envelope: Envelope) -> BoltResponse:
    delivery, ack = envelope.delivery, envelope.ack
    match delivery.kind:
        case Kind.COMMAND:
            return await ack(**plain_body(text))
        case Kind.SUBMISSION:
            return await ack(_in_the_form(text, envelope.body))
        case Kind.OPTIONS:
            return await ack(options=[])
        case Kind.CLICK | Kind.SHORTCUT if envelope.body.get("response_url"):
            office.desk.say_apart(envelope.respond, plain_body(text))
        case Kind.CLICK | Kind.SHORTCUT:
            office.desk.spawn(_in_a_modal(office, text, envelope.body), "slack-notice")
        case Kind.HOME:
            office.desk.spawn(_on_the_home_page(office, text, delivery), "slack-notice")
        case Kind.CLOSED:
            pass
        case _ if delivery.channel and delivery.user:
            aside = Aside(office.client, delivery)
            office.desk.say_apart(aside, plain_body(text))
    return await ack()


def note(refused: Refused, delivery: Delivery) -> None:
    """The line that every refusal leaves."""
    if delivery.kind in _SILENT:
        return
    where = {"user": delivery.user or None, "channel": delivery.channel}
    log.warning("slack.refused", **where, what=delivery.what, reason=refused.reason.value)


def _is_told(office: Office, refused: Refused, delivery: Delivery) -> bool:
    """What is answered in the acknowledgement costs nothing; the rest is said now and then."""
    if delivery.kind in (Kind.COMMAND, Kind.SUBMISSION, Kind.OPTIONS):
        return True
    if delivery.kind in _SILENT or refused.reason is Reason.NOBODY:
        return False
    what = f"{delivery.user}:{delivery.kind}:{refused.reason}"
    stays = delivery.kind in (Kind.DIRECT, Kind.MESSAGE) and refused.reason is not Reason.TOO_FAST
    return office.seldom.may_tell(what, _STAYS if stays else _VANISHES)


async def _refuse_in_thread(office: Office, refused: Refused, delivery: Delivery) -> None:
    """People talk in channels; what they say concerns us in a task's thread alone."""
    if await office.desk.in_thread(office.task_of, delivery) is None:
        return
    note(refused, delivery)
    if _is_told(office, refused, delivery):
        office.desk.say_apart(Aside(office.client, delivery), plain_body(refused.advice))


def _in_the_form(text: str, body: Payload) -> dict[str, Any]:
    """Below a field, so that what was typed is not lost; a form without fields is replaced."""
    blocks = (body.get("view") or {}).get("blocks") or []
    fields = [block["block_id"] for block in blocks if block.get("type") == "input"]
    if fields:
        return {"response_action": "errors", "errors": {fields[0]: text}}
    return {"response_action": "update", "view": _notice(text)}


async def _in_a_modal(office: Office, text: str, body: Payload) -> None:
    """On top of whatever was clicked in."""
    in_modal = (body.get("view") or {}).get("type") == "modal"
    show = office.client.views_push if in_modal else office.client.views_open
    await show(trigger_id=str(body.get("trigger_id")), view=_notice(text))


async def _on_the_home_page(office: Office, text: str, delivery: Delivery) -> None:
    blocks = [section(escape(text), "notice")]
    await office.client.views_publish(
        user_id=delivery.user, view={"type": "home", "blocks": blocks}
    )


def _notice(text: str) -> Block:
    return {
        "type": "modal",
        "title": plain(_TITLE),
        "close": plain("Close"),
        "blocks": [section(escape(text), "notice")],
    }
