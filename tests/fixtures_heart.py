"""A queue, its scheduler and a clock on one real database: what the tests of the heart play with.

`world` runs a test on SQLite and on PostgreSQL, `sqlite_world` on
SQLite alone.
"""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import URL, func, select, text
from sqlalchemy.exc import OperationalError

from conftest import StoppedClock
from core import settlement
from core.admission import Admission, Admitted, Worker
from core.charges import Usage
from core.database import Database
from core.leases import Claim
from core.ledger import Standing
from core.migrate import migrate
from core.models import Base, Event, Hold, HoldState, RunOutcome, Task, TaskPriority, UsageMetric
from core.money import Nano, to_nano
from core.policy import BudgetPolicy
from core.scheduler import SmartScheduler
from core.settlement import Settled, Settlement
from core.states import Patience
from core.task_queue import TaskQueue, Wishes
from fixtures_postgres import _execute

#: $10 a day, nine tenths by night, 20:00 to 08:00 UTC, $0.50 asked for at admission
POLICY = BudgetPolicy.from_dollars(10.0, 90.0, (20, 8))
WORKER = Worker(name="here:1:one", lease=timedelta(seconds=60), backend="claude", model="sonnet")
PATIENCE = Patience()
#: an ordinary Tuesday of all vectors
DAY = datetime(2026, 3, 10, tzinfo=UTC)


def at(wall: str, day: int = 0) -> datetime:
    """`08:00`, `08:00:01`, `07:59:59.999999` UTC of the Tuesday, or `day` days after it."""
    hours, minutes, *seconds = wall.split(":")
    rest = timedelta(seconds=float(seconds[0])) if seconds else timedelta()
    return DAY + timedelta(days=day, hours=int(hours), minutes=int(minutes)) + rest


@dataclass
class World:
    database: Database
    clock: StoppedClock
    policy: BudgetPolicy = POLICY
    slots: int = 3
    worker: Worker = WORKER
    patience: Patience = PATIENCE

    @property
    def queue(self) -> TaskQueue:
        return TaskQueue(self.database, self.clock)

    @property
    def scheduler(self) -> SmartScheduler:
        """A fresh one each time: whatever it knows stands in the database."""
        return SmartScheduler(self.queue, self.slots, policy=self.policy, worker=self.worker)

    def configure(self, **changes: Any) -> None:
        self.policy = replace(self.policy, **changes)

    def add(
        self,
        description: str = "a task",
        priority: TaskPriority = TaskPriority.RANDOM,
        project: str | None = None,
        **wishes: Any,
    ) -> Task:
        return self.queue.add_task(description, priority, project, wishes=Wishes(**wishes))

    def admit(self) -> Admission:
        return self.scheduler.admit_next()

    def start(self) -> Claim:
        """Admit the next task, which must be possible."""
        answer = self.admit()
        assert isinstance(answer, Admitted), answer
        return self.claim_of(answer.run_id)

    def claim_of(self, run_id: int) -> Claim:
        sql = text("SELECT task_id, lease_epoch FROM runs WHERE id = :id")
        with self.database.read() as session:
            task_id, epoch = session.execute(sql, {"id": run_id}).one()
        return Claim(task_id, run_id, epoch)

    def finish(
        self,
        claim: Claim,
        cost: object | None = 0,
        outcome: RunOutcome = RunOutcome.COMPLETED,
        **usage: Any,
    ) -> Settled:
        return self.settle(claim, Settlement(outcome, Usage(session_total_usd=cost, **usage)))

    def settle(self, claim: Claim, how: Settlement) -> Settled:
        with self.database.write() as connection:
            return settlement.settle(connection, claim, how, self.patience, self.clock.now())

    def spend(self, moment: datetime, dollars: str) -> None:
        """One task admitted and charged at a moment."""
        self.clock.set(moment)
        self.add()
        self.finish(self.start(), dollars)

    def standing(self) -> Standing:
        return self.scheduler.budget_manager.standing()

    def charged(self) -> Nano:
        with self.database.read() as session:
            return Nano(int(session.scalar(select(func.sum(UsageMetric.cost_nano))) or 0))

    def open_holds(self) -> list[Nano]:
        with self.database.read() as session:
            held = select(Hold.amount_nano).where(Hold.state == HoldState.HELD)
            return [Nano(amount) for amount in session.scalars(held)]

    def events(self, type_: str) -> list[Event]:
        with self.database.read() as session:
            return list(
                session.scalars(select(Event).where(Event.type == type_).order_by(Event.seq))
            )


def nano(dollars: str) -> Nano:
    return to_nano(dollars)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once; tests copy the file."""
    path = tmp_path_factory.mktemp("template") / "sleepless_agent.db"
    with Database(f"sqlite:///{path}") as database:
        migrate(database)
    return path


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    shutil.copy(sqlite_template, tmp_path / sqlite_template.name)
    with Database(f"sqlite:///{tmp_path / sqlite_template.name}") as database:
        yield database


@pytest.fixture(scope="session")
def postgres_database(postgres_server: URL) -> Iterator[Database]:
    """Migrated once; tests empty its tables, which takes a tenth of the time of a new one."""
    name = f"sleepless_test_heart_{uuid4().hex}"  # the workers of a run share the server
    _execute(postgres_server, f"CREATE DATABASE {name}")
    url = postgres_server.set(database=name).render_as_string(hide_password=False)
    with Database(url) as database:
        migrate(database)
        yield database
    with suppress(OperationalError):  # the server may have left with another worker
        _execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest) -> Database:
    if request.param == "sqlite":
        sqlite: Database = request.getfixturevalue("sqlite_database")
        return sqlite
    postgres: Database = request.getfixturevalue("postgres_database")
    names = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with postgres.write() as connection:
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    return postgres


@pytest.fixture
def world(any_database: Database, clock: StoppedClock) -> World:
    return World(any_database, clock)


@pytest.fixture
def sqlite_world(sqlite_database: Database, clock: StoppedClock) -> World:
    return World(sqlite_database, clock)
