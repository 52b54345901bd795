"""Charges of conversations that several runs share."""

from sqlalchemy import select

from core import settlement
from core.charges import Charge, ModelUsage, Usage
from core.database import Database
from core.leases import Claim
from core.models import CostSource, Run, RunOutcome, UsageModel
from core.money import Nano, to_nano
from core.scheduler import SmartScheduler
from core.settlement import Settlement
from core.states import Patience
from core.task_queue import TaskQueue

SESSION = "49b34c29-6c9d-4c76-b0bc-3ee9e94eff6a"


def settle_next(queue: TaskQueue, usage: Usage) -> Charge:
    """Claim the next task, and end its run with this usage."""
    scheduler = SmartScheduler(queue, max_parallel_tasks=1, daily_budget_usd=1000.0)
    task = scheduler.get_next_tasks()[0]
    with queue.database.write() as connection:
        run_id = connection.scalar(select(Run.id).where(Run.task_id == task.id))
        assert run_id is not None
        how = Settlement(RunOutcome.COMPLETED, usage)
        claim = Claim(task.id, run_id, task.lease_epoch)
        return settlement.settle(connection, claim, how, Patience(), queue.clock.now()).charge


def reported(total: str, metered: str = "0", *models: ModelUsage) -> Usage:
    return Usage(
        session_total_usd=total, session_id=SESSION, metered=to_nano(metered), models=models
    )


def killed(metered: str) -> Usage:
    return Usage(session_id=SESSION, metered=to_nano(metered))


def test_a_resumed_session_is_charged_the_difference_to_its_last_total(queue: TaskQueue) -> None:
    queue.add_task("one")
    queue.add_task("two")

    assert settle_next(queue, reported("0.60")).cost == to_nano("0.60")
    assert settle_next(queue, reported("0.90")).cost == to_nano("0.30")


def test_what_a_killed_run_was_charged_is_not_charged_again_with_the_next_total(
    queue: TaskQueue,
) -> None:
    """The program's total holds the killed run's answered calls, as was measured."""
    for name in ("one", "two", "three"):
        queue.add_task(name)

    assert settle_next(queue, killed("0.15")) == Charge(to_nano("0.15"), CostSource.METERED)
    after = settle_next(queue, reported("0.152", "0.002"))
    assert (after.cost, after.source) == (to_nano("0.002"), CostSource.METERED)
    assert settle_next(queue, reported("0.182")).cost == to_nano("0.03")


def test_without_a_meter_the_rest_of_the_total_is_charged_after_a_killed_run(
    queue: TaskQueue,
) -> None:
    queue.add_task("one")
    queue.add_task("two")
    settle_next(queue, killed("0.15"))

    assert settle_next(queue, reported("0.20")).cost == to_nano("0.05")


def test_models_too_are_charged_the_difference(queue: TaskQueue, database: Database) -> None:
    queue.add_task("one")
    queue.add_task("two")
    settle_next(queue, reported("0.60", "0", ModelUsage("a", Nano(600_000_000), 100, 10)))
    twice = ModelUsage("a", Nano(800_000_000), 150, 15), ModelUsage("b", Nano(100_000_000), 7, 1)
    settle_next(queue, reported("0.90", "0", *twice))

    with database.read() as session:
        rows = session.execute(
            select(UsageModel.model, UsageModel.cost_nano, UsageModel.input_tokens)
            .where(UsageModel.usage_id == 2)
            .order_by(UsageModel.model)
        ).all()
    assert [tuple(row) for row in rows] == [("a", 200_000_000, 50), ("b", 100_000_000, 7)]
