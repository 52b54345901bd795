"""What workers write: leases, progress of a run, and the fencing that keeps zombies out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, or_, select, update

from core.errors import LeaseLost
from core.models import Run, Task, TaskStatus
from core.pictures import picture


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to a run: good as long as the epoch is the task's current one."""

    task_id: int
    run_id: int
    epoch: int


def renew(
    connection: Connection, worker: str, lease: timedelta, now: datetime
) -> frozenset[tuple[int, int]]:
    """Extend all leases of a worker in one statement; answers (task, epoch) of those it has."""
    held = connection.execute(
        update(Task)
        .where(Task.lease_owner == worker, Task.status == TaskStatus.IN_PROGRESS)
        .values(lease_expires_at=now + lease)
        .returning(Task.id, Task.lease_epoch)
    )
    return frozenset((row.id, row.lease_epoch) for row in held)


def advance(connection: Connection, claim: Claim, **progress: Any) -> None:
    """Note how far an open run has come. Raises LeaseLost, having written nothing, when the run
    is closed or belongs to somebody else by now.
    """
    written = connection.execute(
        update(Run)
        .where(Run.id == claim.run_id, Run.lease_epoch == claim.epoch, Run.outcome.is_(None))
        .values(**progress)
    )
    if not written.rowcount:
        raise LeaseLost(run_id=claim.run_id, task_id=claim.task_id)


def cancel_wishes(connection: Connection, worker: str) -> Sequence[int]:
    """Tasks of this worker that a person wants stopped."""
    return connection.scalars(
        select(Task.id).where(
            Task.status == TaskStatus.IN_PROGRESS,
            Task.lease_owner == worker,
            Task.cancel_requested_by.is_not(None),
        )
    ).all()


def orphans(connection: Connection, worker: str, now: datetime | None) -> Sequence[Run]:
    """Open runs nobody works on: of any other worker (the caller owns the database alone), or,
    where several daemons share it, those whose lease ran out before `now`.
    """
    lost = or_(Task.lease_owner != worker, Task.lease_owner.is_(None))
    if now is not None:
        lost = Task.lease_expires_at < now
    rows = connection.execute(
        select(Run.__table__)
        .join(Task, Task.id == Run.task_id)
        .where(Run.outcome.is_(None), lost)
        .order_by(Run.id)
    )
    return [picture(Run, row._asdict()) for row in rows]


def adopt(connection: Connection, run: Run, worker: str, lease: timedelta, now: datetime) -> Claim:
    """Take over an orphaned run under a new epoch; whoever had it can write nothing any more."""
    epoch = run.lease_epoch + 1
    connection.execute(
        update(Task)
        .where(Task.id == run.task_id)
        .values(lease_owner=worker, lease_epoch=epoch, lease_expires_at=now + lease)
    )
    connection.execute(update(Run).where(Run.id == run.id).values(lease_epoch=epoch, worker=worker))
    return Claim(run.task_id, run.id, epoch)
