"""docs/budget.md, worked out by the program it explains."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from core.admission import Limit, Refused
from core.leases import Claim
from core.models import CostSource, RunOutcome
from core.money import shown, shown_exactly
from core.windows import Hours, Period, window_at
from documents import rows, section, table
from execution import prices
from execution.work import _Money
from fixtures_heart import World, at, nano
from source_tree import ROOT

PAGE = (ROOT / "docs" / "budget.md").read_text()


@pytest.mark.parametrize("row", rows(section(PAGE, "Windows")), ids=lambda row: " ".join(row[:3]))
def test_a_night_opens_and_closes_when_the_page_says(row: tuple[str, ...]) -> None:
    zone, night, opens, closes, hours = row
    start, end = (time.fromisoformat(wall) for wall in night.split(" to "))
    opening = datetime.fromisoformat(opens).replace(tzinfo=UTC)
    found = window_at(opening, Hours(start, end, ZoneInfo(zone)))

    assert (found.period, found.starts_at) == (Period.NIGHT, opening)
    assert f"{found.ends_at:%Y-%m-%d %H:%M}" == closes
    assert str(found.ends_at - found.starts_at) == f"{hours}:00"


@pytest.mark.parametrize("row", rows(section(PAGE, "What can still go wrong")), ids=" ".join)
def test_a_call_costs_what_the_page_says(row: tuple[str, ...]) -> None:
    model, *counts, price = row
    sent, cached, written = (int(count.replace(",", "")) for count in counts)
    cost = prices.cost_of(
        model.strip("`"),
        input_tokens=sent - cached,
        output_tokens=written,
        cache_read_tokens=cached,
    )

    assert shown_exactly(cost) == price


def test_the_page_explains_every_source_of_a_figure() -> None:
    words = table(section(PAGE, "Where a charge's figure comes from"))

    assert words.keys() == set(CostSource)


def test_a_hold_covers_two_more_calls_like_the_last_one() -> None:
    """Rule 5, in its words."""
    assert "two more calls like the last\n   one" in PAGE
    money = _Money(held=nano("0.50"), cap=None, this_leg=nano("0.30"), next_call=nano("0.10"))

    assert money.covers_calls_to_come
    money.this_leg = nano("0.31")
    assert not money.covers_calls_to_come
    assert money.target == nano("1.00")


class Example:
    """The day of the page, one method a row."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.claims: dict[str, Claim] = {}

    def steps(self) -> list[tuple[datetime, Callable[[], None]]]:
        tomorrow = 1
        return [
            (at("09:00"), lambda: self.starts("A")),
            (at("09:01"), lambda: self.starts("B")),
            (at("09:02"), self.c_is_not_admitted),
            (at("09:05"), self.a_stops),
            (at("09:10"), lambda: self.done("B", "0.21")),
            (at("09:11"), self.nothing_starts),
            (at("20:00"), lambda: self.starts("A", again=True)),
            (at("20:04"), self.a_grows),
            (at("20:30"), lambda: self.done("A", "1.10", session_id="of A")),
            (at("23:50"), lambda: self.starts("C", again=True)),
            (at("00:20", tomorrow), lambda: self.done("C", "0.30")),
            (at("01:00", tomorrow), lambda: self.starts("D")),
            (at("01:07", tomorrow), self.d_is_cut_off),
            (at("01:15", tomorrow), self.d_is_rescued),
        ]

    def starts(self, name: str, *, again: bool = False) -> None:
        if not again:
            self.world.add(name)
        self.claims[name] = self.world.start()
        assert self.world.queue.get_task(self.claims[name].task_id).description == name

    def done(self, name: str, total: str, **usage: Any) -> None:
        self.world.finish(self.claims[name], total, **usage)

    def c_is_not_admitted(self) -> None:
        self.world.add("C")
        refusal = self.world.admit()
        assert isinstance(refusal, Refused)
        assert (refusal.limit, refusal.until) == (Limit.WINDOW, at("20:00"))
        assert not refusal.newly_exhausted

    def a_stops(self) -> None:
        run = self.claims["A"].run_id
        assert self.world.scheduler.budget_manager.grow(run, nano("1.00")) == nano("0.50")
        outcome = RunOutcome.OUT_OF_BUDGET
        self.world.finish(self.claims["A"], "0.48", outcome, session_id="of A")

    def nothing_starts(self) -> None:
        refusal = self.world.admit()
        assert isinstance(refusal, Refused)
        assert refusal.newly_exhausted

    def a_grows(self) -> None:
        run = self.claims["A"].run_id
        assert self.world.scheduler.budget_manager.grow(run, nano("1.00")) == nano("1.00")

    def d_is_cut_off(self) -> None:
        """What was seen is in the run's row; nothing else happens when the power goes."""
        sql = text("UPDATE runs SET metered_nano = :seen, pid = 1 WHERE id = :run")
        with self.world.database.write() as connection:
            connection.execute(sql, {"seen": nano("0.12"), "run": self.claims["D"].run_id})

    def d_is_rescued(self) -> None:
        settled = self.world.finish(
            self.claims["D"], None, RunOutcome.CRASHED, metered=nano("0.12")
        )
        assert settled.charge.source is CostSource.METERED
        assert settled.consequence.status == "pending"


def test_the_day_of_the_example_goes_as_told(sqlite_world: World) -> None:
    told = rows(section(PAGE, "A day as an example"))
    steps = Example(sqlite_world).steps()
    went = []
    for number, (moment, happens) in enumerate(steps, 1):
        sqlite_world.clock.set(moment)
        happens()
        where = sqlite_world.standing()
        amounts = (where.remaining, where.today, where.held_anywhere, where.headroom)
        went.append((str(number), f"{moment:%H:%M}", *map(shown, amounts)))

    assert went == [(number, moment, *amounts) for number, moment, _, *amounts in told]


def test_the_difference_of_a_resumed_conversation_is_charged(sqlite_world: World) -> None:
    """The figure of row 9."""
    sqlite_world.clock.set(at("20:00"))
    sqlite_world.add()
    sqlite_world.finish(sqlite_world.start(), "0.48", RunOutcome.OUT_OF_BUDGET, session_id="of A")
    sqlite_world.clock.set(at("20:00") + timedelta(minutes=30))
    settled = sqlite_world.finish(sqlite_world.start(), "1.10", session_id="of A")

    assert shown(settled.charge.cost) == "$0.62"
    assert "$0.62 of it now" in PAGE
