from datetime import timedelta

import pytest
from sqlalchemy import select

from core import admission
from core.admission import Admitted, Limit, NothingRunnable, Refused
from core.credits import credit_status
from core.models import CreditWindow, RunOutcome, RunPhase, TaskPriority, TaskStatus
from core.money import ZERO, shown
from core.scheduler import default_worker
from fixtures_heart import WORKER, World, at, nano

SERIOUS = TaskPriority.SERIOUS


@pytest.mark.parametrize(("spent", "started"), [("0.51", 0), ("0.500000001", 0), ("0.50", 1)])
def test_of_three_tasks_exactly_what_fits_into_the_rest_of_the_day_is_started(
    world: World, spent: str, started: int
) -> None:
    world.spend(at("09:00"), spent)
    for _ in range(3):
        world.add()

    tasks = world.scheduler.get_next_tasks()

    assert len(tasks) == started
    assert len(world.open_holds()) == started


def test_without_work_nothing_happens(world: World) -> None:
    assert world.admit() == NothingRunnable()
    assert world.scheduler.get_next_tasks() == []


def test_a_refusal_tells_the_limit_the_numbers_and_when_money_returns(world: World) -> None:
    world.spend(at("09:00"), "0.51")
    task = world.add()

    refusal = world.admit()

    assert isinstance(refusal, Refused)
    assert (refusal.limit, refusal.estimate) == (Limit.WINDOW, nano("0.50"))
    assert shown(refusal.standing.headroom) == "$0.49"
    assert refusal.until == at("20:00")
    assert world.queue.get_task(task.id).status is TaskStatus.PENDING


def test_money_returns_where_the_cap_and_the_window_both_allow_it(world: World) -> None:
    """Half of the night is gone, and with it the day; at midnight the day is new."""
    world.configure(estimate=nano("6.00"))
    world.clock.set(at("21:00"))
    world.add()
    world.start()
    world.add()

    refusal = world.admit()

    assert isinstance(refusal, Refused)
    # neither midnight (3.00 left of the night) nor the day (1.00) can pay it while this one is
    # held; the next night could, but for the hold that still counts against the day
    assert refusal.until is None
    world.finish(world.claim_of(1), "6.00")
    answer = world.admit()
    assert isinstance(answer, Refused)
    assert answer.until == at("20:00", day=1)


def test_the_daily_cap_is_named_when_it_is_what_binds(world: World) -> None:
    world.spend(at("02:00"), "8.80")
    world.spend(at("09:00"), "1.00")
    world.clock.set(at("21:00"))
    world.add()

    refusal = world.admit()

    assert isinstance(refusal, Refused)
    assert (refusal.limit, refusal.until) == (Limit.DAILY_CAP, at("00:00", day=1))


def test_a_claim_opens_a_run_and_leases_the_task_to_its_worker(world: World) -> None:
    task = world.add(project="my-app", model="opus")

    claim = world.start()

    leased, [run] = world.queue.get_task(task.id), world.queue.runs_of(task.id)
    now = world.clock.now()
    assert (leased.status, leased.lease_owner) == (TaskStatus.IN_PROGRESS, WORKER.name)
    assert (leased.lease_epoch, leased.lease_expires_at) == (1, now + WORKER.lease)
    assert (leased.started_at, leased.wait_reason) == (now, None)
    assert (run.number, run.phase, run.outcome) == (1, RunPhase.CLAIMED, None)
    assert (run.model, run.backend, run.worker) == ("opus", "claude", WORKER.name)
    assert (run.lease_epoch, run.project_id) == (claim.epoch, "my-app")
    assert run.correlation_id == task.correlation_id
    [event] = world.events("task.claimed")
    assert (event.task_id, event.run_id, event.project_id) == (task.id, run.id, "my-app")


def test_a_second_run_keeps_the_first_start_and_counts_on(world: World) -> None:
    task = world.add()
    world.finish(world.start(), "0.10", RunOutcome.DRAINED)
    first_start = world.clock.now()
    world.clock.advance(minutes=5)

    claim = world.start()

    assert claim.epoch == 2
    assert [run.number for run in world.queue.runs_of(task.id)] == [1, 2]
    assert world.queue.get_task(task.id).started_at == first_start


def test_no_more_is_held_than_the_cap_of_the_task_leaves(world: World) -> None:
    world.add(max_cost=nano("0.30"))
    world.finish(world.start(), "0.10", RunOutcome.DRAINED)

    world.start()

    assert world.open_holds() == [nano("0.20")]


def test_a_task_whose_cap_is_used_up_holds_nothing(world: World) -> None:
    """It is admitted so that its run can say that the cap is met; it may not spend a cent."""
    world.add(max_cost=nano("0.30"))
    world.finish(world.start(), "0.40", RunOutcome.DRAINED)

    world.start()

    assert world.open_holds() == [ZERO]


def test_the_first_in_turn_is_not_overtaken_by_a_cheaper_one(world: World) -> None:
    world.spend(at("09:00"), "0.60")
    world.add("first")
    world.add("cheap", max_cost=nano("0.10"))

    assert isinstance(world.admit(), Refused)


def test_serious_is_claimed_before_random_and_first_come_first_served_inside(
    world: World,
) -> None:
    world.clock.set(at("20:00"))
    for number, priority in enumerate(["random", "serious", "random", "serious"]):
        world.add(str(number), TaskPriority(priority))

    claimed = [world.start().task_id for _ in range(4)]

    assert claimed == [2, 4, 1, 3]


def test_what_waits_for_a_time_is_claimed_from_then_on(world: World) -> None:
    world.add("later", SERIOUS, not_before=at("12:30"))
    world.add("now")

    assert world.start().task_id == 2
    assert world.admit() == NothingRunnable()
    world.clock.set(at("12:29:59.999999"))
    assert world.admit() == NothingRunnable()
    world.clock.set(at("12:30"))
    assert world.start().task_id == 1


def test_the_provider_window_opens_with_the_first_run_and_counts_them(world: World) -> None:
    world.clock.set(at("20:00"))
    for _ in range(3):
        world.add()
    assert credit_status(world.queue, world.policy, 3).minutes_left == 300
    world.start()
    world.clock.advance(minutes=65)
    world.start()

    status = credit_status(world.queue, world.policy, 3)
    assert (status.minutes_left, status.tasks_executed) == (235, 2)

    world.clock.advance(hours=5)
    world.start()
    status = credit_status(world.queue, world.policy, 3)
    assert (status.minutes_left, status.tasks_executed) == (300, 1)
    with world.database.read() as session:
        counts = session.scalars(
            select(CreditWindow.tasks_executed).order_by(CreditWindow.starts_at)
        ).all()
    assert counts == [2, 1]


def test_what_a_task_has_cost_is_the_sum_of_its_runs(world: World) -> None:
    world.clock.set(at("20:00"))
    task = world.add()
    for cost in ("0.10", "0.15"):
        world.finish(world.start(), cost, RunOutcome.DRAINED)

    with world.database.read() as session:
        assert admission.spent_on(session, task.id) == nano("0.25")


def test_a_worker_of_our_own_is_named_like_no_other() -> None:
    one, other = default_worker(), default_worker()

    assert one.name != other.name
    assert one.lease == timedelta(seconds=60)


def test_a_smaller_estimate_is_asked_of_the_same_rows(world: World) -> None:
    world.spend(at("09:00"), "0.90")
    world.add()
    assert isinstance(world.admit(), Refused)

    world.configure(estimate=nano("0.10"))

    assert isinstance(world.admit(), Admitted)
