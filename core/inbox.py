"""What the chat delivered, once: a click, a form or a message that comes again is not done again.

A key that a dead process had taken and not answered is taken over, so that nothing is lost to a
crash; what a change is itself protected by (a task's own key, a state that has moved on) keeps a
second attempt at it harmless.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from core.clock import Clock
from core.database import Database
from core.logs import new_correlation_id
from core.models import Received

#: far longer than any chat service tries to deliver
KEPT = timedelta(days=1)
#: seconds between two looks for what is too old
PRUNE_EVERY = 3600.0


def take(connection: Connection, key: str, by: str, now: datetime) -> bool:
    """Whether `by` is to work on it; False: it is answered already, or `by` works on it."""
    known = connection.execute(
        select(Received.taken_by, Received.answered_at).where(Received.key == key)
    ).one_or_none()
    if known is None:
        connection.execute(insert(Received).values(key=key, taken_by=by, received_at=now))
        return True
    if known.answered_at is not None or known.taken_by == by:
        return False
    took = update(Received).where(Received.key == key).values(taken_by=by, received_at=now)
    connection.execute(took)
    return True


def answered(connection: Connection, key: str, now: datetime) -> None:
    connection.execute(update(Received).where(Received.key == key).values(answered_at=now))


def forget_old(connection: Connection, now: datetime) -> int:
    """Drop what nobody delivers any more; says how many."""
    return connection.execute(delete(Received).where(Received.received_at < now - KEPT)).rowcount


class Inbox:
    """The keys as one process takes them; every method is one short transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        #: a new name at every start: what an earlier life had taken is nobody's
        self.name = new_correlation_id(clock)
        self._pruned: float | None = None

    def take(self, key: str) -> bool:
        now = self._clock.now()
        with self._database.write() as connection:
            if self._prune_is_due():
                forget_old(connection, now)
            return take(connection, key, self.name, now)

    def answered(self, key: str) -> None:
        with self._database.write() as connection:
            answered(connection, key, self._clock.now())

    def _prune_is_due(self) -> bool:
        moment = self._clock.monotonic()
        due = self._pruned is None or moment - self._pruned >= PRUNE_EVERY
        self._pruned = moment if due else self._pruned
        return due
