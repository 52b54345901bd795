"""Why nothing ran: what a person who finds an untouched queue in the morning wants to know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.models import BudgetWindow, Task, TaskStatus, WaitReason
from core.money import shown
from core.policy import BudgetPolicy
from core.windows import Period


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which the tasks stood; what the daemon knows of itself is beside what is configured."""

    policy: BudgetPolicy
    slots: int
    #: why nothing is dispatched although the daemon runs; None: all is well
    idle_because: str | None = None
    #: of the daemon; None: not known
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason in a sentence for people, and from when on it is none any more."""

    sentence: str
    until: datetime | None = None


_WAITS_FOR = {
    WaitReason.BUDGET: "for money",
    WaitReason.WINDOW: "for their window",
    WaitReason.DEPENDENCY: "for other tasks to be completed",
    WaitReason.NOT_BEFORE: "for their time",
    WaitReason.PROJECT_BUSY: "behind other tasks of their project",
    WaitReason.PROJECT_PAUSED: "for their project, which is paused",
    WaitReason.LIMIT_REACHED: "for the provider's usage limit to reset",
    WaitReason.BACKEND_DOWN: "for the agent, which could not be reached",
}


def why_nothing_ran(
    session: Session, given: Conditions, since: datetime, until: datetime
) -> Sequence[Obstacle]:
    """Everything that was in the way; the queue alone when it is empty."""
    waiting = _waiting(session)
    if not waiting:
        return [Obstacle("The queue is empty.")]
    return [
        *_of_the_daemon(given, since),
        *_of_the_money(session, given.policy, since, until),
        *_of_the_tasks(waiting),
    ] or [Obstacle(f"{_tasks(waiting[None][0])} could start, and nothing was in the way.")]


def _of_the_daemon(given: Conditions, since: datetime) -> list[Obstacle]:
    obstacles = []
    if given.idle_because:
        obstacles.append(Obstacle(f"Nothing is started: {given.idle_because}."))
    if given.started_at and given.started_at > since:
        obstacles.append(Obstacle("The daemon was not running all the time.", given.started_at))
    return obstacles


def _of_the_money(
    session: Session, policy: BudgetPolicy, since: datetime, until: datetime
) -> list[Obstacle]:
    if Period.NIGHT in policy.starved():
        quota, estimate = shown(policy.quota(Period.NIGHT)), shown(policy.estimate)
        sentence = f"The night quota of {quota} is below the {estimate} that a task needs to start."
        return [Obstacle(sentence)]
    dry = session.execute(
        select(BudgetWindow.label)
        .where(BudgetWindow.exhausted_at >= since, BudgetWindow.exhausted_at < until)
        .order_by(BudgetWindow.starts_at)
    )
    return [Obstacle(f"The {row.label} ran out of money.") for row in dry]


#: how many wait for a reason, and when the first of them can go on
Waiting = dict[WaitReason | None, tuple[int, datetime | None]]


def _waiting(session: Session) -> Waiting:
    rows = session.execute(
        select(Task.wait_reason, func.count(), func.min(Task.wait_until))
        .where(Task.status == TaskStatus.PENDING)
        .group_by(Task.wait_reason)
    )
    return {reason: (count, earliest) for reason, count, earliest in rows}


def _of_the_tasks(waiting: Waiting) -> list[Obstacle]:
    """Where one of them could start, the others' reasons explain nothing."""
    if None in waiting:
        return []
    return [
        Obstacle(f"{_tasks(count)} waited {_WAITS_FOR[reason]}.", earliest)
        for reason, (count, earliest) in waiting.items()
        if reason is not None
    ]


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count:,} tasks"
