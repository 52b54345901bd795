"""What people in a chat want of the queue: a card's place, hurry, and nothing out of date."""

from datetime import timedelta

import pytest

from core.errors import MovedOn, NotPossible
from core.models import RunOutcome, TaskPriority, TaskStatus, WaitReason
from core.settings import Settings
from core.task_queue import Cancellation
from fixtures_bot import Talk
from fixtures_heart import World
from interfaces.bot import Action, Outcome


def test_a_task_remembers_the_conversation_it_was_asked_for_in_and_tells_nobody(
    world: World,
) -> None:
    added = world.add(slack_channel="C1", slack_thread_ts="1.5")
    kept = world.queue.get_task(added.id)
    assert (kept.slack_channel, kept.slack_thread_ts) == ("C1", "1.5")
    assert [event.payload for event in world.events("task.added")] == [{"priority": "random"}]


def test_a_second_wish_to_stop_adds_nothing_to_the_first(world: World) -> None:
    task = world.add()
    world.start()
    for by in ("U1", "U2"):
        assert world.queue.cancel_task(task.id, by=by) is Cancellation.STOPPING
    assert world.queue.get_task(task.id).cancel_requested_by == "U1"
    assert [event.payload for event in world.events("task.cancel_requested")] == [{"by": "U1"}]


def test_who_acts_on_what_they_saw_changes_nothing_once_it_has_moved_on(world: World) -> None:
    task = world.add()
    seen = (task.status, task.lease_epoch)
    claim = world.start()
    for act in (world.queue.cancel_task, world.queue.retry_task, world.queue.start_now):
        with pytest.raises(MovedOn, match="in progress by now"):
            act(task.id, by="U1", seen=seen)
    assert world.queue.get_task(task.id).cancel_requested_by is None
    world.finish(claim, outcome=RunOutcome.FAILED)
    failed = world.queue.get_task(task.id)
    as_seen = (failed.status, failed.lease_epoch)
    assert world.queue.retry_task(task.id, seen=as_seen).status is TaskStatus.PENDING


def test_a_task_that_is_to_start_now_forgets_its_time_and_goes_first(world: World) -> None:
    world.add()
    later = world.add(not_before=world.clock.now() + timedelta(hours=3))
    hurried = world.queue.start_now(later.id, by="U1")
    assert (hurried.priority, hurried.not_before) == (TaskPriority.SERIOUS, None)
    assert (hurried.wait_reason, hurried.wait_until) == (None, None)
    assert world.start().task_id == later.id
    assert [event.payload for event in world.events("task.hurried")] == [{"by": "U1"}]


def test_hurry_moves_neither_a_dependency_nor_the_providers_limit(world: World) -> None:
    first = world.add()
    second = world.add(after=(first.id,))
    assert world.queue.start_now(second.id).wait_reason is WaitReason.DEPENDENCY
    until = world.clock.now() + timedelta(hours=1)
    world.queue.snooze(first.id, until, WaitReason.LIMIT_REACHED)
    limited = world.queue.start_now(first.id)
    assert (limited.wait_reason, limited.wait_until) == (WaitReason.LIMIT_REACHED, until)


def test_only_what_waits_can_be_hurried(world: World) -> None:
    task = world.add()
    world.start()
    with pytest.raises(NotPossible, match="only a waiting task can be started"):
        world.queue.start_now(task.id)


def test_everything_that_is_looked_at_is_found_on_both_databases(world: World) -> None:
    talk = Talk(world, Settings())
    talk.finished("0.10")
    talk.says("/task Next --project=my-app")
    world.start()
    assert "• 1 my-app: Implement user authentication — completed" in talk.done("/results")
    assert "1 in progress, 1 completed" in talk.done("/status")
    assert "• my-app: $0.1000 (1 task)" in talk.done("/costs")
    assert "• Tasks: 1 completed, 0 failed" in talk.done("/metrics")
    assert f"Database: {'SQLite' if world.database.is_sqlite else 'PostgreSQL'}, " in talk.done(
        "/health"
    )


def test_what_is_said_and_sent_is_kept_on_both_databases(world: World) -> None:
    talk = Talk(world, Settings())
    talk.says("/task Fix it --project=my-app")
    card = talk.put_card(1)
    assert talk.replies(1, "with a test").outcome is Outcome.DONE
    world.finish(world.start(), "0.10")
    talk.diff_of = lambda _: "+ a line"
    talk.presses(Action.DIFF, talk.sees(1))
    assert [letter.parent_id for letter in talk.files()] == [card]
    assert talk.replies(1, "and another").task_id == 2
