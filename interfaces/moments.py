"""Times as people write and read them: in the budget's zone, and in UTC beside it."""

import re
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from core.clock import as_utc
from core.errors import BadMoment
from core.windows import Hours, Period, window_at

_SPAN: Final = re.compile(r"\+(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?", re.ASCII)
_WALL_TIME: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)


def read_moment(text: str, now: datetime, zone: ZoneInfo, night: Hours | None = None) -> datetime:
    """`+1d2h30m`, `20:00` (the next one in `zone`), or ISO 8601 (in `zone` if it names none).

    With `night` also `tonight`: when the next night begins, or `now` in the middle of one.
    Raises BadMoment.
    """
    if night and text.strip().lower() == "tonight":
        return _tonight(now, night)
    try:
        return as_utc(_read(text.strip(), now, zone))
    except (ValueError, OverflowError):
        raise BadMoment(text=text) from None


def _read(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    if (span := _SPAN.fullmatch(text)) and len(text) > 1:
        days, hours, minutes = (int(number or 0) for number in span.groups())
        return now + timedelta(days=days, hours=hours, minutes=minutes)
    if wall := _WALL_TIME.fullmatch(text):
        return _next(time(int(wall[1]), int(wall[2])), now, zone)
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment


def _tonight(now: datetime, night: Hours) -> datetime:
    window = window_at(now, night)
    return as_utc(now) if window.period is Period.NIGHT else window.ends_at


def _next(wall: time, now: datetime, zone: ZoneInfo) -> datetime:
    today = datetime.combine(now.astimezone(zone).date(), wall, tzinfo=zone)
    if as_utc(today) > now:
        return today
    return datetime.combine(today.date() + timedelta(days=1), wall, tzinfo=zone)


def say_moment(moment: datetime, zone: ZoneInfo | None = None) -> str:
    """`2026-03-11 00:00 UTC`, and `(01:00 Europe/Berlin)` behind it for another zone."""
    moment = as_utc(moment)
    text = f"{moment:%Y-%m-%d %H:%M} UTC"
    if zone is None or zone.key == "UTC":
        return text
    there = moment.astimezone(zone)
    day = "" if there.date() == moment.date() else f"{there:%Y-%m-%d} "
    return f"{text} ({day}{there:%H:%M} {zone.key})"
