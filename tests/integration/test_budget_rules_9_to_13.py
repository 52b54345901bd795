"""Rules 9 to 13 of docs/budget.md, each on both databases."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select
from structlog.testing import capture_logs

from core import ledger
from core.admission import Admitted, Limit, Refused
from core.credits import Blocked, credit_status
from core.models import (
    BudgetWindow,
)
from core.money import ZERO
from core.windows import window_at
from fixtures_heart import World, at, nano

EXHAUSTED = "Budget exhausted for {} period (remaining: {}). Skipping task scheduling."


def test_rule_9_a_reset_needs_nobody_to_be_there(world: World) -> None:
    """The daemon was down for three days; a window nobody ever opened is full."""
    world.spend(at("09:00"), "1.00")

    world.clock.set(at("09:00", day=3))

    assert world.standing().remaining == nano("1.00")
    assert world.standing().today == ZERO
    world.add()
    assert isinstance(world.admit(), Admitted)


def test_rule_10_remaining_is_recorded_money_and_what_blocks_is_named(world: World) -> None:
    for _ in range(3):
        world.add()
    world.start()
    assert credit_status(world.queue, world.policy, 3).blocked is None
    world.start()

    status = credit_status(world.queue, world.policy, 3)

    assert status.standing.remaining == nano("1.00")
    assert status.standing.headroom == ZERO
    assert status.blocked == Blocked(Limit.WINDOW, at("20:00"))


def test_rule_10_the_daily_cap_is_named_until_midnight(world: World) -> None:
    world.spend(at("02:00"), "9.00")
    world.spend(at("10:00"), "1.00")
    world.clock.set(at("21:00"))

    status = credit_status(world.queue, world.policy, 3)

    assert status.standing.remaining == nano("9.00")
    assert status.blocked == Blocked(Limit.DAILY_CAP, at("00:00", day=1))


def test_rule_11_exhaustion_is_told_once_a_window_in_these_words(world: World) -> None:
    world.spend(at("09:00"), "1.00")
    world.add()

    with capture_logs() as logs:
        for _ in range(3):
            refusal = world.admit()
            world.clock.advance(seconds=5)

    assert [(entry["log_level"], entry["event"]) for entry in logs] == [
        ("warning", EXHAUSTED.format("daytime", "$0.00"))
    ]
    assert isinstance(refusal, Refused)
    assert (refusal.limit, refusal.until) == (Limit.WINDOW, at("20:00"))
    assert len(world.events("budget.exhausted")) == 1


def test_rule_11_the_next_window_resumes_with_an_info_and_warns_for_itself(world: World) -> None:
    world.spend(at("09:00"), "1.00")
    world.add()
    world.admit()
    world.clock.set(at("20:00"))

    with capture_logs() as resumed:
        claim = world.start()
        world.add()
        world.start()
    with capture_logs() as exhausted:
        world.finish(claim, "8.50")
        world.add()
        world.admit()
        world.finish(world.claim_of(3), "0.50")
        world.admit()

    assert [entry["event"] for entry in resumed if entry["log_level"] == "info"] == [
        "budget.resumed",
        "task.added",
    ]
    assert [entry["event"] for entry in exhausted if entry["log_level"] == "warning"] == [
        EXHAUSTED.format("night", "$0.00")
    ]
    assert len(world.events("budget.resumed")) == 1


def test_rule_11_money_that_is_only_held_is_not_gone(world: World) -> None:
    for _ in range(3):
        world.add()
    world.start(), world.start()

    with capture_logs() as logs:
        refusal = world.admit()

    assert isinstance(refusal, Refused)
    assert logs == []
    assert world.events("budget.exhausted") == []


def test_rule_12_a_higher_budget_counts_at_once(world: World) -> None:
    world.spend(at("09:00"), "1.00")
    world.clock.set(at("12:00"))
    world.add()
    assert isinstance(world.admit(), Refused)

    world.configure(daily=nano("20"))

    assert world.standing().remaining == nano("1.00")
    assert isinstance(world.admit(), Admitted)


def test_rule_12_past_windows_keep_the_limit_they_had(world: World) -> None:
    world.spend(at("09:00"), "1.00")
    world.clock.set(at("21:00"))
    world.configure(daily=nano("20"))
    world.add()
    world.start()
    world.configure(daily=nano("40"))
    world.clock.set(at("22:00"))
    day, night = (window_at(at(wall), world.policy.hours) for wall in ("12:00", "21:00"))

    with world.database.read() as session:
        then = ledger.standing(session, world.policy, at("22:00"), day)
        now = ledger.standing(session, world.policy, at("22:00"), night)
        never = ledger.standing(
            session, world.policy, at("22:00"), window_at(at("12:00", day=-3), world.policy.hours)
        )
        kept = session.scalars(select(BudgetWindow.limit_nano).order_by(BudgetWindow.id)).all()

    assert (then.quota, now.quota) == (nano("1.00"), nano("36.00"))
    assert never.quota == nano("4.00")  # of a window nobody worked in nothing is kept
    assert kept == [nano("1.00"), nano("18.00")]


def test_rule_12_a_window_that_can_never_start_a_task_is_reported(world: World) -> None:
    world.configure(daily=nano("4.00"))

    with capture_logs() as logs:
        world.scheduler.budget_manager.warn_of_starved_windows()

    assert [(entry["event"], entry["window"], entry["quota"]) for entry in logs] == [
        ("budget.quota_below_estimate", "daytime", "$0.40")
    ]


def test_rule_13_a_clock_that_jumped_back_starts_nothing_and_says_so(world: World) -> None:
    world.add()
    claim = world.start()
    world.add()
    world.clock.advance(hours=-2)

    with capture_logs() as logs:
        refusal = world.admit()

    assert isinstance(refusal, Refused)
    assert refusal.limit is Limit.CLOCK
    assert [(entry["log_level"], entry["event"]) for entry in logs] == [
        ("error", "clock.jumped_back")
    ]
    # a charge that is written meanwhile must not make the wrong clock look right
    world.finish(claim, "0.10")
    assert isinstance(world.admit(), Refused)
    world.clock.advance(hours=2)
    assert isinstance(world.admit(), Admitted)


def test_rule_13_a_clock_that_stays_wrong_is_told_once(world: World) -> None:
    world.add()
    world.start()
    world.add()
    world.clock.advance(hours=-2)
    scheduler = world.scheduler

    with capture_logs() as logs:
        for _ in range(3):
            scheduler.admit_next()

    assert [entry["event"] for entry in logs] == ["clock.jumped_back"]


def test_rule_13_a_small_correction_of_the_clock_is_no_jump(world: World) -> None:
    world.add()
    world.start()
    world.add()
    world.clock.set(world.clock.now() - ledger.CLOCK_TOLERANCE)
    assert isinstance(world.admit(), Admitted)

    world.add()
    world.clock.set(world.clock.now() - timedelta(microseconds=1))
    refusal = world.admit()

    assert isinstance(refusal, Refused)
    assert refusal.limit is Limit.CLOCK


def test_money_that_can_never_be_enough_never_returns(world: World) -> None:
    world.policy = replace(world.policy, daily=nano("0.40"))
    world.add()

    refusal = world.admit()

    assert isinstance(refusal, Refused)
    assert refusal.until is None
