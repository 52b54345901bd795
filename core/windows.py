"""Nights and days on the UTC time line. Pure; the rules are docs/budget.md, "Windows"."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from core.clock import as_utc


class Period(StrEnum):
    NIGHT = "night"
    DAYTIME = "daytime"


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open: starts_at belongs to it, ends_at to the next."""

    period: Period
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Hours:
    """When the night is: wall times in a zone."""

    night_start: time
    night_end: time
    zone: ZoneInfo


def window_at(moment: datetime, hours: Hours) -> Window:
    """The night or day that `moment` (aware) falls into."""
    moment = as_utc(moment)
    here = moment.astimezone(hours.zone).date()
    edges = _edges_around(here, hours)
    last = max(i for i, (instant, _) in enumerate(edges) if instant <= moment)
    starts_at, period = edges[last]
    ends_at = next(instant for instant, _ in edges[last + 1 :] if instant > moment)
    return Window(period, starts_at, ends_at)


def next_window(window: Window, hours: Hours) -> Window:
    return window_at(window.ends_at, hours)


def utc_day(moment: datetime) -> tuple[datetime, datetime]:
    """The calendar day (UTC) of `moment`, half-open: what the daily cap resets by."""
    start = as_utc(moment).replace(hour=0, minute=0, second=0, microsecond=0)
    return start, start + timedelta(days=1)


@lru_cache(maxsize=64)
def _edges_around(day: date, hours: Hours) -> list[tuple[datetime, Period]]:
    """Every edge from two days before to two days after, in order.

    Two days, not one: a zone may skip a whole date, as Apia did on 2011-12-30. Edges are ordered
    by instant, then by wall time, so of two that fall together (both inside a spring gap) the
    later one rules and the window between them is empty.
    """
    edges = []
    for offset in range(-2, 3):
        date_ = day + timedelta(days=offset)
        for wall, period in (
            (hours.night_start, Period.NIGHT),
            (hours.night_end, Period.DAYTIME),
        ):
            local = datetime.combine(date_, wall)
            edges.append((instant_of(local, hours.zone), local, period))
    return [(instant, period) for instant, _, period in sorted(edges)]


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant of a wall time: the first of two in autumn, the first after a spring gap."""
    instant = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local:
        return instant
    return _end_of_gap(local, zone)


def _end_of_gap(local: datetime, zone: ZoneInfo) -> datetime:
    """Where the clocks jump over `local`: found by halving, exact to the second."""
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    old_offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == old_offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
