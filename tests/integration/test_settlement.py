from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from core import charges, leases
from core.charges import Usage
from core.errors import LeaseLost
from core.leases import Claim
from core.models import Base, RunOutcome, RunPhase, TaskStatus, WaitReason
from core.money import ZERO
from core.settlement import Settlement
from core.states import Patience
from fixtures_heart import WORKER, World, at, nano

LEASE = WORKER.lease
OTHER = "there:2:two"


def snapshot(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    with world.database.read() as session:
        return {
            table.name: [tuple(row) for row in session.execute(table.select())]
            for table in Base.metadata.sorted_tables
        }


def adopt(world: World, run_id: int, worker: str = OTHER) -> Claim:
    with world.database.write() as connection:
        [run] = leases.orphans(connection, worker, None)
        assert run.id == run_id
        return leases.adopt(connection, run, worker, LEASE, world.clock.now())


# --- once -----------------------------------------------------------------------------------


def test_the_end_of_a_run_is_one_step_for_run_task_charge_and_hold(world: World) -> None:
    task = world.add(project="my-app")
    claim = world.start()
    world.clock.advance(minutes=7)
    how = Settlement(
        RunOutcome.REFUTED,
        Usage("0.0721", "s-1", duration_ms=5321, duration_api_ms=4000, num_turns=4),
        error_class="refuted",
        error_message="2 tests fail",
        session_id="s-1",
        facts={"verified": False, "head_sha": "abc"},
    )

    settled = world.settle(claim, how)

    [run], over = world.queue.runs_of(task.id), world.queue.get_task(task.id)
    now = world.clock.now()
    assert settled.charge.cost == nano("0.0721")
    assert (run.outcome, run.ended_at, run.verified) == (RunOutcome.REFUTED, now, False)
    assert (run.error_message, run.head_sha) == ("2 tests fail", "abc")
    assert (over.status, over.completed_at, over.attempt_count) == (TaskStatus.FAILED, now, 1)
    assert (over.lease_owner, over.lease_expires_at) == (None, None)
    assert (over.error_class, over.error_message) == ("refuted", "2 tests fail")
    assert over.session_id == "s-1"
    assert world.open_holds() == []
    with world.database.read() as session:
        usage = session.execute(
            text(
                "SELECT total_cost_usd, duration_ms, duration_api_ms, num_turns, project_id,"
                " task_id FROM usage_metrics"
            )
        ).one()
        assert session.scalar(text("SELECT session_id FROM projects")) == "s-1"
    assert (str(usage[0]), *usage[1:]) == ("0.072100000", 5321, 4000, 4, "my-app", task.id)
    [event] = world.events("run.settled")
    assert event.payload == {
        "outcome": "refuted",
        "status": "failed",
        "cost_nano": nano("0.0721"),
    }
    assert event.correlation_id == task.correlation_id


def test_whoever_settles_second_is_told_and_has_written_nothing(world: World) -> None:
    world.add(project="a")
    claim = world.start()
    world.finish(claim, "0.10")
    before = snapshot(world)
    world.clock.advance(minutes=1)

    with pytest.raises(LeaseLost, match="Run 1 of task 1 belongs to somebody else by now"):
        world.finish(claim, "9.99", RunOutcome.FAILED)

    assert snapshot(world) == before


def test_a_zombie_cannot_settle_the_run_that_was_taken_from_it(world: World) -> None:
    world.add(project="a")
    zombie = world.start()
    heir = adopt(world, zombie.run_id)
    before = snapshot(world)

    with pytest.raises(LeaseLost):
        world.finish(zombie, "9.99")
    assert snapshot(world) == before

    world.finish(heir, "0.10")
    assert world.charged() == nano("0.10")


def test_a_zombie_cannot_write_its_progress_either(world: World) -> None:
    world.add()
    zombie = world.start()
    with world.database.write() as connection:
        leases.advance(connection, zombie, phase=RunPhase.WORKING, pid=4242)
    heir = adopt(world, zombie.run_id)

    with pytest.raises(LeaseLost), world.database.write() as connection:
        leases.advance(connection, zombie, phase=RunPhase.LANDING)
    with world.database.write() as connection:
        leases.advance(connection, heir, phase=RunPhase.VERIFYING)

    [run] = world.queue.runs_of(1)
    assert (run.phase, run.pid, run.worker) == (RunPhase.VERIFYING, 4242, OTHER)
    world.finish(heir)
    with pytest.raises(LeaseLost), world.database.write() as connection:
        leases.advance(connection, heir, phase=RunPhase.LANDING)


def test_a_run_that_was_charged_before_it_was_settled_is_not_charged_again(world: World) -> None:
    task = world.add()
    claim = world.start()
    world.scheduler.record_task_usage(task.id, "0.30")

    settled = world.finish(claim, "0.45")

    assert settled.charge.cost == nano("0.30")
    assert world.charged() == nano("0.30")
    assert world.queue.get_task(task.id).status is TaskStatus.COMPLETED


TABLES = ["usage_metrics", "usage_models", "budget_entries", "events", "projects", "tasks"]


@pytest.mark.parametrize("table", TABLES)
def test_a_settlement_that_fails_anywhere_has_not_happened(sqlite_world: World, table: str) -> None:
    """A full disk at any statement stands for a kill at that statement: the transaction is gone,
    and settling again does it all, once.
    """
    world = sqlite_world
    world.add(project="a")
    world.add(project="a")
    claim = world.start()
    verb = "UPDATE" if table in ("tasks", "projects") else "INSERT"
    before = snapshot(world)
    trigger = (
        f"CREATE TRIGGER full_disk BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'x'); END"
    )
    model = charges.ModelUsage("sonnet", nano("0.10"))
    how = Settlement(RunOutcome.COMPLETED, Usage("0.10", models=(model,)), session_id="s-1")
    with world.database.write() as connection:
        connection.execute(text(trigger))

    with pytest.raises(DatabaseError):
        world.settle(claim, how)
    assert snapshot(world) == before

    with world.database.write() as connection:
        connection.execute(text("DROP TRIGGER full_disk"))
    world.settle(claim, how)
    assert world.charged() == nano("0.10")
    assert world.start().task_id == 2


# --- what becomes of the task ----------------------------------------------------------------


def test_a_crash_is_counted_apart_and_three_put_the_task_aside(world: World) -> None:
    world.clock.set(at("20:00"))
    task = world.add()
    for _ in range(3):
        assert world.queue.get_task(task.id).status is TaskStatus.PENDING
        world.finish(world.start(), "0.10", RunOutcome.CRASHED)

    over = world.queue.get_task(task.id)
    assert (over.status, over.crash_count, over.attempt_count) == (TaskStatus.FAILED, 3, 0)
    assert world.charged() == nano("0.30")


def test_a_usage_limit_costs_no_attempt_and_names_its_end(world: World) -> None:
    task = world.add()
    reset = at("15:00")

    world.settle(world.start(), Settlement(RunOutcome.LIMITED, Usage("0.01"), resets_at=reset))

    waiting = world.queue.get_task(task.id)
    assert (waiting.status, waiting.attempt_count) == (TaskStatus.PENDING, 0)
    assert (waiting.wait_reason, waiting.wait_until) == (WaitReason.LIMIT_REACHED, reset)
    assert waiting.completed_at is None


def test_lost_connections_are_tried_again_until_patience_ends(world: World) -> None:
    world.patience = Patience(max_attempts=2, first_pause=timedelta(seconds=30))
    task = world.add()
    world.finish(world.start(), "0.01", RunOutcome.TRANSIENT)
    waiting = world.queue.get_task(task.id)
    assert (waiting.wait_reason, waiting.attempt_count) == (WaitReason.BACKEND_DOWN, 1)
    assert waiting.wait_until == world.clock.now() + timedelta(seconds=30)

    world.clock.advance(seconds=30)
    world.finish(world.start(), "0.01", RunOutcome.TRANSIENT)

    assert world.queue.get_task(task.id).status is TaskStatus.FAILED


def test_a_wish_to_cancel_is_kept_when_the_daemon_dies_meanwhile(world: World) -> None:
    task = world.add()
    claim = world.start()
    world.queue.cancel_task(task.id)

    world.finish(claim, "0.10", RunOutcome.CRASHED)

    assert world.queue.get_task(task.id).status is TaskStatus.CANCELLED


# --- leases and orphans ----------------------------------------------------------------------


def test_a_worker_renews_all_its_leases_at_once_and_only_its_own(world: World) -> None:
    world.clock.set(at("20:00"))
    for _ in range(3):
        world.add()
    one, other = world.start(), world.start()
    adopted = adopt_one(world, other.run_id)
    world.clock.advance(seconds=20)
    now = world.clock.now()

    with world.database.write() as connection:
        renewed = leases.renew(connection, WORKER.name, LEASE, now)

    assert renewed == {(one.task_id, one.epoch)}
    assert world.queue.get_task(one.task_id).lease_expires_at == now + LEASE
    assert (
        world.queue.get_task(adopted.task_id).lease_expires_at
        == now - timedelta(seconds=20) + LEASE
    )


def adopt_one(world: World, run_id: int) -> Claim:
    with world.database.write() as connection:
        runs = {run.id: run for run in leases.orphans(connection, OTHER, None)}
        return leases.adopt(connection, runs[run_id], OTHER, LEASE, world.clock.now())


def test_orphans_are_the_open_runs_of_everybody_else(world: World) -> None:
    world.clock.set(at("20:00"))
    for _ in range(3):
        world.add()
    done, first, second = world.start(), world.start(), world.start()
    world.finish(done)

    with world.database.read() as session:
        connection = session.connection()
        found = [run.id for run in leases.orphans(connection, OTHER, None)]
        own = leases.orphans(connection, WORKER.name, None)

    assert found == [first.run_id, second.run_id]
    assert own == []


def test_where_several_share_a_database_an_orphan_is_a_run_whose_lease_ran_out(
    world: World,
) -> None:
    world.add()
    claim = world.start()
    end = world.clock.now() + LEASE

    with world.database.read() as session:
        connection = session.connection()
        assert leases.orphans(connection, OTHER, end) == []
        late = leases.orphans(connection, OTHER, end + timedelta(microseconds=1))

    assert [run.id for run in late] == [claim.run_id]


def test_an_adopted_run_keeps_its_hold_and_its_window_and_is_charged_once(world: World) -> None:
    world.clock.set(at("07:59"))
    world.add(project="a")
    claim = world.start()
    world.clock.set(at("08:05"))

    heir = adopt(world, claim.run_id)
    assert (heir.task_id, heir.run_id, heir.epoch) == (claim.task_id, claim.run_id, 2)
    assert world.open_holds() == [nano("0.50")]
    world.finish(heir, None, RunOutcome.CRASHED)

    assert world.standing().charged == ZERO  # the night pays
    assert world.standing().today == nano("0.50")
    assert world.start().epoch == 3  # epochs only grow


def test_a_worker_hears_which_of_its_tasks_are_to_be_stopped(world: World) -> None:
    world.add()
    world.add()
    world.start(), world.start()
    world.queue.cancel_task(2, by="U1")

    with world.database.read() as session:
        assert leases.cancel_wishes(session.connection(), WORKER.name) == [2]
        assert leases.cancel_wishes(session.connection(), OTHER) == []
