"""The form for a new task: bare `/task`, and the message shortcut "Turn into a task"."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_bolt.response import BoltResponse
from sqlalchemy.orm import Session

from core import people, projects
from interfaces.bot import Outcome, Reply
from interfaces.grammar import Order
from interfaces.slack.connecting.identity import LOST, slack_word
from interfaces.slack.incoming.access import Refused
from interfaces.slack.incoming.answers import apology_text, plain_body
from interfaces.slack.incoming.delivery import Delivery
from interfaces.slack.incoming.desk import GRACE
from interfaces.slack.incoming.notices import note
from interfaces.slack.incoming.office import Office
from interfaces.slack.incoming.task_form import (
    CALLBACK,
    OPTIONS,
    Blank,
    Choice,
    Filled,
    Origin,
    Problems,
    order_of,
    view,
    with_reference,
)
from interfaces.slack.incoming.voice import Aside
from interfaces.slack.rendering import words

log = structlog.get_logger(__name__)

SHORTCUT: Final = "turn_into_task"
#: seconds for the projects; a trigger opens a form for three, and a form without them will do
_LOOK: Final = 0.8
#: seconds for the name of whoever wrote a message
_NAME: Final = 0.8
#: what a field's complaint may say
_COMPLAINT: Final = 500
_TOO_LATE: Final = (
    "Slack would not open the form in time. Try again, or type the task instead, for example: {how}"
)
_HOW: Final = "/task Fix the login bug --project=my-app"


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody asked for the form, with this to begin with."""

    user: str
    trigger_id: str
    origin: Origin
    text: str = ""
    #: a thought rather than a task: done when nothing serious waits
    thought: bool = False


def register(app: AsyncApp, office: Office) -> None:
    @app.shortcut({"callback_id": SHORTCUT, "type": "message_action"})
    async def turn_into_task(
        ack: AsyncAck, respond: AsyncRespond, body: Mapping[str, Any]
    ) -> BoltResponse:
        office.desk.spawn(_open_or_tell(office, _of_message(body), respond), "slack-form")
        return await ack()

    @app.view(CALLBACK)
    async def submitted(
        ack: AsyncAck, context: AsyncBoltContext, body: Mapping[str, Any]
    ) -> BoltResponse:
        return await ack(**await _submit(office, context["delivery"], body["view"]))


async def open_form(office: Office, asked: Asked) -> str | None:
    """Put the form on the person's screen; None, or what to tell them when Slack would not."""
    blank = await _blank(office, asked)
    try:
        await office.client.views_open(trigger_id=asked.trigger_id, view=view(blank))
    except LOST as error:
        if slack_word(error) == "exchanged_trigger_id":
            return None  # a second delivery: it stands there already
        log.warning("slack.form_not_opened", problem=slack_word(error) or type(error).__name__)
        return _TOO_LATE.format(how=_HOW)
    return None


async def _open_or_tell(office: Office, asked: Asked, respond: AsyncRespond) -> None:
    problem = await open_form(office, asked)
    if problem is not None:
        office.desk.say_apart(respond, plain_body(problem))


def _of_message(body: Mapping[str, Any]) -> Asked:
    """The card of the task goes into the thread of the message."""
    message, channel = body["message"], body["channel"]["id"]
    origin = Origin(
        channel,
        thread_ts=message.get("thread_ts") or message["ts"],
        link=_link(body, channel, message),
        author=message.get("user") or message.get("username"),
    )
    text = words.unescape(str(message.get("text") or ""))
    return Asked(body["user"]["id"], body["trigger_id"], origin, text)


def _link(body: Mapping[str, Any], channel: str, message: Mapping[str, Any]) -> str | None:
    """Slack's permalink, without asking for it: that would cost time the trigger does not have."""
    domain = (body.get("team") or {}).get("domain")
    if not domain:
        return None
    ts, root = message["ts"], message.get("thread_ts")
    link = f"https://{domain}.slack.com/archives/{channel}/p{ts.replace('.', '')}"
    return link if root in (None, ts) else f"{link}?thread_ts={root}&cid={channel}"


