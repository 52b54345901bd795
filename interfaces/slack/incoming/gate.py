"""The gate: nothing that Slack delivers reaches a listener without a decision over who sent it.

It is middleware, so it also stands before a listener that somebody adds later.
"""

from collections.abc import Awaitable, Callable

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.response import BoltResponse
from structlog.contextvars import bind_contextvars

from core.logs import new_correlation_id
from interfaces.slack.incoming.access import Allowed, Refused
from interfaces.slack.incoming.answers import apology_text
from interfaces.slack.incoming.delivery import (
    ACTS,
    SAID,
    Delivery,
    Kind,
    Payload,
    by_a_person,
    read,
)
from interfaces.slack.incoming.notices import Envelope, refuse, tell
from interfaces.slack.incoming.office import Office

log = structlog.get_logger(__name__)

_UNKNOWN = "Sleepless does not know {what}. /task help lists what it can do."


def register(app: AsyncApp, office: Office) -> None:
    """The gate before everything, and the guard around everything."""

    @app.middleware
    async def let_in(
        body: Payload,
        context: AsyncBoltContext,
        ack: AsyncAck,
        respond: AsyncRespond,
        next: Callable[[], Awaitable[None]],  # noqa: A002 - bolt injects it by this name
    ) -> BoltResponse | None:
        bind_contextvars(correlation_id=new_correlation_id(office.clock))
        delivery = read(body)
        context["delivery"] = delivery
        if _is_nobodys_business(delivery, body, office.identity.bot_user):
            return await ack()
        refused = _decide(office, delivery)
        if refused is not None:
            return await refuse(office, refused, Envelope(delivery, body, ack, respond))
        await next()
        return None

    @app.error
    async def apologise(
        error: Exception, body: Payload, ack: AsyncAck, respond: AsyncRespond
    ) -> BoltResponse:
        """An acknowledgement leaves whatever happened; the log has the traceback under its id."""
        envelope = Envelope(read(body), body, ack, respond)
        if isinstance(error, BoltUnhandledRequestError):
            return await _answer_unknown(office, envelope)
        log.error("slack.failed", what=envelope.delivery.what, exc_info=error)
        if envelope.delivery.kind is Kind.MESSAGE:
            return await ack()
        return await tell(office, apology_text(), envelope)


def _is_nobodys_business(delivery: Delivery, body: Payload, bot_user: str) -> bool:
    """What apps write, edits, and what is said in a channel outside every thread.

    A mention in a channel arrives twice, as a message, too: `app_mention` brings it.
    """
    if delivery.kind not in SAID:
        return False
    if not by_a_person(delivery, body, bot_user):
        return True
    if delivery.kind is not Kind.MESSAGE:
        return False
    in_thread = delivery.thread_ts not in (None, delivery.ts)
    return not in_thread or f"<@{bot_user}>" in delivery.text


def _decide(office: Office, delivery: Delivery) -> Refused | None:
    decision = office.access.decide(delivery.caller)
    if not isinstance(decision, Allowed):
        return decision
    # a message in a channel counts once it is known to stand in a task's thread
    counts = delivery.kind in ACTS and delivery.kind is not Kind.MESSAGE
    return office.pace.take(decision.user) if counts else None


async def _answer_unknown(office: Office, envelope: Envelope) -> BoltResponse:
    """No listener: honest to a person who waits for something, silent to the rest."""
    delivery = envelope.delivery
    if delivery.kind not in ACTS or delivery.kind in SAID:
        return await envelope.ack()
    log.warning("slack.unknown", kind=delivery.kind.value, what=delivery.what)
    return await tell(office, _UNKNOWN.format(what=delivery.what), envelope)
