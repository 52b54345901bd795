"""What `/credits` tells, as data; interfaces put it into words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import credit_windows, ledger
from core.admission import Limit
from core.ledger import Standing
from core.models import CreditWindow, TaskStatus
from core.money import canonical
from core.policy import BudgetPolicy
from core.task_queue import TaskQueue


@dataclass(frozen=True, slots=True)
class Blocked:
    """Remaining looks like enough, and yet nothing starts (docs/budget.md, rule 10)."""

    limit: Limit
    until: datetime | None


@dataclass(frozen=True, slots=True)
class CreditStatus:
    standing: Standing
    policy: BudgetPolicy
    blocked: Blocked | None
    #: of the provider's usage window
    minutes_left: int
    tasks_executed: int
    counts: dict[TaskStatus, int]
    slots_free: int
    slots: int
    now: datetime

    def as_dict(self) -> dict[str, Any]:
        """For machines: dollars as exact decimal text, times as ISO 8601."""
        where = self.standing
        return {
            "current_window": {
                "time_remaining_minutes": self.minutes_left,
                "tasks_executed": self.tasks_executed,
            },
            "budget": {
                "period": where.window.period.value,
                "window_starts_at": where.window.starts_at.isoformat(),
                "window_ends_at": where.window.ends_at.isoformat(),
                "quota_usd": canonical(where.quota),
                "remaining_usd": canonical(where.remaining),
                "today_usd": canonical(where.today),
                "held_usd": canonical(where.held_anywhere),
                "headroom_usd": canonical(where.headroom),
                "estimate_usd": canonical(self.policy.estimate),
                "blocked_by": self.blocked and self.blocked.limit.value,
                "blocked_until": self.blocked
                and self.blocked.until
                and self.blocked.until.isoformat(),
            },
            "queue": {state.value: count for state, count in self.counts.items()},
            "slots_free": self.slots_free,
        }


def credit_status(queue: TaskQueue, policy: BudgetPolicy, slots: int) -> CreditStatus:
    now = queue.clock.now()
    counts = queue.counts()
    with queue.database.read() as session:
        where = ledger.standing(session, policy, now)
        blocked = _blocked(session, policy, where, now)
        minutes, executed = _credit_window(session, now)
    free = max(0, slots - counts[TaskStatus.IN_PROGRESS])
    return CreditStatus(where, policy, blocked, minutes, executed, counts, free, slots, now)


def _blocked(
    session: Session, policy: BudgetPolicy, where: Standing, now: datetime
) -> Blocked | None:
    if where.headroom >= policy.estimate or where.remaining < policy.estimate:
        return None
    limit = Limit.DAILY_CAP if where.day_binds else Limit.WINDOW
    return Blocked(limit, ledger.money_returns_at(session, policy, policy.estimate, now))


def _credit_window(session: Session, now: datetime) -> tuple[int, int]:
    """Minutes left and runs started in the provider's window; a full one before the first run."""
    row = session.execute(
        select(CreditWindow.ends_at, CreditWindow.tasks_executed)
        .where(CreditWindow.starts_at <= now, CreditWindow.ends_at > now)
        .order_by(CreditWindow.ends_at.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return int(credit_windows.LENGTH.total_seconds() // 60), 0
    return int((row.ends_at - now).total_seconds() // 60), row.tasks_executed
