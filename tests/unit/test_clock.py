from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time

from core.clock import SystemClock, as_utc
from core.errors import NaiveTime


def test_the_wall_clock_is_aware_and_in_utc() -> None:
    with freeze_time("2026-11-21 20:00:00"):
        assert SystemClock().now() == datetime(2026, 11, 21, 20, tzinfo=UTC)
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_the_monotonic_clock_does_not_run_backwards() -> None:
    clock = SystemClock()
    earlier = clock.monotonic()
    assert clock.monotonic() >= earlier


def test_an_aware_time_comes_to_utc() -> None:
    berlin = datetime(2026, 3, 28, 20, tzinfo=ZoneInfo("Europe/Berlin"))
    assert as_utc(berlin).isoformat() == "2026-03-28T19:00:00+00:00"


def test_a_naive_time_is_refused_with_the_value_and_an_example() -> None:
    with pytest.raises(NaiveTime, match=r"2026-11-21T20:00:00 has no zone; give one, for example"):
        as_utc(datetime(2026, 11, 21, 20))  # noqa: DTZ001 - the very thing that is refused
