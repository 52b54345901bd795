"""What must hold of money beyond the numbered rules: days, nonsense, exactness, S2's own calls."""

import inspect
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from core.admission import Admitted
from core.budget import BudgetManager
from core.charges import ModelUsage
from core.clock import SystemClock
from core.errors import BadAmount
from core.models import CostSource, RunOutcome, TaskStatus
from core.money import ZERO
from core.scheduler import SmartScheduler, TimeOfDay
from core.task_queue import TaskQueue
from fixtures_heart import World, at, nano

#: S2's own queries, to the letter
BY_PROJECT = (
    "SELECT project_id, SUM(CAST(total_cost_usd AS DECIMAL)) as total_cost FROM usage_metrics"
    " WHERE project_id IS NOT NULL GROUP BY project_id;"
)
BY_DAY = (
    "SELECT DATE(created_at) as date, SUM(CAST(total_cost_usd AS DECIMAL)) as daily_cost"
    " FROM usage_metrics GROUP BY DATE(created_at) ORDER BY date DESC;"
)


def ask(world: World, sql: str) -> dict[str, float]:
    with world.database.read() as session:
        return {str(key): round(float(cost), 9) for key, cost in session.execute(text(sql))}


def test_ten_dollars_a_day_never_passes_ten_dollars_on_one_date(sqlite_world: World) -> None:
    """Nine before dawn, one by day and nine after dusk were nineteen dollars on one date. Here: two
    midnights, an hour at a time, more work than money, each task spending all it holds.
    """
    world = sqlite_world
    world.clock.set(at("00:00"))
    for _ in range(70):
        world.add()
    for _ in range(60):
        while isinstance(answer := world.admit(), Admitted):
            world.finish(world.claim_of(answer.run_id), "0.50")
        world.clock.advance(hours=1)

    by_day = ask(world, BY_DAY)

    assert by_day == {"2026-03-10": 10.0, "2026-03-11": 10.0, "2026-03-12": 10.0}


NONSENSE = [float("nan"), float("inf"), -0.01, "-1", 1_000_001, 1e300, "abc", "", True, [1]]


@pytest.mark.parametrize("cost", NONSENSE, ids=repr)
def test_a_cost_that_is_no_amount_charges_the_hold_and_says_so(
    sqlite_world: World, cost: object
) -> None:
    world = sqlite_world
    world.add()

    settled = world.finish(world.start(), cost, metered=nano("0.20"))

    assert settled.charge.cost == nano("0.50")
    assert settled.charge.source is CostSource.HOLD
    [event] = world.events("charge.unread")
    assert event.payload == {"reported": str(cost), "charged_nano": nano("0.50")}
    # one such row once killed every later look at the budget
    world.add()
    assert isinstance(world.admit(), Admitted)


def test_a_report_that_differs_from_the_meter_by_more_than_two_percent_is_an_event(
    world: World,
) -> None:
    world.clock.set(at("20:00"))
    for _ in range(2):
        world.add()

    world.finish(world.start(), "0.100", metered=nano("0.098"))
    assert world.events("charge.disagreed") == []
    world.finish(world.start(), "0.100", metered=nano("0.097"))

    [event] = world.events("charge.disagreed")
    assert event.payload == {"reported_nano": nano("0.1"), "metered_nano": nano("0.097")}


def test_a_charge_counts_in_the_very_microsecond_it_is_made(world: World) -> None:
    world.spend(at("09:00"), "0.30")

    assert world.clock.now() == at("09:00")
    assert world.standing().today == nano("0.30")
    assert world.standing().charged == nano("0.30")


def test_five_charges_are_exactly_their_sum(world: World) -> None:
    for cost in ("0.17", "0.12", "0.07", "0.10", "0.04"):
        world.add(project="my-app")
        world.finish(world.start(), float(cost))

    assert world.charged() == nano("0.50")
    assert world.standing().headroom == nano("0.50")
    assert ask(world, BY_PROJECT) == {"my-app": 0.5}
    world.add()
    assert isinstance(world.admit(), Admitted)


def test_usage_recorded_twice_for_one_run_is_charged_once(world: World) -> None:
    task = world.add(project="my-app")
    claim = world.start()

    with capture_logs() as logs:
        for _ in range(2):
            world.scheduler.record_task_usage(
                task_id=task.id,
                total_cost_usd=0.0721,
                duration_ms=5321,
                duration_api_ms=4000,
                num_turns=4,
                project_id="my-app",
            )
    world.finish(claim, 0.0721)

    assert world.charged() == nano("0.0721")
    assert world.open_holds() == []
    assert ask(world, BY_PROJECT) == {"my-app": 0.0721}
    text_ = f"Recorded usage for task {task.id}: $0.0721 (4 turns, 5321ms)"
    assert [entry["event"] for entry in logs] == [text_, text_]


def test_usage_of_a_task_that_never_ran_here_is_booked_as_it_is(world: World) -> None:
    task = world.add()

    charge = world.scheduler.record_task_usage(task.id, 0.25)

    assert (charge.cost, world.standing().charged) == (nano("0.25"), nano("0.25"))
    with pytest.raises(BadAmount, match="nan is not an amount of money: it is not finite"):
        world.scheduler.record_task_usage(task.id, float("nan"))
    assert world.charged() == nano("0.25")


