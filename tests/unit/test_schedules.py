from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from core.schedules import EdgeTicks
from core.windows import Hours, next_window, window_at

BERLIN = Hours(time(20), time(8), ZoneInfo("Europe/Berlin"))


def edges(ticks: EdgeTicks, after: datetime) -> dict[str, Any]:
    jobs = ticks._scheduler.get_jobs()
    return {job.id: job.trigger.get_next_fire_time(None, after).astimezone(UTC) for job in jobs}


def test_it_ticks_at_the_edges_of_the_windows_and_of_the_utc_day() -> None:
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    day = window_at(noon, BERLIN)
    assert edges(EdgeTicks(BERLIN, lambda _: None), noon) == {
        "night": day.ends_at,
        "daytime": next_window(day, BERLIN).ends_at,
        "utc_day": datetime(2026, 3, 11, tzinfo=UTC),
    }


def test_an_edge_follows_the_wall_clock_through_a_change_of_time() -> None:
    before = datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert edges(EdgeTicks(BERLIN, lambda _: None), before)["daytime"] == datetime(
        2026, 3, 29, 6, tzinfo=UTC
    )


async def test_a_tick_calls_back_with_the_name_of_the_edge() -> None:
    heard: list[str] = []
    ticks = EdgeTicks(BERLIN, heard.append)
    await ticks.start()
    for job in ticks._scheduler.get_jobs():
        job.func(*job.args)
    await ticks.stop()
    assert sorted(heard) == ["daytime", "night", "utc_day"]


async def test_stopping_twice_or_before_a_start_is_fine() -> None:
    ticks = EdgeTicks(BERLIN, lambda _: None)
    await ticks.stop()
    await ticks.start()
    await ticks.stop()
    await ticks.stop()
