"""Tells people when half, four fifths or all of a window's money is gone, once each.

Charges count, not open holds: a hold is an estimate that may be given back, and three tasks that
have just started would look like a day's money spent. The daily cap speaks instead of the window
where it leaves less. Nothing is told of a window that is over or of what happened long ago: who
connects a chat to an old database hears nothing of its past.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, func, select

from core import ledger, outbox
from core.admission import Limit
from core.credit_detail import rehearsed
from core.ledger import Standing
from core.models import Message, MessageKind, Task, TaskStatus, UsageMetric
from core.money import Nano
from core.outbox import Letter
from core.policy import BudgetPolicy
from core.windows import Window, utc_day

#: percent of the limit, highest first
THRESHOLDS: Final = (100, 80, 50)
#: an event that is older is history
FRESH: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Gauge:
    """One limit and how far it is used up."""

    limit: Limit
    #: what it is counted over, as keys name it: `2026-11-21T20:00`, or `2026-11-21` for a day
    scope: str
    spent: Nano
    of: Nano
    resets_at: datetime

    @property
    def left(self) -> int:
        return self.of - self.spent

    @property
    def threshold(self) -> int | None:
        """The highest one passed; reaching it is passing it."""
        passed = (each for each in THRESHOLDS if self.spent * 100 >= each * self.of)
        return next(passed, None) if self.of > 0 else None


@dataclass(frozen=True, slots=True)
class Alert:
    threshold: int
    gauge: Gauge
    window: Window
    #: what a task needs free to start, and whether that much is left
    estimate: Nano
    stuck: bool
    #: when that much is free again, for one that is stuck; None: not in sight
    money_returns_at: datetime | None
    waiting: int
    #: rehearsed charges count in the figures
    rehearsal: bool


@dataclass(frozen=True, slots=True)
class BudgetAlerts:
    policy: BudgetPolicy
    #: member IDs: the admins, or with none everybody on the allow-list
    readers: Sequence[str]
    #: the message, as the chat wants it
    payload_of: Callable[[Alert], dict[str, Any]]

    def tell(self, connection: Connection, event: Any, now: datetime) -> None:
        """Put the letters that an event (a row of the table) calls for. Call it for every event,
        in the transaction that moves on from it.
        """
        if not self.readers or now - event.created_at > FRESH:
            return
        times = _times(connection, event)
        if times is None:
            return
        where = ledger.standing(connection, self.policy, now)
        gauge = min(_gauges(where, times, now), key=lambda each: each.left, default=None)
        threshold = gauge and _threshold(gauge, event)
        if gauge and threshold:
            self._put(connection, where, gauge, threshold, now)

    def _put(
        self, connection: Connection, where: Standing, gauge: Gauge, threshold: int, now: datetime
    ) -> None:
        untold = [user for user in self.readers if not _told(connection, gauge, threshold, user)]
        if not untold:
            return
        payload = self.payload_of(self._alert(connection, where, gauge, threshold, now))
        for user in untold:
            key = _key(gauge, threshold, user)
            outbox.put(connection, Letter(key, MessageKind.ALERT, user, payload=payload), now)

    def _alert(
        self, connection: Connection, where: Standing, gauge: Gauge, threshold: int, now: datetime
    ) -> Alert:
        estimate = self.policy.estimate
        stuck = where.spendable < estimate
        back = ledger.money_returns_at(connection, self.policy, estimate, now) if stuck else None
        pending = select(func.count()).where(Task.status == TaskStatus.PENDING)
        return Alert(
            threshold=threshold,
            gauge=gauge,
            window=where.window,
            estimate=estimate,
            stuck=stuck,
            money_returns_at=back,
            waiting=connection.scalar(pending.select_from(Task)) or 0,
            rehearsal=rehearsed(connection, where.window, now),
        )


def _times(connection: Connection, event: Any) -> tuple[datetime, datetime] | None:
    """Of the event's charge: when it was admitted, which is the window's, and when it was made,
    which is the day's. None for an event that says nothing of money.
    """
    match event.type:
        case "run.settled":
            charge = connection.execute(
                select(UsageMetric.admitted_at, UsageMetric.created_at).where(
                    UsageMetric.run_id == event.run_id
                )
            ).one_or_none()
            return charge and (charge.admitted_at or charge.created_at, charge.created_at)
        case "budget.exhausted":
            return event.created_at, event.created_at
    return None


def _gauges(where: Standing, times: tuple[datetime, datetime], now: datetime) -> list[Gauge]:
    """The limits that the charge counts in and that still hold. The window first: of two that leave
    the same, it speaks.
    """
    gauges, window, (starts, ends) = [], where.window, utc_day(now)
    if window.starts_at <= times[0] < window.ends_at:
        scope = f"{window.starts_at:%Y-%m-%dT%H:%M}"
        gauges.append(Gauge(Limit.WINDOW, scope, where.charged, where.quota, window.ends_at))
    if starts <= times[1] < ends and where.daily is not None:
        gauges.append(Gauge(Limit.DAILY_CAP, f"{starts:%Y-%m-%d}", where.today, where.daily, ends))
    return gauges


def _threshold(gauge: Gauge, event: Any) -> int | None:
    """What is left may be too little for any task before the last cent is spent."""
    dry = event.type == "budget.exhausted" and gauge.of > 0 and gauge.spent > 0
    return THRESHOLDS[0] if dry else gauge.threshold


def _told(connection: Connection, gauge: Gauge, threshold: int, user: str) -> bool:
    """Of this threshold or a higher one."""
    keys = [_key(gauge, each, user) for each in THRESHOLDS if each >= threshold]
    return connection.scalar(select(Message.id).where(Message.key.in_(keys)).limit(1)) is not None


def _key(gauge: Gauge, threshold: int, user: str) -> str:
    return f"alert:{gauge.scope}:{threshold}:{user}"
