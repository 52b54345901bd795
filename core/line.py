"""Who may be claimed: the claim index holds only what could start now.

Of each project at most one task stands there, the head of its line; the others wait behind it as
`project_busy`. Tasks that wait for a time or for another task are not in it either. So the claim
looks at one row, whether a project has three tasks queued or a million. Every function belongs
inside a write transaction.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, literal_column, select, text, update
from sqlalchemy.orm import Session, aliased

from core.models import Task, TaskDependency, TaskStatus, WaitReason

#: serious before random, then first come first served
TURN: tuple[ColumnElement[Any], ...] = (
    literal_column("(priority = 'serious')").desc(),
    Task.id.asc(),
)

# spelled out as in the indexes: with a bound status, SQLite works out its plan at every execution
#: could start now; what stands in the claim index
CLAIMABLE = text("tasks.status = 'pending' AND tasks.wait_reason IS NULL")
_IN_LINE = text(
    "tasks.status = 'pending' AND (tasks.wait_reason IS NULL OR tasks.wait_reason = 'project_busy')"
)
_RUNNING = text("tasks.status = 'in_progress'")

Wait = tuple[WaitReason | None, datetime | None]


def place(connection: Connection, task_id: int, now: datetime) -> None:
    """Let a pending task wait for what it must wait for, or stand in line; the one place where
    that is decided, whether it is new, retried, freed or interrupted.
    """
    task = connection.execute(
        select(Task.project_id, Task.not_before).where(Task.id == task_id)
    ).one()
    reason, until = _obstacle(connection, task_id, task.not_before, now)
    if reason is None and task.project_id is not None:
        reason = WaitReason.PROJECT_BUSY
    connection.execute(
        update(Task).where(Task.id == task_id).values(wait_reason=reason, wait_until=until)
    )
    elect(connection, task.project_id)


def elect(connection: Connection, project_id: str | None) -> None:
    """Put the first of a project's line, and nobody else of it, where it can be claimed.

    Nobody else is written but who stands there wrongly: a line may be long.
    """
    if project_id is None:
        return
    head = None if is_busy(connection, project_id) else _head(connection, project_id)
    connection.execute(
        update(Task)
        .where(Task.project_id == project_id, CLAIMABLE, Task.id != (head or 0))
        .values(wait_reason=WaitReason.PROJECT_BUSY)
    )
    if head is not None:
        there = Task.id == head, Task.wait_reason.is_not(None)
        connection.execute(update(Task).where(*there).values(wait_reason=None))


def _head(connection: Connection, project_id: str) -> int | None:
    line = select(Task.id).where(Task.project_id == project_id, _IN_LINE)
    return connection.scalar(line.order_by(*TURN).limit(1))


def is_busy(connection: Connection, project_id: str) -> bool:
    running = select(Task.id).where(Task.project_id == project_id, _RUNNING)
    return connection.scalar(running.limit(1)) is not None


def free_due(connection: Connection, now: datetime) -> int:
    """Bring back those whose time has come; answers how many."""
    due = connection.scalars(select(Task.id).where(Task.wait_until <= now)).all()
    for task_id in due:
        place(connection, task_id, now)
    return len(due)


def next_due(session: Session, after: datetime) -> datetime | None:
    """When the next waiting task's time comes."""
    due: datetime | None = session.scalar(
        select(Task.wait_until).where(Task.wait_until > after).order_by(Task.wait_until).limit(1)
    )
    return due


def free_dependents(connection: Connection, task_id: int, now: datetime) -> None:
    """A task is completed: those that waited for it may have nothing left to wait for."""
    waiting = (
        select(Task.id)
        .join(TaskDependency, TaskDependency.task_id == Task.id)
        .where(
            TaskDependency.depends_on_id == task_id,
            Task.status == TaskStatus.PENDING,
            Task.wait_reason == WaitReason.DEPENDENCY,
        )
    )
    for dependent in connection.scalars(waiting).all():
        place(connection, dependent, now)


def depend(connection: Connection, task_id: int, after: tuple[int, ...]) -> None:
    if after:
        connection.execute(
            insert(TaskDependency),
            [{"task_id": task_id, "depends_on_id": other} for other in sorted(set(after))],
        )


def unmet(connection: Connection | Session, task_id: int) -> list[int]:
    """The tasks it waits for that are not completed."""
    other = aliased(Task)
    return list(
        connection.scalars(
            select(other.id)
            .join(TaskDependency, TaskDependency.depends_on_id == other.id)
            .where(TaskDependency.task_id == task_id, other.status != TaskStatus.COMPLETED)
            .order_by(other.id)
        )
    )


def _obstacle(
    connection: Connection, task_id: int, not_before: datetime | None, now: datetime
) -> Wait:
    if unmet(connection, task_id):
        return WaitReason.DEPENDENCY, None
    if not_before is not None and not_before > now:
        return WaitReason.NOT_BEFORE, not_before
    return None, None
