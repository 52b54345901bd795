"""How far the chat has read the events, and which daemon reads for it.

The cursor moves in the transaction that puts an event's letters, so none is skipped and none is
told twice. Where several daemons share a database, one of them delivers: who holds the lease.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, or_, select, update
from sqlalchemy.orm import Session

from core.models import Event, EventCursor

CONSUMER = "slack"
#: as many events as one transaction reads
BATCH = 500


def lead(connection: Connection, owner: str, lease: timedelta | None, now: datetime) -> bool:
    """Take or keep the right to deliver; False: another daemon has it.

    Without a `lease` the caller owns the database alone and takes over at once. At the very first
    start reading begins after the newest event: the past is not told.
    """
    until = None if lease is None else now + lease
    mine: dict[str, Any] = {"lease_owner": owner, "lease_expires_at": until, "updated_at": now}
    taken = update(EventCursor).where(EventCursor.consumer == CONSUMER).values(**mine)
    if lease is not None:
        free = (EventCursor.lease_expires_at.is_(None), EventCursor.lease_expires_at < now)
        taken = taken.where(or_(EventCursor.lease_owner == owner, *free))
    if connection.execute(taken).rowcount:
        return True
    if connection.scalar(select(EventCursor.consumer).where(EventCursor.consumer == CONSUMER)):
        return False
    newest = connection.scalar(select(func.max(Event.seq))) or 0
    connection.execute(insert(EventCursor).values(consumer=CONSUMER, last_seq=newest, **mine))
    return True


def resign(connection: Connection, owner: str, now: datetime) -> None:
    """Let the next daemon deliver at once."""
    mine = (EventCursor.consumer == CONSUMER, EventCursor.lease_owner == owner)
    free = {"lease_owner": None, "lease_expires_at": None, "updated_at": now}
    connection.execute(update(EventCursor).where(*mine).values(**free))


def leads(connection: Connection, owner: str) -> bool:
    mine = (EventCursor.consumer == CONSUMER, EventCursor.lease_owner == owner)
    return connection.scalar(select(EventCursor.consumer).where(*mine)) is not None


def unread(connection: Connection | Session) -> Sequence[Row[Any]]:
    """The next events behind the cursor, oldest first, at most BATCH."""
    cursor = select(EventCursor.last_seq).where(EventCursor.consumer == CONSUMER)
    return connection.execute(
        select(Event.__table__)
        .where(Event.seq > cursor.scalar_subquery())
        .order_by(Event.seq)
        .limit(BATCH)
    ).all()


def advance(connection: Connection, seq: int, now: datetime) -> None:
    connection.execute(
        update(EventCursor)
        .where(EventCursor.consumer == CONSUMER)
        .values(last_seq=seq, updated_at=now)
    )
