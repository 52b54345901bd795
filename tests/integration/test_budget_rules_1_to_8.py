"""Rules 1 to 8 of docs/budget.md, each on both databases."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from core import ledger
from core.admission import Admitted, Refused
from core.models import (
    BudgetEntry,
    BudgetWindow,
    CostSource,
    EntryKind,
    Hold,
    HoldState,
    RunOutcome,
    TaskStatus,
    UsageMetric,
)
from core.money import ZERO
from core.windows import window_at
from fixtures_heart import World, at, nano


def admit_all(world: World) -> int:
    """Offer more than there is money for; answers how many started."""
    for _ in range(25):
        world.add()
    started = 0
    while isinstance(world.admit(), Admitted):
        started += 1
    return started


def test_rule_1_charges_of_a_window_stay_within_its_quota(world: World) -> None:
    world.clock.set(at("20:00"))
    world.configure(daily_cap=False)

    assert admit_all(world) == 18  # $9.00 / $0.50
    world.clock.set(at("07:59", day=1))
    assert isinstance(world.admit(), Refused)
    world.clock.set(at("08:00", day=1))
    assert admit_all(world) == 2


def test_rule_2_the_calendar_day_stays_within_the_daily_budget_and_resets_at_midnight(
    world: World,
) -> None:
    world.spend(at("02:00"), "8.50")
    world.spend(at("10:00"), "1.00")
    world.clock.set(at("21:00"))

    assert admit_all(world) == 1  # a night of $9.00, and $0.50 of the day
    assert world.standing().day_binds
    world.finish(world.claim_of(3), "0.50")
    world.clock.set(at("23:59:59.999999"))
    assert isinstance(world.admit(), Refused)
    world.clock.set(at("00:00", day=1))
    assert isinstance(world.admit(), Admitted)


def test_rule_2_can_be_switched_off_and_leaves_the_windows_alone(world: World) -> None:
    world.configure(daily_cap=False)
    world.spend(at("02:00"), "9.00")
    world.spend(at("10:00"), "1.00")
    world.clock.set(at("21:00"))

    assert world.standing().headroom == nano("9.00")
    assert world.standing().spendable == nano("9.00")
    assert world.standing().day_room is None


def test_rule_3_a_hold_is_a_row_with_an_owner_a_window_and_a_state(world: World) -> None:
    world.add()
    run = world.start().run_id

    with world.database.read() as session:
        hold = session.scalars(select(Hold)).one()
        window = session.scalars(select(BudgetWindow)).one()

    assert (hold.run_id, hold.state, hold.amount_nano) == (run, HoldState.HELD, nano("0.50"))
    assert (hold.window_id, hold.admitted_at) == (window.id, world.clock.now())
    assert (window.starts_at, window.ends_at) == (at("08:00"), at("20:00"))


def test_rule_3_claim_and_hold_happen_together_or_not_at_all(sqlite_world: World) -> None:
    """The last statement of the transaction fails; nothing of the ones before it may be seen."""
    world = sqlite_world
    task = world.add()
    with world.database.write() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER full_disk BEFORE INSERT ON credit_windows"
                " BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
        )

    with pytest.raises(DatabaseError, match="disk full"):
        world.admit()

    assert world.queue.get_task(task.id).status is TaskStatus.PENDING
    assert world.queue.runs_of(task.id) == []
    assert world.open_holds() == []


def test_rule_4_admission_is_inclusive_to_the_nano_dollar(world: World) -> None:
    world.spend(at("09:00"), "0.50")
    world.configure(estimate=nano("0.500000001"))
    world.add()

    assert isinstance(world.admit(), Refused)
    world.configure(estimate=nano("0.50"))
    assert isinstance(world.admit(), Admitted)


def test_rule_5_a_hold_grows_as_far_as_there_is_room_and_no_further(world: World) -> None:
    world.add()
    world.add()
    first, _ = world.start(), world.start()
    grow = world.scheduler.budget_manager.grow

    assert grow(first.run_id, nano("0.40")) == nano("0.50")  # it never shrinks
    assert grow(first.run_id, nano("3.00")) == nano("0.50")  # the other one has the rest
    world.finish(world.claim_of(2), "0.20")
    assert grow(first.run_id, nano("0.60")) == nano("0.60")
    assert grow(first.run_id, nano("3.00")) == nano("0.80")
    assert world.standing().headroom == ZERO


def test_rule_5_a_run_of_last_night_grows_within_last_night_and_within_today(world: World) -> None:
    world.clock.set(at("07:50"))
    world.add()
    run = world.start().run_id
    world.spend(at("09:00"), "1.00")

    assert world.scheduler.budget_manager.grow(run, nano("20")) == nano("9.00")

    assert world.standing().today + world.standing().held_anywhere == nano("10.00")
    assert world.standing().held == ZERO  # nothing of it burdens the day


def test_rule_5_what_is_over_does_not_grow(world: World) -> None:
    world.add()
    claim = world.start()
    world.finish(claim, "0.10")

    assert world.scheduler.budget_manager.grow(claim.run_id, nano("0.90")) == ZERO
    assert world.scheduler.budget_manager.grow(999, nano("0.90")) == ZERO
    assert world.standing().headroom == nano("0.90")


@pytest.mark.parametrize("outcome", RunOutcome)
def test_rule_6_a_run_is_charged_once_whatever_way_it_ends(
    sqlite_world: World, outcome: RunOutcome
) -> None:
    world = sqlite_world
    world.clock.set(at("07:59"))
    world.add()
    claim = world.start()
    world.clock.set(at("08:30"))

    world.finish(claim, "0.25", outcome)

    with world.database.read() as session:
        charge = session.scalars(select(UsageMetric)).one()
        kinds = session.scalars(select(BudgetEntry.kind).order_by(BudgetEntry.id)).all()
    assert (charge.cost_nano, charge.total_cost_usd) == (nano("0.25"), "0.250000000")
    assert charge.created_at == at("08:30")
    assert kinds == [EntryKind.HOLD, EntryKind.RELEASE, EntryKind.CHARGE]
    assert world.open_holds() == []


def test_rule_6_a_hold_is_closed_once(world: World) -> None:
    world.add()
    run = world.start().run_id

    with world.database.write() as connection:
        assert ledger.close_hold(connection, run, nano("0.10"), world.clock.now())
        assert not ledger.close_hold(connection, run, nano("0.10"), world.clock.now())


def test_rule_6_the_window_that_admitted_a_run_pays_for_it(world: World) -> None:
    world.clock.set(at("07:59"))
    world.add()
    claim = world.start()
    world.clock.set(at("08:30"))
    world.finish(claim, "2.00")

    with world.database.read() as session:
        night = ledger.standing(
            session, world.policy, at("08:30"), window_at(at("07:59"), world.policy.hours)
        )

    assert night.charged == nano("2.00")
    assert world.standing().charged == ZERO
    assert world.standing().today == nano("2.00")
    assert world.standing().headroom == nano("1.00")


def test_rule_7_an_unknown_cost_is_what_was_metered_or_else_the_hold(world: World) -> None:
    for _ in range(3):
        world.add()
    world.clock.set(at("20:00"))
    metered, unmetered, unstarted = world.start(), world.start(), world.start()
    crashed = RunOutcome.CRASHED

    assert world.finish(metered, None, crashed, metered=nano("0.12")).charge.cost == nano("0.12")
    assert world.finish(unmetered, None, crashed).charge.cost == nano("0.50")
    assert world.finish(unstarted, None, crashed, agent_started=False).charge.cost == ZERO

    with world.database.read() as session:
        sources = session.scalars(select(UsageMetric.cost_source).order_by(UsageMetric.id)).all()
    assert sources == [CostSource.METERED, CostSource.HOLD, CostSource.NONE]


def charge_session(world: World, total: str | None, metered: str = "0") -> int:
    world.add()
    usage = {"session_id": "s-1", "metered": nano(metered)}
    return world.finish(world.start(), total, **usage).charge.cost  # type: ignore[arg-type]


def test_rule_8_a_resumed_session_is_charged_the_difference(world: World) -> None:
    world.clock.set(at("20:00"))

    assert charge_session(world, "0.60") == nano("0.60")
    assert charge_session(world, "0.90") == nano("0.30")
    assert charge_session(world, "0.90") == ZERO


def test_rule_8_what_a_killed_run_was_charged_is_not_charged_again_with_the_total(
    world: World,
) -> None:
    """The session's total goes on to count the calls that the killed run had answered."""
    world.clock.set(at("20:00"))
    charge_session(world, "0.60")
    assert charge_session(world, None, metered="0.07") == nano("0.07")

    assert charge_session(world, "0.70") == nano("0.03")
    charge_session(world, None, metered="0.07")
    assert charge_session(world, "0.80", metered="0.05") == nano("0.05")
    assert charge_session(world, "1.00") == nano("0.20")


def test_rule_8_a_total_that_fell_is_no_running_total(world: World) -> None:
    world.clock.set(at("20:00"))
    for _ in range(3):
        world.add()
    world.finish(world.start(), "0.60", session_id="s-1")

    fallen = world.finish(world.start(), "0.20", session_id="s-1", metered=nano("0.25"))
    stranger = world.finish(world.start(), "0.20", session_id="s-2")

    assert fallen.charge.cost == nano("0.25")
    assert stranger.charge.cost == nano("0.20")