async def _blank(office: Office, asked: Asked) -> Blank:
    def look(user: str) -> tuple[list[Choice], str | None]:
        with office.queue.database.read() as session:
            return _choices(session), _preset(session, user)

    try:
        async with asyncio.timeout(_LOOK):
            choices, preset = await office.desk.in_thread(look, asked.user)
    except TimeoutError:
        return Blank(asked.origin, asked.text, thought=asked.thought)
    return Blank(replace(asked.origin, preset=preset), asked.text, choices, asked.thought)


def _choices(session: Session) -> list[Choice]:
    return [Choice(each.id, each.name) for each in projects.lately_used(session, OPTIONS)]


def _preset(session: Session, user: str) -> str | None:
    person = people.find(session, user)
    return None if person is None else person.default_project


# --- the form comes back --------------------------------------------------------------------


async def _submit(office: Office, delivery: Delivery, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The acknowledgement: what is wrong with the form, or nothing, which closes it."""
    filled = Filled.read(sent)
    refused = _refused(office, delivery, filled.origin)
    if refused is not None:
        return _complaint({"text": refused.advice})
    understood = order_of(filled, office.clock.now())
    if not isinstance(understood, Order):
        return _complaint(understood)
    queued = office.desk.spawn_result(_queue(office, delivery, filled, understood), "slack-form")
    await asyncio.wait({queued}, timeout=GRACE)
    if not queued.done():
        office.desk.spawn(_tell_late(office, queued, delivery, filled.origin), "slack-late-answer")
        return {}
    reply = queued.result()
    if reply.outcome is not Outcome.DONE:
        return _complaint({"text": reply.text})
    _tell(office, reply.text, delivery, filled.origin)
    return {}


def _refused(office: Office, delivery: Delivery, origin: Origin) -> Refused | None:
    """A form says nothing of where it was asked for; it may lie open while the rules change."""
    channel = None if origin.channel == delivery.user else origin.channel
    caller = replace(delivery.caller, channel=channel)
    decision = office.access.decide(caller)
    if not isinstance(decision, Refused):
        return None
    note(decision, replace(delivery, caller=caller))
    return decision


def _complaint(problems: Problems) -> dict[str, Any]:
    errors = {field: words.clipped(text, _COMPLAINT) for field, text in problems.items()}
    return {"response_action": "errors", "errors": errors}


async def _queue(office: Office, delivery: Delivery, filled: Filled, order: Order) -> Reply:
    author = await _name(office, filled.origin.author)
    text = with_reference(order.text, filled.origin, author)
    asked = await office.request_of(_place(delivery, filled.origin), filled.origin.thread_ts)
    # who left the project empty chose none
    request = replace(asked, default_project=None)
    return await office.desk.in_thread(office.bot.submit, replace(order, text=text), request)


async def _name(office: Office, author: str | None) -> str | None:
    if author is None:
        return None
    try:
        async with asyncio.timeout(_NAME):
            return f"{await office.people.name(author)} ({author})"
    except TimeoutError:
        return author


async def _tell_late(
    office: Office, queued: "asyncio.Task[Reply]", delivery: Delivery, origin: Origin
) -> None:
    try:
        text = (await queued).text
    except Exception:
        log.exception("slack.work_failed")
        text = apology_text()
    _tell(office, text, delivery, origin)


def _tell(office: Office, text: str, delivery: Delivery, origin: Origin) -> None:
    """To the person alone, where the form was asked for; in a direct message the card says it."""
    if origin.channel == delivery.user:
        return
    office.desk.say_apart(Aside(office.client, _place(delivery, origin)), plain_body(text))


def _place(delivery: Delivery, origin: Origin) -> Delivery:
    """The form as if it had been sent from where it was asked for."""
    caller = replace(delivery.caller, channel=origin.channel)
    return replace(delivery, caller=caller, thread_ts=origin.thread_ts)
