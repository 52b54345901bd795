"""The buttons of a task's card; what they answer is for the person who pressed alone."""

import re
from typing import Any, Final

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.context.respond.async_respond import AsyncRespond

from core import outbox
from core.models import MessageKind
from core.outbox import Letter
from interfaces.bot import Action, Outcome, Reply, Request, Seen
from interfaces.slack.incoming.answers import body_of
from interfaces.slack.incoming.delivery import Delivery
from interfaces.slack.incoming.office import Office

log = structlog.get_logger(__name__)

_OURS: Final = re.compile(r"^task:")
_UNREADABLE: Final = Reply(
    Outcome.STALE, "Sleepless does not know this button any more; /tasks shows how things are."
)


def register(app: AsyncApp, office: Office) -> None:
    @app.action(_OURS)
    async def press(
        ack: AsyncAck,
        respond: AsyncRespond,
        action: dict[str, Any],
        context: AsyncBoltContext,
    ) -> None:
        delivery: Delivery = context["delivery"]

        async def work() -> Reply | None:
            return await _work(office, delivery, str(action.get("value") or ""))

        apart = respond if respond.response_url else None
        await office.desk.answer(ack, apart, work, key=delivery.key, in_ack=False)


async def _work(office: Office, delivery: Delivery, value: str) -> Reply | None:
    action, seen = _action_of(delivery.what), Seen.read(value)
    if action is None or seen is None:
        log.warning("slack.unknown", kind=delivery.kind.value, what=delivery.what)
        return _UNREADABLE
    request = await office.request_of(delivery)
    reply = await office.desk.in_thread(_pressed, office, action, seen, request)
    log.info(
        "slack.pressed",
        user=delivery.user,
        channel=delivery.channel,
        action=action.value,
        task_id=seen.task_id,
        outcome=(reply.outcome if reply else Outcome.STALE).value,
    )
    return reply


def _action_of(action_id: str) -> Action | None:
    try:
        return Action(action_id.removeprefix("task:"))
    except ValueError:
        return None


def _pressed(office: Office, action: Action, seen: Seen, request: Request) -> Reply | None:
    """None: this very press was delivered before, or there is nothing to say about it."""
    if not office.inbox.take(request.key):
        return None
    reply = office.bot.press(action, seen, request)
    if request.channel == request.user:
        _write_to(office, request, reply)
    office.inbox.answered(request.key)
    return reply


def _write_to(office: Office, request: Request, reply: Reply) -> None:
    """Pressed on the home page, which has no place for an answer and shows what has changed
    itself: everything else comes as a direct message.
    """
    if reply.outcome is Outcome.DONE and reply.markdown is None:
        return
    key = f"reply:{request.key}"
    letter = Letter(key, MessageKind.REPLY, request.channel, payload=body_of(reply))
    with office.queue.database.write(wakes=True) as connection:
        outbox.put(connection, letter, office.clock.now())
