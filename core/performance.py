"""How well it went lately: what became of tasks, how long runs took, what they cost."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from core.models import Task, TaskStatus, UsageMetric
from core.money import Nano

_SLOWEST: Final = 0.9


@dataclass(frozen=True, slots=True)
class Performance:
    """Of the runs that were charged since a time, and of the tasks that ended with them."""

    since: datetime
    completed: int
    failed: int
    cancelled: int
    runs: int
    #: of these, played by a rehearsal
    rehearsed: int
    #: of an agent's work in one run; None: no run has worked
    median_ms: int | None
    #: nine runs in ten were faster, or as fast
    p90_ms: int | None
    turns: int
    spent: Nano
    #: what a rehearsal would have cost
    spent_in_rehearsal: Nano

    @property
    def success_rate(self) -> float | None:
        """Completed of completed and failed; None: there were none."""
        ended = self.completed + self.failed
        return self.completed / ended if ended else None

    @property
    def cost_per_completed(self) -> Nano | None:
        """Everything spent, also on what failed, for each completed task."""
        return Nano(self.spent // self.completed) if self.completed else None


def performance(session: Session, since: datetime) -> Performance:
    """Every run is charged when it ends, be it $0: its charge says when that was."""
    ended = UsageMetric.created_at >= since
    by_status = _tasks(session, since)
    runs = session.execute(_RUNS.where(ended)).one()
    worked = int(runs.worked)
    return Performance(
        since=since,
        completed=by_status.get(TaskStatus.COMPLETED, 0),
        failed=by_status.get(TaskStatus.FAILED, 0),
        cancelled=by_status.get(TaskStatus.CANCELLED, 0),
        runs=runs.runs,
        rehearsed=int(runs.rehearsed),
        median_ms=_quantile(session, ended, worked, 0.5),
        p90_ms=_quantile(session, ended, worked, _SLOWEST),
        turns=int(runs.turns),
        spent=Nano(int(runs.spent)),
        spent_in_rehearsal=Nano(int(runs.spent_in_rehearsal)),
    )


def _tasks(session: Session, since: datetime) -> dict[TaskStatus, int]:
    """Looked up by their charges, which have an index by time; times of tasks have none."""
    charged = select(UsageMetric.task_id).where(UsageMetric.created_at >= since)
    rows = session.execute(
        select(Task.status, func.count())
        .where(Task.id.in_(charged), Task.completed_at >= since)
        .group_by(Task.status)
    )
    return {row[0]: row[1] for row in rows}


def _sum(value: Any) -> Any:
    return func.coalesce(func.sum(value), 0)


_WORKED: Final = UsageMetric.duration_ms > 0
_RUNS: Final = select(
    func.count().label("runs"),
    _sum(case((UsageMetric.rehearsal, 1), else_=0)).label("rehearsed"),
    _sum(case((_WORKED, 1), else_=0)).label("worked"),
    _sum(UsageMetric.num_turns).label("turns"),
    _sum(case((UsageMetric.rehearsal, 0), else_=UsageMetric.cost_nano)).label("spent"),
    _sum(case((UsageMetric.rehearsal, UsageMetric.cost_nano), else_=0)).label("spent_in_rehearsal"),
)


def _quantile(session: Session, ended: ColumnElement[bool], count: int, share: float) -> int | None:
    """The nearest rank, which both databases can count off."""
    if not count:
        return None
    rank = max(0, -int(-count * share // 1) - 1)
    return session.scalar(
        select(UsageMetric.duration_ms)
        .where(ended, _WORKED)
        .order_by(UsageMetric.duration_ms)
        .offset(rank)
        .limit(1)
    )
