"""What people say to a task after it was queued, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from core import instructions
from core.errors import BadTask, TaskNotFound
from core.models import Event, Instruction
from fixtures_heart import World


def say(world: World, task_id: int, text: str, key: str) -> int | None:
    with world.database.write() as connection:
        return instructions.say(connection, task_id, text, "U1", key, world.clock.now())


def give(world: World, task_id: int, run_id: int) -> list[str]:
    with world.database.write() as connection:
        return list(instructions.give(connection, task_id, run_id, world.clock.now()))


def test_an_instruction_is_given_once_in_the_order_of_saying(world: World) -> None:
    task = world.add("the task")
    claim = world.start()
    say(world, task.id, "  first ", "a")
    say(world, task.id, "second", "b")
    with world.database.read() as session:
        assert instructions.waiting(session, task.id) == 2
    world.clock.moment += timedelta(minutes=1)

    assert give(world, task.id, claim.run_id) == ["first", "second"]
    assert give(world, task.id, claim.run_id) == []
    say(world, task.id, "third", "c")
    with world.database.read() as session:
        assert instructions.waiting(session, task.id) == 1
        assert list(instructions.said_to(session, task.id)) == ["first", "second", "third"]
        given = session.scalars(select(Instruction).where(Instruction.key == "a")).one()
        assert (given.run_id, given.given_at) == (claim.run_id, world.clock.now())


def test_what_is_delivered_twice_is_said_once(world: World) -> None:
    task = world.add("the task")
    assert say(world, task.id, "once", "event:1") is not None
    assert say(world, task.id, "once", "event:1") is None
    with world.database.read() as session:
        assert instructions.waiting(session, task.id) == 1
        told = session.scalars(select(Event).where(Event.type == "task.instructed")).all()
    assert [event.payload for event in told] == [{"by": "U1"}]


def test_an_instruction_to_nothing_is_refused(world: World) -> None:
    with pytest.raises(TaskNotFound):
        say(world, 4711, "do it", "a")


@pytest.mark.parametrize("text", ["", " \n\x00 ", "x" * (instructions.MAX_TEXT + 1)])
def test_an_instruction_says_something_and_is_no_file(world: World, text: str) -> None:
    task = world.add("the task")
    with pytest.raises(BadTask):
        say(world, task.id, text, "a")
