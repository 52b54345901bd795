"""Of a project at most one task runs, and at most one can be claimed: the head of its line."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from core import line
from core.admission import NothingRunnable
from core.models import RunOutcome, Task, TaskPriority, TaskStatus, WaitReason
from fixtures_heart import World, at, nano

SERIOUS, RANDOM = TaskPriority.SERIOUS, TaskPriority.RANDOM


@pytest.fixture
def night(world: World) -> World:
    """Money for many."""
    world.clock.set(at("20:00"))
    return world


def claimable(world: World) -> list[int]:
    with world.database.read() as session:
        runnable = Task.status == TaskStatus.PENDING, Task.wait_reason.is_(None)
        return list(session.scalars(select(Task.id).where(*runnable).order_by(*line.TURN)))


def test_of_many_only_the_first_can_be_claimed(night: World) -> None:
    for _ in range(3):
        night.add(project="a")
    night.add(project="b")
    night.add()

    assert claimable(night) == [1, 4, 5]
    assert night.queue.get_task(2).wait_reason is WaitReason.PROJECT_BUSY


def test_projects_run_side_by_side_and_each_one_in_order(night: World) -> None:
    for project in ("a", "a", "b", "b", "a"):
        night.add(project=project)
    order = []
    running = [night.start(), night.start()]
    while running:
        assert night.admit() == NothingRunnable()  # both projects are busy
        claim = running.pop(0)
        order.append(claim.task_id)
        night.finish(claim)
        if claimable(night):
            running.append(night.start())

    assert order == [1, 3, 2, 4, 5]


def test_while_one_runs_nobody_of_its_project_can_be_claimed(night: World) -> None:
    night.add(project="a")
    claim = night.start()
    night.add("more", SERIOUS, project="a")

    assert claimable(night) == []
    night.finish(claim, outcome=RunOutcome.FAILED)
    assert claimable(night) == [2]


def test_the_database_itself_refuses_a_second_running_task(night: World) -> None:
    night.add(project="a")
    night.add(project="a")
    night.start()

    lie = "UPDATE tasks SET status = 'in_progress', wait_reason = NULL, lease_owner = 'x'"
    with pytest.raises(IntegrityError), night.database.write() as connection:
        connection.execute(text(lie + " WHERE id = 2"))


def test_the_line_moves_up_when_its_head_is_cancelled(night: World) -> None:
    for _ in range(3):
        night.add(project="a")

    night.queue.cancel_task(1)
    assert claimable(night) == [2]
    night.queue.cancel_task(3)
    assert claimable(night) == [2]


def test_what_is_retried_takes_its_old_place(night: World) -> None:
    for _ in range(3):
        night.add(project="a")
    night.queue.cancel_task(1)

    night.queue.retry_task(1)

    assert claimable(night) == [1]
    assert night.queue.get_task(2).wait_reason is WaitReason.PROJECT_BUSY


def test_what_is_retried_while_another_runs_waits_in_front(night: World) -> None:
    for _ in range(3):
        night.add(project="a")
    night.finish(night.start(), outcome=RunOutcome.FAILED)
    second = night.start()

    night.queue.retry_task(1)
    assert claimable(night) == []
    night.finish(second)

    assert claimable(night) == [1]


def test_a_serious_task_overtakes_and_falls_back_when_it_is_not_serious_after_all(
    night: World,
) -> None:
    for _ in range(3):
        night.add(project="a")

    night.queue.reprioritise(3, SERIOUS)
    assert claimable(night) == [3]
    night.queue.reprioritise(2, SERIOUS)
    assert claimable(night) == [2]
    night.queue.reprioritise(2, RANDOM)
    night.queue.reprioritise(3, RANDOM)
    assert claimable(night) == [1]


def test_a_serious_task_that_comes_later_goes_first(night: World) -> None:
    night.add(project="a")
    night.add(project="a", priority=SERIOUS)

    assert claimable(night) == [2]


def test_who_waits_for_something_else_does_not_hold_up_the_line(night: World) -> None:
    night.add(project="a", not_before=at("21:00"))
    night.add(project="b")
    night.add(project="a", after=(2,))
    night.add(project="a")
    assert claimable(night) == [2, 4]

    night.finish(night.start())  # 2 is done, and 3 comes before 4
    assert claimable(night) == [3]
    night.clock.set(at("21:00"))
    assert night.start().task_id == 1


def test_a_snoozed_head_lets_the_next_one_through(night: World) -> None:
    night.add(project="a")
    night.add(project="a")

    night.queue.snooze(1, at("21:00"))
    assert claimable(night) == [2]
    night.clock.set(at("21:00"))
    assert night.start().task_id == 1


@pytest.mark.parametrize("outcome", [RunOutcome.DRAINED, RunOutcome.OUT_OF_BUDGET])
def test_an_interrupted_task_goes_on_before_those_behind_it(
    night: World, outcome: RunOutcome
) -> None:
    night.add(project="a")
    night.add(project="a")

    night.finish(night.start(), outcome=outcome)

    assert claimable(night) == [1]
    assert night.queue.get_task(1).attempt_count == 0


def test_a_task_that_waits_for_its_backend_lets_the_next_one_through(night: World) -> None:
    night.add(project="a")
    night.add(project="a")

    night.finish(night.start(), "0.01", RunOutcome.TRANSIENT)

    assert claimable(night) == [2]
    night.clock.advance(seconds=30)
    assert night.start().task_id == 1


def test_a_million_behind_are_not_looked_at_one_by_one(sqlite_world: World) -> None:
    """Electing writes nobody when the head stands already: counted in rows that the database says
    it changed.
    """
    world = sqlite_world
    for _ in range(20):
        world.add(project="a")
    with world.database.write() as connection:
        before = connection.scalar(text("SELECT total_changes()"))
        line.elect(connection, "a")
        assert connection.scalar(text("SELECT total_changes()")) == before


def test_a_task_without_a_project_stands_in_no_line(night: World) -> None:
    with night.database.write() as connection:
        line.elect(connection, None)
        line.elect(connection, "empty")
    night.add(max_cost=nano("1.00"))

    assert claimable(night) == [1]
