"""What people want done: add, look, cancel, retry, reorder. Workers' verbs are in leases.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.orm import Session

from core import admission, events, line, projects, states
from core.clock import Clock, SystemClock, as_utc
from core.database import Database
from core.errors import BadTask, MovedOn, NotPossible, TaskNotFound
from core.events import Subject
from core.logs import new_correlation_id
from core.models import Run, Task, TaskPriority, TaskStatus, WaitReason
from core.money import Nano, shown
from core.pictures import picture
from core.prepared import PreparedInsert

log = structlog.get_logger(__name__)

#: a task is a wish in words, not a file; longer texts belong into the repository
MAX_DESCRIPTION = 50_000
MAX_PAGE = 500

_RETRIABLE = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED})
#: what a person's hurry does not move
_NOT_OURS = frozenset({WaitReason.LIMIT_REACHED, WaitReason.PROJECT_PAUSED})

#: a task's status and lease epoch as somebody saw them who now acts on it
Seen = tuple[TaskStatus, int]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What may be said of a task beyond its text, priority and project."""

    max_cost: Nano | None = None
    model: str | None = None
    #: ids of tasks that must be completed first
    after: tuple[int, ...] = ()
    not_before: datetime | None = None
    #: a second add with the same key answers the first one's task
    idempotency_key: str | None = None
    requested_by: str | None = None
    correlation_id: str | None = None
    #: the conversation it was asked for in; its card goes there
    slack_channel: str | None = None
    slack_thread_ts: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    tasks: Sequence[Task]
    total: int
    #: give it as `before` for the next page; None on the last one
    next_before: int | None


class Cancellation(StrEnum):
    CANCELLED = "cancelled"  # it had not started: done
    STOPPING = "stopping"  # it runs: its daemon stops the agent now


