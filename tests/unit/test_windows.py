from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.errors import NaiveTime
from core.windows import Hours, Period, Window, next_window, utc_day, window_at

NIGHT, DAYTIME = Period.NIGHT, Period.DAYTIME
TICK = timedelta(microseconds=1)


def hours(start: str, end: str, zone: str = "UTC") -> Hours:
    return Hours(time.fromisoformat(start), time.fromisoformat(end), ZoneInfo(zone))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(period: Period, starts: str, ends: str) -> Window:
    return Window(period, utc(starts), utc(ends))


DEFAULT = hours("20:00", "08:00")


@pytest.mark.parametrize(
    ("wall", "period"),
    [
        ("00:00", NIGHT),
        ("07:59:59.999999", NIGHT),
        ("08:00", DAYTIME),
        ("19:59:59.999999", DAYTIME),
        ("20:00", NIGHT),
        ("23:59:59.999999", NIGHT),
    ],
)
def test_the_edges_are_exact_to_the_microsecond(wall: str, period: Period) -> None:
    assert window_at(utc(f"2026-03-10 {wall}"), DEFAULT).period is period


def test_the_night_is_one_window_uncut_by_midnight() -> None:
    night = window(NIGHT, "2026-03-10 20:00", "2026-03-11 08:00")

    assert window_at(utc("2026-03-10 23:59:59.999999"), DEFAULT) == night
    assert window_at(utc("2026-03-11 00:00"), DEFAULT) == night


@pytest.mark.parametrize(
    ("wall", "expected"),
    [
        ("00:59:59.999999", window(DAYTIME, "2026-03-09 09:00", "2026-03-10 01:00")),
        ("01:00", window(NIGHT, "2026-03-10 01:00", "2026-03-10 09:00")),
        ("08:59:59.999999", window(NIGHT, "2026-03-10 01:00", "2026-03-10 09:00")),
        ("09:00", window(DAYTIME, "2026-03-10 09:00", "2026-03-11 01:00")),
        ("12:00", window(DAYTIME, "2026-03-10 09:00", "2026-03-11 01:00")),
    ],
)
def test_a_night_may_lie_within_one_day(wall: str, expected: Window) -> None:
    """Noon of a 1-to-9 night was once taken for night."""
    assert window_at(utc(f"2026-03-10 {wall}"), hours("01:00", "09:00")) == expected


@pytest.mark.parametrize(
    ("night", "zone", "expected", "length"),
    [
        (
            ("20:00", "08:00"),
            "Europe/Berlin",
            window(NIGHT, "2026-03-28 19:00", "2026-03-29 06:00"),
            11,
        ),
        (
            ("20:00", "08:00"),
            "Europe/Berlin",
            window(NIGHT, "2026-10-24 18:00", "2026-10-25 07:00"),
            13,
        ),
        # 02:30 does not exist: the day starts when the gap ends
        (
            ("23:00", "02:30"),
            "Europe/Berlin",
            window(NIGHT, "2026-03-28 22:00", "2026-03-29 01:00"),
            3,
        ),
        # 02:30 comes twice: the first one counts, once
        (
            ("23:00", "02:30"),
            "Europe/Berlin",
            window(NIGHT, "2026-10-24 21:00", "2026-10-25 00:30"),
            3.5,
        ),
        (
            ("22:00", "06:00"),
            "America/New_York",
            window(NIGHT, "2026-03-08 03:00", "2026-03-08 10:00"),
            7,
        ),
        # this zone moves its clocks by half an hour
        (
            ("20:00", "08:00"),
            "Australia/Lord_Howe",
            window(NIGHT, "2026-10-03 09:30", "2026-10-03 21:00"),
            11.5,
        ),
    ],
    ids=["spring", "autumn", "gap", "twice", "new-york", "half-hour"],
)
def test_a_night_is_as_long_as_the_clocks_make_it(
    night: tuple[str, str], zone: str, expected: Window, length: float
) -> None:
    here = hours(*night, zone)

    assert window_at(expected.starts_at, here) == expected
    assert window_at(expected.ends_at - TICK, here) == expected
    assert window_at(expected.starts_at - TICK, here).period is DAYTIME
    assert window_at(expected.ends_at, here).period is DAYTIME
    assert expected.ends_at - expected.starts_at == timedelta(hours=length)


def test_the_second_of_two_equal_wall_times_is_no_edge() -> None:
    here = hours("23:00", "02:30", "Europe/Berlin")

    day = window_at(utc("2026-10-25 01:30"), here)  # the second 02:30

    assert day == window(DAYTIME, "2026-10-25 00:30", "2026-10-25 22:00")


