"""Who may be claimed: the claim index holds only what could start now.

Of each project at most one task stands there, the head of its line; the others wait behind it as
`project_busy`. Tasks that wait for a time or for another task are not in it either. So the claim
looks at one row, whether a project has three tasks queued or a million. Every function belongs
inside a write transaction.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    insert,
    literal_column,
    select,
    text,
    update,
)
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

# built once: building a statement takes longer than SQLite takes to answer it
_THIS = Task.id == bindparam("task")
_OF_PROJECT = Task.project_id == bindparam("project")
_PLACED = select(Task.project_id, Task.not_before).where(_THIS)
_WAIT = update(Task).where(_THIS)
_HEAD = select(Task.id).where(_OF_PROJECT, _IN_LINE).order_by(*TURN).limit(1)
_BUSY = select(Task.id).where(_OF_PROJECT, _RUNNING).limit(1)
_STEP_BACK = update(Task).where(_OF_PROJECT, CLAIMABLE, Task.id != bindparam("head"))
_STEP_FORWARD = update(Task).where(Task.id == bindparam("head"), Task.wait_reason.is_not(None))
_DUE = select(Task.id).where(Task.wait_until <= bindparam("now"))
_AWAITED = aliased(Task)
_UNMET = (
    select(_AWAITED.id)
    .join(TaskDependency, TaskDependency.depends_on_id == _AWAITED.id)
    .where(TaskDependency.task_id == bindparam("task"), _AWAITED.status != TaskStatus.COMPLETED)
    .order_by(_AWAITED.id)
)

Wait = tuple[WaitReason | None, datetime | None]


def place(connection: Connection, task_id: int, now: datetime) -> None:
    """Let a pending task wait for what it must wait for, or stand in line; the one place where
    that is decided, whether it is new, retried, freed or interrupted.
    """
    task = connection.execute(_PLACED, {"task": task_id}).one()
    reason, until = _obstacle(connection, task_id, task.not_before, now)
    if reason is None and task.project_id is not None:
        reason = WaitReason.PROJECT_BUSY
    waiting = {"task": task_id, "wait_reason": reason, "wait_until": until}
    connection.execute(_WAIT, waiting)
    elect(connection, task.project_id)


def elect(connection: Connection, project_id: str | None) -> None:
    """Put the first of a project's line, and nobody else of it, where it can be claimed.

    Nobody else is written but who stands there wrongly: a line may be long.
    """
    if project_id is None:
        return
    head = None if is_busy(connection, project_id) else _head(connection, project_id)
    behind = {"project": project_id, "head": head or 0, "wait_reason": WaitReason.PROJECT_BUSY}
    connection.execute(_STEP_BACK, behind)
    if head is not None:
        connection.execute(_STEP_FORWARD, {"head": head, "wait_reason": None})


def _head(connection: Connection, project_id: str) -> int | None:
    return connection.scalar(_HEAD, {"project": project_id})


def is_busy(connection: Connection, project_id: str) -> bool:
    return connection.scalar(_BUSY, {"project": project_id}) is not None


def free_due(connection: Connection, now: datetime) -> int:
    """Bring back those whose time has come; answers how many."""
    due = connection.scalars(_DUE, {"now": now}).all()
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
    return list(connection.scalars(_UNMET, {"task": task_id}))


def _obstacle(
    connection: Connection, task_id: int, not_before: datetime | None, now: datetime
) -> Wait:
    if unmet(connection, task_id):
        return WaitReason.DEPENDENCY, None
    if not_before is not None and not_before > now:
        return WaitReason.NOT_BEFORE, not_before
    return None, None
