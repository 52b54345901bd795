"""What people say: mentions, direct messages, replies in a task's thread, and Slack's own Stop.

A new task's card is its answer; an instruction is answered by a reaction. What has to be said in
words goes out through the outbox, so that it arrives once whatever dies in between; what is for
one person alone and can be said again is an ephemeral message.
"""

from dataclasses import dataclass
from typing import Any, Final

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.errors import SlackApiError

from core import inbox, outbox
from core.models import MessageKind
from core.outbox import Letter
from interfaces.bot import Action, Outcome, Reply, Request, Seen
from interfaces.grammar import Command, Verb, parse_said
from interfaces.slack.connecting.identity import LOST
from interfaces.slack.incoming.answers import body_of
from interfaces.slack.incoming.delivery import Delivery, Kind
from interfaces.slack.incoming.office import Office
from interfaces.slack.incoming.voice import Aside
from interfaces.slack.rendering.words import unescape, without_mention

log = structlog.get_logger(__name__)

_HEARD: Final = "eyes"
_NEW_TASK: Final = frozenset({Verb.TASK, Verb.THINK})


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the bot made of it; `task_id` is the task that was spoken to, if one was."""

    reply: Reply
    task_id: int | None
    #: a new task's card says all there is to say
    has_card: bool = False


def register(app: AsyncApp, office: Office) -> None:
    async def hear(ack: AsyncAck, context: AsyncBoltContext) -> None:
        delivery: Delivery = context["delivery"]

        async def work() -> Reply | None:
            return await _hear(office, delivery)

        aside = Aside(office.client, delivery)
        await office.desk.answer(ack, aside, work, key=delivery.key, in_ack=False)

    async def stop(ack: AsyncAck, context: AsyncBoltContext) -> None:
        delivery: Delivery = context["delivery"]

        async def work() -> Reply | None:
            request = await office.request_of(delivery, delivery.thread_ts)
            return await office.desk.in_thread(_stopped, office, delivery, request)

        aside = Aside(office.client, delivery)
        await office.desk.answer(ack, aside, work, key=delivery.key, in_ack=False)

    app.event("app_mention")(hear)
    app.event("message")(hear)
    app.event("agent_session_stopped")(stop)


async def _hear(office: Office, delivery: Delivery) -> Reply | None:
    """What is left to be said to that person alone."""
    task_id = await office.desk.in_thread(office.task_of, delivery)
    if delivery.kind is Kind.MESSAGE:
        if task_id is None:
            return None
        if refused := office.pace.take(delivery.user):
            return Reply(Outcome.REFUSED, refused.advice)
    request = await office.request_of(delivery, delivery.thread_ts or delivery.ts)
    answer = await office.desk.in_thread(_answered, office, delivery, request, task_id)
    if answer is None:
        return None
    _note(delivery, answer)
    if answer.task_id is not None and answer.reply.outcome is Outcome.DONE and answer.reply.text:
        office.desk.spawn(_react(office, delivery), "slack-reaction")
    return answer.reply if _is_for_one(delivery, answer) else None


def _answered(
    office: Office, delivery: Delivery, request: Request, task_id: int | None
) -> _Answer | None:
    """None: it was delivered before."""
    if not office.inbox.take(request.key):
        return None
    answer = _ask(office, delivery, request, task_id)
    with office.queue.database.write(wakes=True) as connection:
        if _is_for_all(delivery, answer):
            outbox.put(connection, _letter(request, answer.reply), office.clock.now())
        inbox.answered(connection, request.key, office.clock.now())
    return answer


def _ask(office: Office, delivery: Delivery, request: Request, task_id: int | None) -> _Answer:
    text = unescape(without_mention(delivery.text, office.identity.bot_user))
    if task_id is not None:
        return _Answer(office.bot.instruct(task_id, text, request), task_id)
    meant = parse_said(text)
    queues = isinstance(meant, Command) and meant.verb in _NEW_TASK
    reply = office.bot.said(text, request)
    return _Answer(reply, None, has_card=queues and reply.outcome is Outcome.DONE)


def _needs_words(answer: _Answer) -> bool:
    return answer.reply.ping and bool(answer.reply.text) and not answer.has_card


def _is_for_one(delivery: Delivery, answer: _Answer) -> bool:
    """A hint or a refusal among many people; in a direct message there is nobody else."""
    is_answer = answer.reply.outcome is Outcome.DONE
    return _needs_words(answer) and not is_answer and delivery.kind is not Kind.DIRECT


def _is_for_all(delivery: Delivery, answer: _Answer) -> bool:
    return _needs_words(answer) and not _is_for_one(delivery, answer)


def _letter(request: Request, reply: Reply) -> Letter:
    return Letter(
        key=f"reply:{request.key}",
        kind=MessageKind.REPLY,
        channel=request.channel,
        thread_ts=request.thread_ts,
        payload=body_of(reply),
    )


def _stopped(office: Office, delivery: Delivery, request: Request) -> Reply | None:
    task_id = office.task_of(delivery)
    if task_id is None or not office.inbox.take(request.key):
        return None
    seen = Seen.of(office.queue.get_task(task_id))
    reply = office.bot.press(Action.STOP, seen, request)
    office.inbox.answered(request.key)
    return reply


async def _react(office: Office, delivery: Delivery) -> None:
    """Best effort: the instruction is kept whether or not the reaction arrives."""
    place: dict[str, Any] = {"channel": delivery.channel, "timestamp": delivery.ts}
    try:
        await office.client.reactions_add(name=_HEARD, **place)
    except SlackApiError as error:
        log.info("slack.reaction_refused", error=error.response.get("error"))
    except LOST as error:
        log.info("slack.reaction_refused", error=type(error).__name__)


def _note(delivery: Delivery, answer: _Answer) -> None:
    log.info(
        "slack.heard",
        user=delivery.user,
        channel=delivery.channel,
        what=delivery.what,
        task_id=answer.reply.task_id or answer.task_id,
        outcome=answer.reply.outcome.value,
    )