class TaskQueue:
    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self.database = database
        self.clock = clock or SystemClock()

    def add_task(
        self,
        description: str,
        priority: TaskPriority = TaskPriority.RANDOM,
        project_id: str | None = None,
        project_name: str | None = None,
        wishes: Wishes | None = None,
    ) -> Task:
        """Queue a task durably; once this answers, a power cut cannot lose it.

        Raises BadTask and BadProjectName.
        """
        wishes = wishes or Wishes()
        now = self.clock.now()
        slug, name = _project(project_id, project_name)
        values = _new_task(description, TaskPriority(priority), wishes, now)
        values |= {"project_id": slug, "project_name": name}
        with self.database.write(wakes=True) as connection:
            known = _by_key(connection, wishes.idempotency_key)
            if known is not None:
                return known
            values["id"] = _insert(connection, values, wishes.after, now)
        log.info("task.added", task_id=values["id"], project_id=slug)
        placed = values["wait_reason"] is not None or wishes.after
        return self.get_task(values["id"]) if placed else picture(Task, values)

    def get_task(self, task_id: int) -> Task:
        with self.database.read() as session:
            return _get(session, task_id)

    def runs_of(self, task_id: int) -> Sequence[Run]:
        with self.database.read() as session:
            return session.scalars(
                select(Run).where(Run.task_id == task_id).order_by(Run.number)
            ).all()

    def list_tasks(
        self,
        status: TaskStatus | None = None,
        project_id: str | None = None,
        limit: int = 50,
        before: int | None = None,
    ) -> Page:
        """The newest first, `limit` (1..500) at a time; `before` is the id to go on from."""
        limit = max(1, min(limit, MAX_PAGE))
        wanted = []
        if status is not None:
            wanted.append(Task.status == status)
        if project_id is not None:
            wanted.append(Task.project_id == project_id)
        further = [] if before is None else [Task.id < before]
        with self.database.read() as session:
            total = session.scalar(select(func.count()).select_from(Task).where(*wanted)) or 0
            tasks = session.scalars(
                select(Task).where(*wanted, *further).order_by(Task.id.desc()).limit(limit + 1)
            ).all()
        more = len(tasks) > limit
        return Page(tasks[:limit], total, tasks[limit - 1].id if more else None)

    def counts(self) -> dict[TaskStatus, int]:
        with self.database.read() as session:
            rows = session.execute(select(Task.status, func.count()).group_by(Task.status))
            found = {status: count for status, count in rows}  # noqa: C416 - rows are no pairs to mypy
        return {status: found.get(status, 0) for status in TaskStatus}

    def cancel_task(
        self, task_id: int, by: str = "somebody", seen: Seen | None = None
    ) -> Cancellation:
        """Cancel what waits, stop what runs; a second wish to stop adds nothing to the first.

        Raises NotPossible for what is over, and MovedOn when it is not as it was `seen`.
        """
        now = self.clock.now()
        with self.database.write(wakes=True) as connection:
            task = _get(connection, task_id, seen)
            if task.status is TaskStatus.IN_PROGRESS:
                if task.cancel_requested_by is None:
                    _set(connection, task_id, now, cancel_requested_by=by)
                    self._tell(connection, "task.cancel_requested", task, now, by=by)
                return Cancellation.STOPPING
            problem = "only what waits or runs can be cancelled."
            states.require(task_id, task.status, TaskStatus.CANCELLED, problem)
            over = {"status": TaskStatus.CANCELLED, "wait_reason": None, "wait_until": None}
            _set(connection, task_id, now, completed_at=now, **over)
            line.elect(connection, task.project_id)
            self._tell(connection, "task.cancelled", task, now, by=by)
        return Cancellation.CANCELLED

    def retry_task(
        self,
        task_id: int,
        max_cost: Nano | None = None,
        by: str = "somebody",
        seen: Seen | None = None,
    ) -> Task:
        """Queue a failed or cancelled task again; it goes on from its branch and conversation.

        Raises NotPossible when it has not failed, or has used up its cap and gets no new one, and
        MovedOn when it is not as it was `seen`.
        """
        now = self.clock.now()
        with self.database.write(wakes=True) as connection:
            task = _get(connection, task_id, seen)
            # the table alone would let a running task through: it goes back to pending as well
            if task.status not in _RETRIABLE:
                problem = "only a failed or cancelled task can be retried."
                raise NotPossible(task_id=task_id, status=task.status.value, problem=problem)
            cap = max_cost or task.max_cost_nano
            _require_money_left(connection, task, cap)
            fresh = {"attempt_count": 0, "crash_count": 0, "completed_at": None}
            forgiven = {"error_class": None, "error_message": None, "max_cost_nano": cap}
            _set(connection, task_id, now, status=TaskStatus.PENDING, **fresh, **forgiven)
            line.place(connection, task_id, now)
            self._tell(connection, "task.retried", task, now, by=by)
        return self.get_task(task_id)

    def reprioritise(self, task_id: int, priority: TaskPriority, by: str = "somebody") -> Task:
        """Raises NotPossible for a task that does not wait."""
        now = self.clock.now()
        with self.database.write(wakes=True) as connection:
            task = _get(connection, task_id)
            _require_waiting(task, "only a waiting task has a place in the queue.")
            _set(connection, task_id, now, priority=priority)
            line.elect(connection, task.project_id)
            self._tell(connection, "task.reprioritised", task, now, by=by, priority=priority.value)
        return self.get_task(task_id)

    def start_now(self, task_id: int, by: str = "somebody", seen: Seen | None = None) -> Task:
        """Before all that are not serious, and no longer before a time or after a pause; money,
        the provider's limits and tasks it comes after still bind.

        Raises NotPossible for a task that does not wait, and MovedOn when it is not as it was
        `seen`.
        """
        now = self.clock.now()
        with self.database.write(wakes=True) as connection:
            task = _get(connection, task_id, seen)
            _require_waiting(task, "only a waiting task can be started.")
            _set(connection, task_id, now, priority=TaskPriority.SERIOUS, not_before=None)
            if task.wait_reason not in _NOT_OURS:
                line.place(connection, task_id, now)
            self._tell(connection, "task.hurried", task, now, by=by)
        return self.get_task(task_id)

    def snooze(
        self, task_id: int, until: datetime, reason: WaitReason = WaitReason.NOT_BEFORE
    ) -> Task:
        """Let a pending task wait until a time; it costs no attempt."""
        now = self.clock.now()
        with self.database.write(wakes=True) as connection:
            task = _get(connection, task_id)
            _require_waiting(task, "only a waiting task can wait longer.")
            _set(connection, task_id, now, wait_reason=reason, wait_until=as_utc(until))
            line.elect(connection, task.project_id)
        return self.get_task(task_id)

    @staticmethod
    def _tell(connection: Connection, type_: str, task: Task, now: datetime, **facts: Any) -> None:
        subject = Subject(task.id, None, task.project_id, task.correlation_id)
        events.append(connection, type_, subject, now, **facts)


def _project(project_id: str | None, project_name: str | None) -> tuple[str | None, str | None]:
    given = project_name if project_id is None else project_id
    if given is None:
        return None, None
    return projects.slug_of(given), _plain(project_name or given)


