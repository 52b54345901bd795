"""Slash commands: the acknowledgement carries the answer."""

from typing import Final

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.context.respond.async_respond import AsyncRespond

from interfaces.bot import Outcome, Reply, Request
from interfaces.bot_commands import COMMANDS
from interfaces.grammar import Command, Verb, parse, slash
from interfaces.slack.incoming import forms
from interfaces.slack.incoming.answers import plain_body
from interfaces.slack.incoming.delivery import Delivery, Payload
from interfaces.slack.incoming.office import Office
from interfaces.slack.incoming.task_form import Origin
from interfaces.slack.rendering.words import unescape

log = structlog.get_logger(__name__)

#: what changes a task; a new one has a key of its own, and who only looks may look twice
_CHANGES: Final = frozenset({Verb.CANCEL, Verb.RETRY, Verb.PRIORITY})
#: heard although no manifest can declare it: a gateway may still pass it on
_ALSO: Final = {"/status": Verb.STATUS}


def register(app: AsyncApp, office: Office) -> None:
    verbs = {slash(verb): verb for verb in COMMANDS} | _ALSO

    async def obey(
        ack: AsyncAck, respond: AsyncRespond, body: Payload, context: AsyncBoltContext
    ) -> None:
        delivery: Delivery = context["delivery"]
        verb, text = verbs[delivery.what], unescape(delivery.text)
        if _opens_form(verb, text):
            # before anything that waits: the trigger lives three seconds
            problem = await forms.open_form(office, _asked(delivery, body, verb))
            await ack(**(plain_body(problem) if problem else {}))
            return

        async def work() -> Reply | None:
            return await _work(office, delivery, verb, text)

        await office.desk.answer(ack, respond, work, key=delivery.key)

    for command in verbs:
        app.command(command)(obey)


def _opens_form(verb: Verb, text: str) -> bool:
    meant = parse(verb, text)
    wants_text = verb in (Verb.TASK, Verb.THINK)
    return wants_text and isinstance(meant, Command) and meant == Command(verb)


def _asked(delivery: Delivery, body: Payload, verb: Verb) -> forms.Asked:
    origin, trigger_id = Origin(delivery.channel or delivery.user), str(body.get("trigger_id"))
    return forms.Asked(delivery.user, trigger_id, origin, thought=verb is Verb.THINK)


async def _work(office: Office, delivery: Delivery, verb: Verb, text: str) -> Reply | None:
    began = office.clock.monotonic()
    request = await office.request_of(delivery)
    reply = await office.desk.in_thread(_obeyed, office, verb, text, request)
    log.info(
        "slack.command",
        user=delivery.user,
        channel=delivery.channel,
        verb=verb.value,
        ms=round((office.clock.monotonic() - began) * 1000),
        outcome=(reply.outcome if reply else Outcome.STALE).value,
        task_id=reply.task_id if reply else None,
    )
    return reply


def _obeyed(office: Office, verb: Verb, text: str, request: Request) -> Reply | None:
    """None: it was delivered before, and is answered or worked on."""
    if verb not in _CHANGES:
        return office.bot.command(verb, text, request)
    if not office.inbox.take(request.key):
        return None
    reply = office.bot.command(verb, text, request)
    office.inbox.answered(request.key)
    return reply
