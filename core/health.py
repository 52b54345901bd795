"""How the daemon is: what it knows of itself, beside what the database says."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text

from core.database import Database
from core.models import TaskStatus
from core.policy import BudgetPolicy
from core.task_queue import TaskQueue
from core.windows import Window, window_at


class ChatState(StrEnum):
    OFF = "off"  # no tokens, or one that is refused: the command line does everything
    CONNECTING = "connecting"  # for the first time
    CONNECTED = "connected"
    LOST = "lost"  # it is tried again until it works


@dataclass(frozen=True, slots=True)
class Chat:
    state: ChatState = ChatState.OFF
    #: of the state; None where there is no time to tell
    since: datetime | None = None
    #: why it is off or lost, and what to do
    because: str | None = None


@dataclass(frozen=True, slots=True)
class DaemonFacts:
    """What only the daemon can know."""

    version: str
    started_at: datetime
    slots: int
    backend: str
    model: str
    #: why nothing is started although the daemon runs; None: all is well
    idle_because: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    version: str
    started_at: datetime
    now: datetime
    running: int
    slots: int
    backend: str
    model: str
    idle_because: str | None
    chat: Chat
    counts: dict[TaskStatus, int]
    #: `SQLite` or `PostgreSQL`
    database: str
    #: bytes
    database_size: int
    window: Window


def health_of(queue: TaskQueue, policy: BudgetPolicy, facts: DaemonFacts, chat: Chat) -> Health:
    now, counts = queue.clock.now(), queue.counts()
    return Health(
        version=facts.version,
        started_at=facts.started_at,
        now=now,
        running=counts[TaskStatus.IN_PROGRESS],
        slots=facts.slots,
        backend=facts.backend,
        model=facts.model,
        idle_because=facts.idle_because,
        chat=chat,
        counts=counts,
        database="SQLite" if queue.database.is_sqlite else "PostgreSQL",
        database_size=_size(queue.database),
        window=window_at(now, policy.hours),
    )


def _size(database: Database) -> int:
    """With the write-ahead log, which is part of what the disk must hold."""
    if database.path is not None:
        files = (database.path, database.path.with_name(database.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())
    with database.read() as session:
        return int(session.scalar(text("SELECT pg_database_size(current_database())")) or 0)
