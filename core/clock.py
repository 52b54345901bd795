"""Time as a parameter: nothing else in the code asks the operating system what time it is."""

import time
from datetime import UTC, datetime
from typing import Protocol

from core.errors import NaiveTime


class Clock(Protocol):
    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards; only differences mean anything."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def as_utc(moment: datetime) -> datetime:
    """Refuse naive times at the border; bring aware ones to UTC."""
    if moment.tzinfo is None:
        raise NaiveTime(moment)
    return moment.astimezone(UTC)
