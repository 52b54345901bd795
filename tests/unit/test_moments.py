"""Times as people write them."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.errors import BadMoment
from core.windows import Hours
from interfaces.moments import read_moment, say_moment

NOW = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Hours(time(20, 0), time(7, 0), BERLIN)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("+30m", NOW + timedelta(minutes=30)),
        ("+2h", NOW + timedelta(hours=2)),
        ("+1d2h3m", NOW + timedelta(days=1, hours=2, minutes=3)),
        ("20:00", datetime(2026, 3, 10, 19, 0, tzinfo=UTC)),
        ("13:00", datetime(2026, 3, 11, 12, 0, tzinfo=UTC)),
        ("8:05", datetime(2026, 3, 11, 7, 5, tzinfo=UTC)),
        ("2026-07-01T20:00", datetime(2026, 7, 1, 18, 0, tzinfo=UTC)),
        ("2026-07-01 20:00", datetime(2026, 7, 1, 18, 0, tzinfo=UTC)),
        ("2026-07-01T20:00Z", datetime(2026, 7, 1, 20, 0, tzinfo=UTC)),
        ("2026-07-01T20:00-04:00", datetime(2026, 7, 2, 0, 0, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 6, 30, 22, 0, tzinfo=UTC)),
    ],
)
def test_every_form_is_understood_in_the_budgets_zone(text: str, moment: datetime) -> None:
    assert read_moment(text, NOW, BERLIN) == moment


def test_the_next_wall_time_lies_across_a_change_of_clocks() -> None:
    evening = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
    assert read_moment("20:00", evening, BERLIN) == datetime(2026, 3, 29, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "+", "+2", "2h", "-2h", "24:00", "20:60", "soon", "+9999999h"]
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(BadMoment, match=r"is not a time; give 2026-11-21T20:00"):
        read_moment(text, NOW, BERLIN)


def test_tonight_is_when_the_next_night_begins_and_now_in_the_middle_of_one() -> None:
    assert read_moment(" Tonight", NOW, BERLIN, NIGHT) == NOW.replace(hour=19, second=0)
    late = NOW.replace(hour=23)
    assert read_moment("tonight", late, BERLIN, NIGHT) == late


def test_other_times_are_read_as_ever_where_the_night_is_known() -> None:
    assert read_moment("+2h", NOW, BERLIN, NIGHT) == NOW + timedelta(hours=2)


def test_tonight_is_no_time_where_the_night_is_unknown() -> None:
    with pytest.raises(BadMoment, match="'tonight' is not a time"):
        read_moment("tonight", NOW, BERLIN)


def test_a_moment_is_said_in_utc_and_in_the_zone() -> None:
    assert say_moment(NOW) == "2026-03-10 12:00 UTC"
    assert say_moment(NOW, ZoneInfo("UTC")) == "2026-03-10 12:00 UTC"
    assert say_moment(NOW, BERLIN) == "2026-03-10 12:00 UTC (13:00 Europe/Berlin)"
    late = NOW.replace(hour=23)
    assert say_moment(late, BERLIN) == "2026-03-10 23:00 UTC (2026-03-11 00:00 Europe/Berlin)"