def _new_task(
    description: str, priority: TaskPriority, wishes: Wishes, now: datetime
) -> dict[str, Any]:
    text = _plain(description)
    if not text:
        raise BadTask(problem="it has no text; say what is to be done")
    if len(text) > MAX_DESCRIPTION:
        problem = f"its text has {len(text):,} characters; {MAX_DESCRIPTION:,} is the most"
        raise BadTask(problem=problem)
    if wishes.max_cost is not None and wishes.max_cost <= 0:
        raise BadTask(problem="its cap is $0.00; give more, or no cap")
    not_before = wishes.not_before and as_utc(wishes.not_before)
    later = not_before is not None and not_before > now
    return {
        "description": text,
        "priority": priority,
        "status": TaskStatus.PENDING,
        "wait_reason": WaitReason.NOT_BEFORE if later else None,
        "wait_until": not_before if later else None,
        "created_at": now,
        "updated_at": now,
        "not_before": not_before,
        "attempt_count": 0,
        "crash_count": 0,
        "assigned_to": wishes.requested_by,
        "model": wishes.model,
        "max_cost_nano": wishes.max_cost,
        "idempotency_key": wishes.idempotency_key,
        "slack_channel": wishes.slack_channel,
        "slack_thread_ts": wishes.slack_thread_ts,
        "correlation_id": wishes.correlation_id or new_correlation_id(),
        "lease_epoch": 0,
    }


def _insert(
    connection: Connection, values: dict[str, Any], after: tuple[int, ...], now: datetime
) -> int:
    slug = values["project_id"]
    if slug is not None:
        other_name = projects.ensure(connection, slug, values["project_name"], now)
        if other_name:
            log.warning("project.name_clash", project_id=slug, known_as=other_name)
        # nobody of a project stands in the claim index before the line has been looked at
        values["wait_reason"] = values["wait_reason"] or WaitReason.PROJECT_BUSY
    _require_tasks(connection, after)
    task_id = _INSERT.execute(connection, values)
    if after or slug is not None:
        line.depend(connection, task_id, after)
        line.place(connection, task_id, now)
    subject = Subject(task_id, None, slug, values["correlation_id"])
    events.append(connection, "task.added", subject, now, priority=values["priority"].value)
    return task_id


def _plain(words: str) -> str:
    """Without what no database keeps: NUL, and bytes that came in as no text at all."""
    return words.replace("\x00", "").encode(errors="replace").decode().strip()


# built once: building a statement takes longer than SQLite takes to answer it
_INSERT = PreparedInsert(
    Task,
    *("description", "priority", "status", "wait_reason", "wait_until", "created_at", "updated_at"),
    *("not_before", "attempt_count", "crash_count", "assigned_to", "project_id", "project_name"),
    *("model", "max_cost_nano", "idempotency_key", "correlation_id", "lease_epoch"),
    *("slack_channel", "slack_thread_ts"),
)
_ONE = select(Task.__table__).where(Task.id == bindparam("task"))
_KEYED = select(Task.__table__).where(Task.idempotency_key == bindparam("key"))


def _require_tasks(connection: Connection, ids: tuple[int, ...]) -> None:
    if ids:
        known = set(connection.scalars(select(Task.id).where(Task.id.in_(ids))))
        missing = sorted(set(ids) - known)
        if missing:
            raise BadTask(problem=f"it is to come after task {missing[0]}, which does not exist")


def _by_key(connection: Connection, key: str | None) -> Task | None:
    if key is None:
        return None
    row = connection.execute(_KEYED, {"key": key}).one_or_none()
    return None if row is None else picture(Task, row._asdict())


def _get(connection: Connection | Session, task_id: int, seen: Seen | None = None) -> Task:
    row = connection.execute(_ONE, {"task": task_id}).one_or_none()
    if row is None:
        raise TaskNotFound(task_id=task_id)
    task = picture(Task, row._asdict())
    if seen is not None and seen != (task.status, task.lease_epoch):
        raise MovedOn(task_id=task_id, status=task.status.value.replace("_", " "))
    return task


def _require_waiting(task: Task, problem: str) -> None:
    if task.status is not TaskStatus.PENDING:
        raise NotPossible(task_id=task.id, status=task.status.value, problem=problem)


def _set(connection: Connection, task_id: int, now: datetime, **values: Any) -> None:
    connection.execute(update(Task).where(Task.id == task_id).values(updated_at=now, **values))


def _require_money_left(connection: Connection, task: Task, cap: int | None) -> None:
    if cap is None:
        return
    spent = admission.spent_on(connection, task.id)
    if spent >= cap:
        problem = (
            f"it has spent {shown(spent)} of its cap of {shown(cap)}; give a higher --max-cost."
        )
        raise NotPossible(task_id=task.id, status=task.status.value, problem=problem)