def test_a_row_written_by_hand_counts_at_once(world: World) -> None:
    manager = world.scheduler.budget_manager
    assert manager.get_remaining_budget() == Decimal(1)
    with world.database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO usage_metrics (task_id, total_cost_usd, cost_nano, created_at)"
                " VALUES (7, '0.300000000', 300000000, '2026-03-10 11:00:00.000000')"
            )
        )

    assert manager.get_remaining_budget() == Decimal("0.7")
    assert manager.get_today_usage() == Decimal("0.3")


def test_the_budget_answers_in_exact_decimals(world: World) -> None:
    world.spend(at("09:00"), "0.500000001")
    manager = world.scheduler.budget_manager

    assert manager.get_current_quota() == Decimal(1)
    assert isinstance(manager.get_current_quota(), Decimal)
    assert manager.get_remaining_budget() == Decimal("0.499999999")
    assert not manager.is_budget_available()
    assert manager.is_budget_available(0.49)
    assert manager.is_budget_available(Decimal("0.499999999"))
    assert not manager.is_budget_available(Decimal("0.5"))


def test_a_charge_keeps_what_each_model_did(sqlite_world: World) -> None:
    world = sqlite_world
    world.add()
    models = (ModelUsage("haiku", nano("0.01"), 10, 20), ModelUsage("sonnet", nano("0.09")))

    world.finish(world.start(), "0.10", models=models)

    with world.database.read() as session:
        kept = session.execute(
            text("SELECT model, cost_nano, output_tokens FROM usage_models ORDER BY model")
        ).all()
    assert [tuple(row) for row in kept] == [("haiku", 10_000_000, 20), ("sonnet", 90_000_000, 0)]


def test_the_scheduler_has_the_parameters_and_defaults_it_was_promised_with() -> None:
    parameters = inspect.signature(SmartScheduler).parameters
    promised = ("max_parallel_tasks", "daily_budget_usd", "night_quota_percent")

    assert list(parameters)[0] == "task_queue"  # noqa: RUF015 - the first of an ordered list
    assert [parameters[name].default for name in promised] == [3, 10.0, 90.0]


def test_the_scheduler_works_with_these_alone(world: World) -> None:
    scheduler = SmartScheduler(
        task_queue=world.queue,
        max_parallel_tasks=3,
        daily_budget_usd=20.0,
        night_quota_percent=75.0,
    )
    task = world.add()

    [started] = scheduler.get_next_tasks()

    assert (started.id, started.status) == (task.id, TaskStatus.IN_PROGRESS)
    assert scheduler.budget_manager.get_current_quota() == Decimal(5)
    status = scheduler.get_credit_status()
    assert set(status) >= {"current_window", "budget", "queue", "max_parallel"}
    assert status["queue"]["in_progress"] == 1
    assert status["max_parallel"] == 3


def test_free_slots_are_filled_and_never_more(world: World) -> None:
    world.clock.set(at("20:00"))
    for _ in range(5):
        world.add()

    first, second = world.scheduler.get_next_tasks(), world.scheduler.get_next_tasks()

    assert [task.id for task in first] == [1, 2, 3]
    assert second == []
    world.finish(world.claim_of(2), "0.10", RunOutcome.FAILED)
    assert [task.id for task in world.scheduler.get_next_tasks()] == [4]


def test_queue_and_budget_keep_the_real_time_when_told_nothing_else(sqlite_world: World) -> None:
    queue = TaskQueue(sqlite_world.database)
    manager = BudgetManager(sqlite_world.database, sqlite_world.policy)

    assert isinstance(queue.clock, SystemClock)
    assert manager.standing().charged == ZERO
    assert abs(queue.add_task("now").created_at - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own clock shows another hour than UTC."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("new_york")
def test_the_night_is_utc_wherever_the_machine_stands(sqlite_world: World) -> None:
    """Hours by the local clock and periods by UTC disagreed once."""
    assert os.environ["TZ"] == "America/New_York"
    assert not TimeOfDay.is_nighttime(at("19:59:59.999999"))
    assert TimeOfDay.is_nighttime(at("20:00"))
    sqlite_world.clock.set(at("20:00").astimezone())
    assert sqlite_world.standing().quota == nano("9.00")
    assert sqlite_world.standing().window.starts_at == at("20:00")


def test_the_hours_of_the_class_can_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (TimeOfDay.NIGHT_START_HOUR, TimeOfDay.NIGHT_END_HOUR) == (20, 8)
    assert isinstance(TimeOfDay.is_nighttime(), bool)

    monkeypatch.setattr(TimeOfDay, "NIGHT_START_HOUR", 1)
    monkeypatch.setattr(TimeOfDay, "NIGHT_END_HOUR", 9)

    nights = [
        wall
        for wall in ("00:59", "01:00", "08:59", "09:00", "12:00", "23:00")
        if TimeOfDay.is_nighttime(at(wall))
    ]
    assert nights == ["01:00", "08:59"]
