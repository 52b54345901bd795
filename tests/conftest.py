"""Few fixtures: a clock that stands still, a database that is real, a queue on it."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from structlog.contextvars import clear_contextvars

from core.database import Database
from core.logs import OURS, forget_redactions
from core.migrate import migrate
from core.task_queue import TaskQueue

pytest_plugins = ["fixtures_postgres", "fixtures_heart"]

# the same examples everywhere, and no clock that judges them: the machine may be busy
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Whatever a test does to logging, the next one finds it as a fresh process would."""
    root, levels = logging.getLogger(), {name: logging.getLogger(name).level for name in OURS}
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, earlier in levels.items():
        logging.getLogger(name).setLevel(earlier)
    structlog.reset_defaults()
    clear_contextvars()
    forget_redactions()


class StoppedClock:
    """Time that moves only when a test says so."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment
        self.elapsed = 0.0

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.elapsed

    def advance(self, **delta: float) -> None:
        step = timedelta(**delta)
        self.moment += step
        self.elapsed += step.total_seconds()

    def set(self, moment: datetime) -> None:
        self.moment = moment


@pytest.fixture
def clock() -> StoppedClock:
    """Noon in the day window of the default budget."""
    return StoppedClock(datetime(2026, 3, 10, 12, 0, tzinfo=UTC))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A migrated SQLite file."""
    with Database(f"sqlite:///{tmp_path / 'sleepless_agent.db'}") as database:
        migrate(database)
        yield database


@pytest.fixture
def queue(database: Database, clock: StoppedClock) -> TaskQueue:
    return TaskQueue(database, clock)
