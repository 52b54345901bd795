"""From events to letters: what deserves a message, and whose card has to be drawn again.

Read in one transaction with the cursor's advance, so that an event is told once whatever happens.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from core import event_cursor, outbox
from core.models import Message, MessageKind, TaskStatus
from core.outbox import Letter, Place

log = structlog.get_logger(__name__)

#: what else listens to events, in the same transaction; when one fails, only its own part is undone
Further = Callable[[Connection, Row[Any], datetime], None]

#: what ends in a ping; a task that goes back to the queue changes its card and nothing else
_ENDINGS = {
    TaskStatus.COMPLETED: MessageKind.RESULT,
    TaskStatus.FAILED: MessageKind.FAILURE,
    TaskStatus.IN_REVIEW: MessageKind.NEEDS_YOU,
}


@dataclass(frozen=True, slots=True)
class Happening:
    """An event, as far as it matters here."""

    type: str
    task_id: int
    run_id: int | None
    #: of the task, where the event says
    status: str | None = None


def read_on(connection: Connection, owner: str, further: Sequence[Further], now: datetime) -> int:
    """Turn the next unread events into letters and stale cards; how many there were."""
    if not event_cursor.leads(connection, owner):
        return 0
    events = event_cursor.unread(connection)
    for event in events:
        _tell(connection, event, now)
        for hook in further:
            _call(hook, connection, event, now)
    for task_id, seq in _newest(events).items():
        outbox.want(connection, task_id, seq)
    if events:
        event_cursor.advance(connection, events[-1].seq, now)
    return len(events)


def letter_of(happening: Happening, place: Place | None, card: Message | None) -> Letter | None:
    """What is posted because of it. Tasks that were not asked for in a conversation have no place
    and no card; a muted card keeps its thread quiet.
    """
    if happening.type == "task.added" and place and place.channel:
        key = f"card:{happening.task_id}"
        task_id, thread_ts = happening.task_id, place.thread_ts
        return Letter(key, MessageKind.CARD, place.channel, task_id, thread_ts=thread_ts)
    kind = _ending(happening)
    if kind is None or card is None or card.muted:
        return None
    key = f"{kind}:{happening.task_id}:{happening.run_id}"
    return Letter(key, kind, card.channel, happening.task_id, parent_id=card.id)


def _ending(happening: Happening) -> MessageKind | None:
    if happening.type != "run.settled" or happening.status is None:
        return None
    return _ENDINGS.get(TaskStatus(happening.status))


def _tell(connection: Connection, event: Row[Any], now: datetime) -> None:
    if event.task_id is None or event.type not in ("task.added", "run.settled"):
        return
    status = event.payload.get("status")
    happening = Happening(event.type, event.task_id, event.run_id, status)
    place = outbox.place_of(connection, event.task_id)
    letter = letter_of(happening, place, outbox.card_of(connection, event.task_id))
    if letter is not None:
        outbox.put(connection, letter, now)


def _call(hook: Further, connection: Connection, event: Row[Any], now: datetime) -> None:
    """One listener's mistake must not stop the others, nor hold the cursor for ever."""
    try:
        with connection.begin_nested():
            hook(connection, event, now)
    except Exception:
        log.exception("slack.event_not_told", type=event.type, seq=event.seq)


def _newest(events: Sequence[Row[Any]]) -> dict[int, int]:
    return {event.task_id: event.seq for event in events if event.task_id is not None}
