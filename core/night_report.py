"""What a person is told in the morning: their tasks in detail, everybody else's as figures.

Pure reading. Give it a time that was read inside a write transaction: whatever ended before it is
then in the report, and the next report may begin there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import ledger, line
from core.credit_detail import rehearsed
from core.ledger import Standing
from core.models import Task, TaskStatus, UsageMetric
from core.money import Nano
from core.policy import BudgetPolicy
from core.quiet_night import Conditions, Obstacle, why_nothing_ran
from core.task_view import TaskView, view_of
from core.windows import Period, Window, window_at

#: more than this is a list to scroll, not a message to read
MOST_TOLD = 10


@dataclass(frozen=True, slots=True)
class Listed:
    """The first of a list, and how long the whole list is."""

    tasks: Sequence[TaskView]
    total: int

    @property
    def more(self) -> int:
        return self.total - len(self.tasks)


@dataclass(frozen=True, slots=True)
class Spent:
    real: Nano
    rehearsed: Nano


@dataclass(frozen=True, slots=True)
class Tally:
    """How many tasks of other people ended or stand how, and what they cost."""

    done: int
    needs_you: int
    failed: int
    waiting: int
    cost: Spent

    @property
    def total(self) -> int:
        return self.done + self.needs_you + self.failed + self.waiting


@dataclass(frozen=True, slots=True)
class NightReport:
    since: datetime
    until: datetime
    done: Listed
    needs_you: Listed
    failed: Listed
    waiting: Listed
    cost: Spent
    others: Tally
    #: of the window in which `until` lies
    standing: Standing
    #: a rehearsed charge counts in `standing`
    standing_rehearsed: bool
    #: filled when nothing ran at all
    why_nothing: Sequence[Obstacle]


def last_night(policy: BudgetPolicy, now: datetime) -> Window:
    """The night that is on, or the one before this day."""
    window = window_at(now, policy.hours)
    if window.period is Period.NIGHT:
        return window
    return window_at(window.starts_at - timedelta(microseconds=1), policy.hours)


def night_report(
    session: Session, reader: str, given: Conditions, since: datetime, until: datetime
) -> NightReport:
    """What ended in [since, until); what waits or needs somebody is told as it stands."""
    ended = (Task.completed_at >= since, Task.completed_at < until)
    totals = _totals(session, reader, ended)
    costs, charged = _spent(session, reader, since, until)
    ran = charged or _underway(session)
    where = ledger.standing(session, given.policy, until)

    def mine(status: TaskStatus, *where: Any) -> Listed:
        wanted = (Task.status == status, Task.assigned_to == reader, *where)
        return Listed(views(session, given, wanted, until), totals.get((True, status), 0))

    return NightReport(
        since=since,
        until=until,
        done=mine(TaskStatus.COMPLETED, *ended),
        needs_you=mine(TaskStatus.IN_REVIEW),
        failed=mine(TaskStatus.FAILED, *ended),
        waiting=mine(TaskStatus.PENDING),
        cost=costs[True],
        others=_others(totals, costs[False]),
        standing=where,
        standing_rehearsed=rehearsed(session, where.window, until),
        why_nothing=()
        if ran or _underway(session)
        else why_nothing_ran(session, given, since, until),
    )


def views(
    session: Session,
    given: Conditions,
    where: Sequence[Any],
    now: datetime,
    order: Sequence[Any] = line.TURN,
) -> Sequence[TaskView]:
    """The first ones, by default in the order of the queue."""
    first = select(Task).where(*where).order_by(*order).limit(MOST_TOLD)
    tasks = session.scalars(first).all()
    return [view_of(session, given.policy, given.slots, task, now) for task in tasks]


def _underway(session: Session) -> bool:
    running = select(Task.id).where(Task.status == TaskStatus.IN_PROGRESS).limit(1)
    return session.scalar(running) is not None


Totals = Mapping[tuple[bool, TaskStatus], int]


def _totals(session: Session, reader: str, ended: Sequence[Any]) -> Totals:
    """By whether the reader asked for them, and state."""
    mine = Task.assigned_to.is_not_distinct_from(reader)
    standing = (TaskStatus.PENDING, TaskStatus.IN_REVIEW)
    over = (TaskStatus.COMPLETED, TaskStatus.FAILED)
    counted = select(mine.label("mine"), Task.status, func.count()).group_by("mine", Task.status)
    rows = [
        *session.execute(counted.where(Task.status.in_(standing))),
        *session.execute(counted.where(Task.status.in_(over), *ended)),
    ]
    return {(bool(is_mine), status): count for is_mine, status, count in rows}


def _others(totals: Totals, cost: Spent) -> Tally:
    return Tally(
        done=totals.get((False, TaskStatus.COMPLETED), 0),
        needs_you=totals.get((False, TaskStatus.IN_REVIEW), 0),
        failed=totals.get((False, TaskStatus.FAILED), 0),
        waiting=totals.get((False, TaskStatus.PENDING), 0),
        cost=cost,
    )


def _spent(
    session: Session, reader: str, since: datetime, until: datetime
) -> tuple[Mapping[bool, Spent], bool]:
    """The reader's and the others' charges, and whether there was any: a run that ends leaves one,
    be it of $0.
    """
    mine = Task.assigned_to.is_not_distinct_from(reader).label("mine")
    charged = (UsageMetric.created_at >= since, UsageMetric.created_at < until)
    rows = session.execute(
        select(mine, UsageMetric.rehearsal, func.sum(UsageMetric.cost_nano))
        .select_from(UsageMetric)
        .outerjoin(Task, Task.id == UsageMetric.task_id)
        .where(*charged)
        .group_by("mine", UsageMetric.rehearsal)
    ).all()
    sums = {(bool(who), bool(played)): Nano(int(cost or 0)) for who, played, cost in rows}

    def of(who: bool) -> Spent:  # noqa: FBT001 - one of two keys
        return Spent(sums.get((who, False), Nano(0)), sums.get((who, True), Nano(0)))

    return {True: of(True), False: of(False)}, bool(rows)
