"""What `/credits detail` tells beyond `/credits`: who holds money, which limit binds, and when
that changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select
from sqlalchemy.orm import Session

from core import ledger
from core.admission import Limit
from core.credits import CreditStatus
from core.models import Hold, HoldState, Run, RunPhase, UsageMetric
from core.money import Nano, canonical
from core.task_queue import TaskQueue
from core.windows import Period, Window, next_window, utc_day


@dataclass(frozen=True, slots=True)
class OpenHold:
    """Money set aside for a run, and how much of it the run has used up so far."""

    run_id: int
    task_id: int
    project_id: str | None
    phase: RunPhase
    held: Nano
    metered: Nano
    admitted_at: datetime


@dataclass(frozen=True, slots=True)
class CreditDetail:
    status: CreditStatus
    holds: Sequence[OpenHold]
    next_window: Window
    next_quota: Nano
    #: the limit that leaves the least
    binding: Limit
    #: when an estimate fits again, for a headroom below it; None also when it never does
    money_returns_at: datetime | None
    #: the daily cap counts from zero again
    day_ends_at: datetime
    #: windows in which no task could ever start
    starved: Sequence[Period]
    #: the shown figures count charges of rehearsals
    rehearsed: bool

    def as_dict(self) -> dict[str, Any]:
        """For machines: dollars as exact decimal text, times as ISO 8601."""
        known = self.status.as_dict()
        returns = self.money_returns_at
        known["budget"] |= {
            "daily_usd": canonical(self.status.policy.daily),
            "binding": self.binding.value,
            "money_returns_at": returns and returns.isoformat(),
            "day_ends_at": self.day_ends_at.isoformat(),
            "next_period": self.next_window.period.value,
            "next_window_ends_at": self.next_window.ends_at.isoformat(),
            "next_quota_usd": canonical(self.next_quota),
            "starved": [period.value for period in self.starved],
        }
        known["holds"] = [_as_dict(hold) for hold in self.holds]
        return {**known, "rehearsal": self.rehearsed}


def _as_dict(hold: OpenHold) -> dict[str, Any]:
    return {
        "run_id": hold.run_id,
        "task_id": hold.task_id,
        "project_id": hold.project_id,
        "phase": hold.phase.value,
        "held_usd": canonical(hold.held),
        "metered_usd": canonical(hold.metered),
        "admitted_at": hold.admitted_at.isoformat(),
    }


def credit_detail(queue: TaskQueue, status: CreditStatus) -> CreditDetail:
    """Everything as of `status.now`."""
    policy, where = status.policy, status.standing
    after = next_window(where.window, policy.hours)
    with queue.database.read() as session:
        returns = None
        if where.headroom < policy.estimate:
            returns = ledger.money_returns_at(session, policy, policy.estimate, status.now)
        holds, is_rehearsed = _holds(session), rehearsed(session, where.window, status.now)
    return CreditDetail(
        status=status,
        holds=holds,
        next_window=after,
        next_quota=policy.quota(after.period),
        binding=Limit.DAILY_CAP if where.day_binds else Limit.WINDOW,
        money_returns_at=returns,
        day_ends_at=utc_day(status.now)[1],
        starved=policy.starved(),
        rehearsed=is_rehearsed,
    )


def _holds(session: Session) -> list[OpenHold]:
    rows = session.execute(
        select(
            Run.id, Run.task_id, Run.project_id, Run.phase,
            Hold.amount_nano, Run.metered_nano, Hold.admitted_at,
        )
        .join(Run, Run.id == Hold.run_id)
        .where(Hold.state == HoldState.HELD)
        .order_by(Run.id)
    )  # fmt: skip
    return [
        OpenHold(run, task, project, phase, Nano(held), Nano(metered), admitted)
        for run, task, project, phase, held, metered, admitted in rows
    ]


def rehearsed(session: Connection | Session, window: Window, now: datetime) -> bool:
    """Does the window's or the day's sum have a rehearsed charge in it?"""
    since = min(window.starts_at, utc_day(now)[0])
    counted = or_(UsageMetric.created_at >= since, UsageMetric.admitted_at >= since)
    found = select(UsageMetric.id).where(UsageMetric.rehearsal.is_(True), counted).limit(1)
    return session.scalar(found) is not None
