"""Holds and charges: what is left is always computed from the rows, never kept in a counter.

Every function that writes belongs inside `Database.write`, which makes reading the headroom and
taking from it one step. Rules are numbered as in docs/budget.md.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from core.columns import UtcTime
from core.models import BudgetEntry, BudgetWindow, EntryKind, Hold, HoldState, UsageMetric
from core.money import ZERO, Nano
from core.policy import BudgetPolicy
from core.windows import Window, next_window, utc_day, window_at

#: a wall clock may be corrected by this much before it counts as jumped back (rule 13)
CLOCK_TOLERANCE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one window and today stand; all amounts in nano-dollars."""

    window: Window
    quota: Nano
    charged: Nano
    held: Nano
    #: None: no daily cap
    daily: Nano | None
    today: Nano
    held_anywhere: Nano

    @property
    def remaining(self) -> Nano:
        """Recorded money only: what `/credits` shows (rule 10)."""
        return Nano(max(0, self.quota - self.charged))

    @property
    def window_room(self) -> int:
        return self.quota - self.charged - self.held

    @property
    def day_room(self) -> int | None:
        return None if self.daily is None else self.daily - self.today - self.held_anywhere

    @property
    def headroom(self) -> Nano:
        """Rule 4."""
        rooms = [self.window_room] + ([] if self.day_room is None else [self.day_room])
        return Nano(max(0, min(rooms)))

    @property
    def spendable(self) -> Nano:
        """Headroom once every open hold is released: below an estimate, money is truly gone."""
        rooms = [self.quota - self.charged]
        if self.daily is not None:
            rooms.append(self.daily - self.today)
        return Nano(max(0, min(rooms)))

    @property
    def day_binds(self) -> bool:
        return self.day_room is not None and self.day_room < self.window_room


def standing(
    connection: Connection | Session,
    policy: BudgetPolicy,
    now: datetime,
    window: Window | None = None,
) -> Standing:
    """The numbers at `now`; of the window a run was admitted in, when one is given."""
    window = window or window_at(now, policy.hours)
    day_start, day_end = utc_day(now)
    times = {"window_start": window.starts_at, "window_end": window.ends_at}
    times |= {"day_start": day_start, "day_end": day_end}
    row = connection.execute(_SUMS, times).one()
    charged, today, held, held_anywhere = (Nano(int(amount)) for amount in row)
    daily = policy.daily if policy.daily_cap else None
    quota = _quota(connection, policy, window, now)
    return Standing(window, quota, charged, held, daily, today, held_anywhere)


def _sum(column: Any, *where: Any) -> Any:
    return select(func.coalesce(func.sum(column), 0)).where(*where).scalar_subquery()


def _between(column: ColumnElement[Any], edges: str) -> ColumnElement[bool]:
    start, end = (bindparam(f"{edges}_{edge}", type_=UtcTime()) for edge in ("start", "end"))
    return and_(column >= start, column < end)


# Statements of the claim are built once: building them takes longer than SQLite takes to answer.
_HELD = text("holds.state = 'held'")
_SUMS = select(
    _sum(
        UsageMetric.cost_nano,
        _between(func.coalesce(UsageMetric.admitted_at, UsageMetric.created_at), "window"),
    ),
    _sum(UsageMetric.cost_nano, _between(UsageMetric.__table__.c.created_at, "day")),
    _sum(Hold.amount_nano, _HELD, _between(Hold.__table__.c.admitted_at, "window")),
    _sum(Hold.amount_nano, _HELD),
)
_WINDOW = select(BudgetWindow.id, BudgetWindow.limit_nano, BudgetWindow.ends_at).where(
    BudgetWindow.starts_at == bindparam("starts_at")
)
_HOLD = insert(Hold)
_ENTRY = insert(BudgetEntry)
_LAST_ENTRY = select(BudgetEntry.created_at).order_by(BudgetEntry.id.desc()).limit(1)


def _quota(
    connection: Connection | Session, policy: BudgetPolicy, window: Window, now: datetime
) -> Nano:
    """Today's configuration for the current window; past windows keep the limit they had."""
    if window.ends_at > now:
        return policy.quota(window.period)
    kept = connection.scalar(
        select(BudgetWindow.limit_nano).where(BudgetWindow.starts_at == window.starts_at)
    )
    return policy.quota(window.period) if kept is None else Nano(kept)


