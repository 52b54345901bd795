"""Order → admit → claim and hold, in one transaction: the step that cannot overspend."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from core import credit_windows, events, ledger, line
from core.columns import UtcTime
from core.events import Subject
from core.ledger import Standing
from core.models import (
    BudgetWindow,
    Run,
    RunPhase,
    Task,
    TaskStatus,
    UsageMetric,
)
from core.money import Nano
from core.pictures import picture
from core.policy import BudgetPolicy


class Limit(StrEnum):
    """What kept a task from starting, by name."""

    WINDOW = "window"
    DAILY_CAP = "daily cap"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Worker:
    """Who claims, for how long, and what will do the work."""

    name: str
    lease: timedelta
    backend: str
    model: str


@dataclass(frozen=True, slots=True)
class Admitted:
    task_id: int
    run_id: int
    epoch: int
    #: money is back after a window that had run dry
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """There is work, and no money for it now."""

    limit: Limit
    standing: Standing
    estimate: Nano
    until: datetime | None
    #: set once a window: the moment to tell people that its money is gone
    newly_exhausted: bool = False


@dataclass(frozen=True, slots=True)
class NothingRunnable:
    pass


Admission = Admitted | Refused | NothingRunnable


def admit_next(
    connection: Connection, policy: BudgetPolicy, worker: Worker, now: datetime
) -> Admission:
    """Claim the next task with a hold for it, or say why not."""
    line.free_due(connection, now)
    task = _first_runnable(connection)
    if task is None:
        return NothingRunnable()
    estimate = estimate_for(connection, policy, task)
    where = ledger.standing(connection, policy, now)
    if ledger.clock_jumped_back(connection, now):
        return Refused(Limit.CLOCK, where, estimate, None)
    window_id = ledger.ensure_window(connection, policy, where.window)
    if where.headroom < estimate:
        return _refuse(connection, policy, where, estimate, now)
    run_id = _claim(connection, task, worker, now)
    ledger.hold(connection, run_id, window_id, estimate, now)
    credit_windows.count_run(connection, worker.backend, now)
    back = _money_is_back(connection, now)
    return Admitted(task.id, run_id, task.lease_epoch + 1, resumed=back)


def estimate_for(connection: Connection | Session, policy: BudgetPolicy, task: Task) -> Nano:
    """The estimate, but never more than what the task's own cap leaves."""
    if task.max_cost_nano is None:
        return policy.estimate
    left = task.max_cost_nano - spent_on(connection, task.id)
    return Nano(max(0, min(policy.estimate, left)))


def spent_on(connection: Connection | Session, task_id: int) -> Nano:
    """What all runs of a task have been charged so far."""
    total = select(func.coalesce(func.sum(UsageMetric.cost_nano), 0))
    return Nano(int(connection.scalar(total.where(UsageMetric.task_id == task_id)) or 0))


# built once: building a statement takes longer than SQLite takes to answer it
_FIRST = select(*Task.__table__.columns).where(line.CLAIMABLE).order_by(*line.TURN).limit(1)
_TAKE = (
    update(Task)
    .where(Task.id == bindparam("task"))
    .values(started_at=func.coalesce(Task.started_at, bindparam("now", type_=UtcTime())))
)
_RUNS_SO_FAR = select(func.count()).where(Run.task_id == bindparam("task_id"))
_RUN = insert(Run)
_RESUME = update(BudgetWindow).where(
    BudgetWindow.exhausted_at.is_not(None), BudgetWindow.resumed_at.is_(None)
)


def _first_runnable(connection: Connection) -> Task | None:
    row = connection.execute(_FIRST).one_or_none()
    return None if row is None else picture(Task, row._asdict())


def _claim(connection: Connection, task: Task, worker: Worker, now: datetime) -> int:
    """The caller found the task under the write lock, so nobody else can have it."""
    epoch = task.lease_epoch + 1
    connection.execute(
        _TAKE,
        {
            "task": task.id,
            "now": now,
            "status": TaskStatus.IN_PROGRESS,
            "lease_owner": worker.name,
            "lease_epoch": epoch,
            "lease_expires_at": now + worker.lease,
            "updated_at": now,
        },
    )
    result = connection.execute(
        _RUN,
        {
            "task_id": task.id,
            "number": 1 + (connection.scalar(_RUNS_SO_FAR, {"task_id": task.id}) or 0),
            "project_id": task.project_id,
            "lease_epoch": epoch,
            "worker": worker.name,
            "phase": RunPhase.CLAIMED,
            "backend": worker.backend,
            "model": task.model or worker.model,
            "session_id": task.session_id,
            "correlation_id": task.correlation_id,
            "started_at": now,
        },
    )
    run_id = int((result.inserted_primary_key or (0,))[0])
    subject = Subject(task.id, run_id, task.project_id, task.correlation_id)
    events.append(connection, "task.claimed", subject, now, worker=worker.name)
    return run_id


def _refuse(
    connection: Connection, policy: BudgetPolicy, where: Standing, estimate: Nano, now: datetime
) -> Refused:
    limit = Limit.DAILY_CAP if where.day_binds else Limit.WINDOW
    until = ledger.money_returns_at(connection, policy, estimate, now)
    exhausted = where.spendable < estimate and _mark_exhausted(connection, where, now)
    return Refused(limit, where, estimate, until, newly_exhausted=exhausted)


def _mark_exhausted(connection: Connection, where: Standing, now: datetime) -> bool:
    """Rule 11: once a window."""
    marked = connection.execute(
        update(BudgetWindow)
        .where(
            BudgetWindow.starts_at == where.window.starts_at, BudgetWindow.exhausted_at.is_(None)
        )
        .values(exhausted_at=now)
    )
    if marked.rowcount:
        facts = {"window": where.window.period.value, "remaining_nano": where.remaining}
        events.append(connection, "budget.exhausted", Subject(), now, **facts)
    return bool(marked.rowcount)


def _money_is_back(connection: Connection, now: datetime) -> bool:
    marked = connection.execute(_RESUME, {"resumed_at": now})
    if marked.rowcount:
        events.append(connection, "budget.resumed", Subject(), now)
    return bool(marked.rowcount)