def test_a_zone_may_skip_a_whole_date() -> None:
    """Apia had no 2011-12-30: all edges of that date fall on the first instant of the 31st, and the
    day between them is empty.
    """
    here = hours("20:00", "08:00", "Pacific/Apia")
    day = window_at(utc("2011-12-30 00:00"), here)
    nights = window_at(utc("2011-12-30 09:59:59"), here), window_at(utc("2011-12-30 10:00"), here)

    assert day == window(DAYTIME, "2011-12-29 18:00", "2011-12-30 06:00")
    assert nights == (
        window(NIGHT, "2011-12-30 06:00", "2011-12-30 10:00"),
        window(NIGHT, "2011-12-30 10:00", "2011-12-30 18:00"),
    )


def test_a_night_that_falls_into_a_spring_gap_is_empty() -> None:
    here = hours("02:15", "02:45", "Europe/Berlin")

    assert window_at(utc("2026-03-29 00:59:59"), here).period is DAYTIME
    assert window_at(utc("2026-03-29 01:00"), here).period is DAYTIME


def test_the_next_window_begins_where_this_one_ends() -> None:
    night = window_at(utc("2026-03-10 21:00"), DEFAULT)

    assert next_window(night, DEFAULT) == window(DAYTIME, "2026-03-11 08:00", "2026-03-11 20:00")


def test_a_moment_of_any_zone_is_the_same_moment() -> None:
    there = datetime(2026, 3, 10, 21, 0, tzinfo=ZoneInfo("Asia/Tokyo"))  # 12:00 UTC

    assert window_at(there, DEFAULT).period is DAYTIME


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(NaiveTime, match="2026-03-10T21:00:00 has no zone"):
        window_at(datetime(2026, 3, 10, 21, 0), DEFAULT)  # noqa: DTZ001 - the point of the test


def test_a_calendar_day_is_half_open_and_utc() -> None:
    day = utc("2026-03-10 00:00"), utc("2026-03-11 00:00")

    assert utc_day(utc("2026-03-10 00:00")) == day
    assert utc_day(utc("2026-03-10 23:59:59.999999")) == day
    assert utc_day(datetime(2026, 3, 11, 8, 0, tzinfo=ZoneInfo("Asia/Tokyo"))) == day


ZONES = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Pacific/Chatham",
]
minutes = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))
moments = st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1)).map(  # noqa: DTZ001 - made UTC in the next line
    lambda moment: moment.replace(tzinfo=UTC)
)
#: where the errors live: a day and a half around the jumps of the clocks
jumps = st.sampled_from(
    [utc(day) for day in ("2026-03-29", "2026-10-25", "2026-03-08", "2026-10-04", "2011-12-30")]
).flatmap(lambda day: st.timedeltas(timedelta(days=-1.5), timedelta(days=1.5)).map(day.__add__))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Hours, datetime]:
    start, end = draw(minutes), draw(minutes)
    assume(start != end)
    here = Hours(start, end, ZoneInfo(draw(st.sampled_from(ZONES))))
    return here, draw(st.one_of(moments, jumps))


@settings(deadline=None, max_examples=100, derandomize=True)
@given(cases())
def test_windows_tile_the_line_without_gap_or_overlap(case: tuple[Hours, datetime]) -> None:
    here, moment = case
    current = window_at(moment, here)

    for _ in range(6):
        assert current.starts_at <= moment < current.ends_at
        assert window_at(current.starts_at, here) == current
        assert window_at(current.ends_at - TICK, here) == current
        following = next_window(current, here)
        assert following.starts_at == current.ends_at
        current, moment = following, following.starts_at


def period_by_counting(moment: datetime, here: Hours) -> Period:
    """The definition, word by word: of all edges up to the moment the last one rules. An edge is
    the first minute of the line at which the wall clock shows its time or, in a gap, more.
    """
    first = moment.astimezone(here.zone).date() - timedelta(days=2)
    edges = []
    for day in (first + timedelta(days=n) for n in range(4)):
        for wall, period in ((here.night_start, NIGHT), (here.night_end, DAYTIME)):
            local = datetime.combine(day, wall)
            edges.append((first_instant(day, local, here.zone), local, period))
    return max(edge for edge in edges if edge[0] <= moment)[2]


def first_instant(day: date, local: datetime, zone: ZoneInfo) -> datetime:
    """Found by walking along the line in steps of a minute, from before the day in any zone."""
    instant = datetime.combine(day, time(0), tzinfo=UTC) - timedelta(hours=15)
    while True:
        shown = instant.astimezone(zone).replace(tzinfo=None)
        if shown >= local:
            return instant
        # far from it, an hour is a safe step: no clock ever jumped by more than a day and a bit
        far = local - shown > timedelta(hours=26)
        instant += timedelta(hours=1) if far else timedelta(minutes=1)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(cases())
def test_the_period_is_what_walking_the_line_minute_by_minute_finds(
    case: tuple[Hours, datetime],
) -> None:
    here, moment = case

    assert window_at(moment, here).period is period_by_counting(moment, here)