def ensure_window(connection: Connection, policy: BudgetPolicy, window: Window) -> int:
    """The row of the current window, with the limit that holds now (rule 12)."""
    limit = policy.quota(window.period)
    found = connection.execute(_WINDOW, {"starts_at": window.starts_at}).one_or_none()
    values = {"limit_nano": limit, "ends_at": window.ends_at, "label": window.period.value}
    if found is None:
        return _key(
            connection.execute(insert(BudgetWindow).values(starts_at=window.starts_at, **values))
        )
    if (found.limit_nano, found.ends_at) != (limit, window.ends_at):
        connection.execute(update(BudgetWindow).where(BudgetWindow.id == found.id).values(**values))
    return int(found.id)


def hold(connection: Connection, run_id: int, window_id: int, amount: Nano, now: datetime) -> None:
    """Rule 3: set money aside, in the transaction that claims the task."""
    values = {"run_id": run_id, "window_id": window_id, "admitted_at": now, "amount_nano": amount}
    connection.execute(_HOLD, values)
    _enter(connection, (window_id, run_id), EntryKind.HOLD, amount, now)


def grow(
    connection: Connection, policy: BudgetPolicy, run_id: int, target: Nano, now: datetime
) -> Nano:
    """Rule 5: raise a run's hold towards `target`, as far as there is headroom; answers the hold
    as it is now. Nothing happens to a hold that is closed or already that large.
    """
    row = connection.execute(
        select(Hold.amount_nano, Hold.window_id, Hold.admitted_at).where(
            Hold.run_id == run_id, Hold.state == HoldState.HELD
        )
    ).one_or_none()
    if row is None:
        return ZERO
    room = standing(connection, policy, now, window_at(row.admitted_at, policy.hours)).headroom
    extra = min(target - row.amount_nano, room)
    if extra <= 0:
        return Nano(row.amount_nano)
    connection.execute(
        update(Hold).where(Hold.run_id == run_id).values(amount_nano=Hold.amount_nano + extra)
    )
    _enter(connection, (row.window_id, run_id), EntryKind.GROW, Nano(extra), now)
    return Nano(row.amount_nano + extra)


def close_hold(connection: Connection, run_id: int, charge: Nano, now: datetime) -> bool:
    """End a run's hold: the money is charged or given back. False when it was closed before."""
    row = connection.execute(
        update(Hold)
        .where(Hold.run_id == run_id, Hold.state == HoldState.HELD)
        .values(state=HoldState.SETTLED if charge else HoldState.RELEASED, closed_at=now)
        .returning(Hold.window_id, Hold.amount_nano)
    ).one_or_none()
    if row is None:
        return False
    _enter(connection, (row.window_id, run_id), EntryKind.RELEASE, row.amount_nano, now)
    _enter(connection, (row.window_id, run_id), EntryKind.CHARGE, charge, now)
    return True


def clock_jumped_back(connection: Connection, now: datetime) -> datetime | None:
    """The latest time in the ledger, if `now` lies clearly before it (rule 13)."""
    latest = _last_entry_at(connection)
    return latest if latest is not None and now < latest - CLOCK_TOLERANCE else None


def money_returns_at(
    connection: Connection | Session, policy: BudgetPolicy, estimate: Nano, now: datetime
) -> datetime | None:
    """The next edge (window or UTC midnight) from which `estimate` fits, if nothing else is spent
    until then; None when no window of this policy could ever pay it, or none can as long as the
    runs that hold money now go on.
    """
    edge, window = now, window_at(now, policy.hours)
    for _ in range(6):  # two windows and one midnight repeat daily; six edges are two days
        midnight = utc_day(edge)[1]
        edge = min(window.ends_at, midnight)
        if edge == window.ends_at:
            window = next_window(window, policy.hours)
        if standing(connection, policy, edge, window).headroom >= estimate:
            return edge
    return None


def _enter(
    connection: Connection, owner: tuple[int, int], kind: EntryKind, amount: Nano, now: datetime
) -> None:
    """Entries never run backwards: a run that is settled under a clock that has jumped back must
    not make that clock look right (rule 13).
    """
    window_id, run_id = owner
    latest = _last_entry_at(connection)
    connection.execute(
        _ENTRY,
        {
            "window_id": window_id,
            "run_id": run_id,
            "kind": kind,
            "amount_nano": amount,
            "created_at": now if latest is None else max(now, latest),
        },
    )


def _last_entry_at(connection: Connection) -> datetime | None:
    return connection.scalar(_LAST_ENTRY)


def _key(result: Any) -> int:
    return int(result.inserted_primary_key[0])
