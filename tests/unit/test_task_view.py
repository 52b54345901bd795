"""One look at a task: everything of one moment, in few queries."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event

from core.admission import Worker
from core.errors import TaskNotFound
from core.models import RunOutcome, RunPhase, TaskStatus, WaitReason
from core.money import to_nano
from core.task_view import task_view
from slack_scenes import POLICY, SLOTS, Stage, stage


@pytest.fixture
def played() -> Iterator[Stage]:
    with stage() as made:
        yield made


def test_a_task_that_waits_says_why_and_has_no_run(played: Stage) -> None:
    first, task = played.add("first"), played.add("second")
    view = played.look(task.id)
    assert (view.run, view.run_count, view.spent) == (None, 0, 0)
    assert view.why is not None
    assert view.why.reason is WaitReason.PROJECT_BUSY
    assert view.now == played.clock.now()
    assert view.task.description == "second"
    assert played.look(first.id).task.id == first.id


def test_a_task_that_runs_has_spent_what_its_meter_has_seen(played: Stage) -> None:
    task = played.add("work")
    claim = played.start()
    played.note(claim, phase=RunPhase.WORKING, metered_nano=to_nano("0.07"))
    view = played.look(task.id)
    assert view.why is None
    assert view.run is not None
    assert view.run.phase is RunPhase.WORKING
    assert view.spent == to_nano("0.07")


def test_a_later_run_adds_its_meter_to_what_was_charged(played: Stage) -> None:
    """The meter of a run that has ended is in its charge, and counts once."""
    task = played.add("work")
    first = played.start()
    played.note(first, metered_nano=to_nano("0.30"), pid=4711)
    played.end(first, RunOutcome.DRAINED, "0.30")
    between = played.look(task.id)
    assert (between.spent, between.run_count) == (to_nano("0.30"), 1)
    second = played.start()
    played.note(second, metered_nano=to_nano("0.05"))
    view = played.look(task.id)
    assert (view.spent, view.run_count) == (to_nano("0.35"), 2)
    assert view.run is not None
    assert view.run.id == second.run_id


def test_what_was_said_and_not_yet_given_is_counted(played: Stage) -> None:
    task = played.add("work")
    assert played.look(task.id).instructions == 0
    played.say(task.id, "in English, please")
    played.say(task.id, "and short")
    assert played.look(task.id).instructions == 2


def test_a_rehearsed_run_says_so(played: Stage) -> None:
    task = played.add("work")
    assert not played.look(task.id).rehearsal
    claim = played.start(Worker("w", played.clock.moment - played.clock.moment, "rehearsal", "m"))
    assert played.look(task.id).rehearsal
    played.end(claim, RunOutcome.COMPLETED, "0.10")
    assert played.look(task.id).rehearsal


def test_a_task_that_is_over_waits_for_nothing(played: Stage) -> None:
    task = played.add("work")
    played.queue.cancel_task(task.id, by="ada")
    view = played.look(task.id)
    assert (view.task.status, view.why) == (TaskStatus.CANCELLED, None)


def test_there_is_no_view_of_a_task_that_does_not_exist(played: Stage) -> None:
    with pytest.raises(TaskNotFound, match="no task 99"):
        task_view(played.queue, POLICY, SLOTS, 99)


def test_a_look_is_one_transaction_of_few_queries(played: Stage) -> None:
    task = played.add("work")
    said: list[str] = []
    engine = played.database._reader
    event.listen(engine, "before_cursor_execute", lambda *told: said.append(str(told[2])))
    event.listen(engine, "begin", lambda _: said.append("BEGIN"))
    played.look(task.id)
    assert said.count("BEGIN") == 1
    assert len(said) - 1 <= 7
