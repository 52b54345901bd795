from datetime import datetime

import pytest
from structlog.testing import capture_logs

from core.errors import BadProjectName, BadTask, NaiveTime, NotPossible, TaskNotFound
from core.models import RunOutcome, TaskPriority, TaskStatus, WaitReason
from core.task_queue import MAX_DESCRIPTION, Cancellation
from fixtures_heart import World, at, nano

SERIOUS, RANDOM = TaskPriority.SERIOUS, TaskPriority.RANDOM


# --- add ------------------------------------------------------------------------------------


def test_a_task_is_what_was_asked_for(world: World) -> None:
    task = world.queue.add_task(
        description="Implement user authentication",
        priority=TaskPriority.SERIOUS,
        project_id="my-app",
        project_name="My App",
    )

    for same in (task, world.queue.get_task(task.id)):
        assert same.description == "Implement user authentication"
        assert (same.priority, same.status) == (SERIOUS, TaskStatus.PENDING)
        assert (same.project_id, same.project_name) == ("my-app", "My App")
        assert same.created_at == world.clock.now()
    [event] = world.events("task.added")
    assert (event.task_id, event.correlation_id) == (task.id, task.correlation_id)


def test_a_task_needs_no_project_and_is_random_by_default(world: World) -> None:
    task = world.queue.add_task("a thought")

    assert (task.priority, task.project_id, task.project_name) == (RANDOM, None, None)


def test_wishes_are_kept(world: World) -> None:
    task = world.add(
        max_cost=nano("2.00"), model="opus", requested_by="U123", correlation_id="req-1"
    )

    kept = world.queue.get_task(task.id)
    assert (kept.max_cost_nano, kept.model) == (nano("2.00"), "opus")
    assert (kept.assigned_to, kept.correlation_id) == ("U123", "req-1")


@pytest.mark.parametrize("blank", ["", "   ", "\n\t ", "\x00", "\x00 \x00", " \x00 "], ids=repr)
def test_a_task_without_text_is_refused(world: World, blank: str) -> None:
    with pytest.raises(BadTask, match="it has no text; say what is to be done"):
        world.add(blank)
    assert world.queue.list_tasks().total == 0


def test_a_task_may_be_as_long_as_the_limit_and_no_longer(world: World) -> None:
    assert len(world.add("x" * MAX_DESCRIPTION).description) == MAX_DESCRIPTION
    with pytest.raises(BadTask, match=r"its text has 50,001 characters; 50,000 is the most"):
        world.add("x" * (MAX_DESCRIPTION + 1))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  do it \n", "do it"),
        ("a\x00b", "ab"),
        ("mkdir -p build --project=x; DROP TABLE tasks; -- '\"", None),
        ("日本語 😀 \u202e", None),
        ("no text \udcff at all", "no text ? at all"),
    ],
    ids=["blanks", "nul", "sql", "unicode", "bytes"],
)
def test_a_text_is_kept_as_it_was_written(world: World, given: str, kept: str | None) -> None:
    task = world.add(given, project="p")

    assert world.queue.get_task(task.id).description == (given if kept is None else kept)


def test_a_cap_of_nothing_is_refused(world: World) -> None:
    with pytest.raises(BadTask, match=r"its cap is \$0.00; give more, or no cap"):
        world.add(max_cost=nano("0"))


def test_an_unknown_priority_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="'urgent' is not a valid TaskPriority"):
        world.queue.add_task("x", "urgent")  # type: ignore[arg-type]


def test_a_time_without_a_zone_is_refused(world: World) -> None:
    with pytest.raises(NaiveTime):
        world.add(not_before=datetime(2026, 3, 10, 20, 0))  # noqa: DTZ001 - the point of the test


def test_the_same_key_is_the_same_task(world: World) -> None:
    first = world.add("once", idempotency_key="slack-1")
    again = world.add("once more", idempotency_key="slack-1")
    other = world.add("another", idempotency_key="slack-2")

    assert (again.id, again.description) == (first.id, "once")
    assert other.id != first.id
    assert world.queue.list_tasks().total == 2
    assert len(world.events("task.added")) == 2


def test_adding_rings_for_whoever_listens_and_fails_for_nobody(world: World) -> None:
    """No daemon runs here: the bell is rung and nobody is there to hear it."""
    assert world.add().id == 1


# --- wait -----------------------------------------------------------------------------------


def test_a_task_waits_for_all_it_comes_after(world: World) -> None:
    world.clock.set(at("20:00"))
    first, second = world.add("first"), world.add("second")
    third = world.add("third", SERIOUS, after=(first.id, second.id, second.id))
    assert third.wait_reason is WaitReason.DEPENDENCY

    one, two = world.start(), world.start()
    world.finish(one)
    assert world.queue.get_task(third.id).wait_reason is WaitReason.DEPENDENCY
    world.finish(two)

    assert world.queue.get_task(third.id).wait_reason is None
    assert world.start().task_id == third.id


def test_a_task_that_failed_frees_nobody_until_it_is_done_after_all(world: World) -> None:
    first = world.add()
    second = world.add(after=(first.id,))

    world.finish(world.start(), outcome=RunOutcome.FAILED)
    assert world.queue.get_task(second.id).wait_reason is WaitReason.DEPENDENCY
    world.queue.retry_task(first.id)
    world.finish(world.start())

    assert world.queue.get_task(second.id).wait_reason is None


def test_coming_after_what_is_done_is_no_wait(world: World) -> None:
    first = world.add()
    world.finish(world.start())

    assert world.add(after=(first.id,)).wait_reason is None


def test_coming_after_an_unknown_task_is_refused(world: World) -> None:
    with pytest.raises(BadTask, match="it is to come after task 99, which does not exist"):
        world.add(after=(99,), project="new")
    assert world.queue.list_tasks().total == 0


def test_a_dependency_and_a_time_must_both_be_met(world: World) -> None:
    first = world.add()
    second = world.add(after=(first.id,), not_before=at("13:00"))
    assert second.wait_reason is WaitReason.DEPENDENCY

    world.finish(world.start())

    waiting = world.queue.get_task(second.id)
    assert (waiting.wait_reason, waiting.wait_until) == (WaitReason.NOT_BEFORE, at("13:00"))
    world.clock.set(at("13:00"))
    assert world.start().task_id == second.id


def test_a_time_that_has_passed_is_no_wait(world: World) -> None:
    assert world.add(not_before=at("11:59")).wait_reason is None


def test_a_snoozed_task_waits_and_comes_back_in_its_turn(world: World) -> None:
    first, second = world.add(), world.add()

    snoozed = world.queue.snooze(first.id, at("12:10"), WaitReason.LIMIT_REACHED)

    assert (snoozed.wait_reason, snoozed.wait_until) == (WaitReason.LIMIT_REACHED, at("12:10"))
    assert snoozed.attempt_count == 0
    assert world.start().task_id == second.id
    world.clock.set(at("12:10"))
    assert world.start().task_id == first.id
    with pytest.raises(NotPossible, match="only a waiting task can wait longer"):
        world.queue.snooze(first.id, at("13:00"))


# --- cancel, retry, reprioritise ------------------------------------------------------------


def test_a_waiting_task_is_cancelled_at_once(world: World) -> None:
    task = world.add(not_before=at("20:00"))

    assert world.queue.cancel_task(task.id, by="U123") is Cancellation.CANCELLED

    over = world.queue.get_task(task.id)
    assert (over.status, over.wait_reason, over.wait_until) == (TaskStatus.CANCELLED, None, None)
    assert over.completed_at == world.clock.now()
    assert world.events("task.cancelled")[0].payload == {"by": "U123"}


def test_a_running_task_is_asked_to_stop_and_runs_until_it_has(world: World) -> None:
    task = world.add()
    claim = world.start()

    assert world.queue.cancel_task(task.id, by="U123") is Cancellation.STOPPING

    stopping = world.queue.get_task(task.id)
    assert (stopping.status, stopping.cancel_requested_by) == (TaskStatus.IN_PROGRESS, "U123")
    world.finish(claim, "0.10", RunOutcome.CANCELLED)
    over = world.queue.get_task(task.id)
    assert (over.status, over.cancel_requested_by) == (TaskStatus.CANCELLED, None)


@pytest.mark.parametrize("outcome", [RunOutcome.COMPLETED, RunOutcome.FAILED, RunOutcome.CANCELLED])
def test_nothing_that_is_over_is_said_to_be_cancelled(world: World, outcome: RunOutcome) -> None:
    task = world.add()
    world.finish(world.start(), outcome=outcome)

    with pytest.raises(NotPossible, match=r"Task 1 is \w+: only what waits or runs can be canc"):
        world.queue.cancel_task(task.id)
    assert len(world.events("task.cancelled")) == 0


def test_a_failed_task_is_queued_again_as_if_it_were_new(world: World) -> None:
    task = world.add(not_before=at("12:00"))
    world.finish(world.start(), "0.10", RunOutcome.FAILED)

    retried = world.queue.retry_task(task.id, by="U123")

    assert (retried.status, retried.wait_reason) == (TaskStatus.PENDING, None)
    assert (retried.attempt_count, retried.crash_count, retried.completed_at) == (0, 0, None)
    assert world.start().task_id == task.id


def test_a_cancelled_task_can_be_retried_and_a_waiting_or_completed_one_cannot(
    world: World,
) -> None:
    task = world.add()
    world.queue.cancel_task(task.id)
    assert world.queue.retry_task(task.id).status is TaskStatus.PENDING

    with pytest.raises(NotPossible, match="only a failed or cancelled task can be retried"):
        world.queue.retry_task(task.id)
    world.finish(world.start())
    with pytest.raises(NotPossible, match="Task 1 is completed"):
        world.queue.retry_task(task.id)


def test_a_task_that_met_its_cap_needs_a_higher_one_to_go_on(world: World) -> None:
    task = world.add(max_cost=nano("0.30"))
    world.finish(world.start(), "0.30", RunOutcome.CAPPED)

    with pytest.raises(NotPossible, match=r"spent \$0.30 of its cap of \$0.30; give a higher"):
        world.queue.retry_task(task.id)
    with pytest.raises(NotPossible):
        world.queue.retry_task(task.id, max_cost=nano("0.30"))
    assert world.queue.retry_task(task.id, nano("0.50")).max_cost_nano == nano("0.50")
    world.start()
    assert world.open_holds() == [nano("0.20")]


def test_a_task_that_failed_below_its_cap_is_retried_within_it(world: World) -> None:
    task = world.add(max_cost=nano("0.30"))
    world.finish(world.start(), "0.10", RunOutcome.FAILED)

    assert world.queue.retry_task(task.id).max_cost_nano == nano("0.30")


def test_a_task_made_serious_goes_before_the_random_ones(world: World) -> None:
    first, second = world.add(), world.add()

    assert world.queue.reprioritise(second.id, SERIOUS).priority is SERIOUS

    assert world.start().task_id == second.id
    with pytest.raises(NotPossible, match="only a waiting task has a place in the queue"):
        world.queue.reprioritise(second.id, RANDOM)
    assert world.queue.reprioritise(first.id, SERIOUS).priority is SERIOUS


@pytest.mark.parametrize("verb", ["get_task", "cancel_task", "retry_task"])
def test_a_task_that_does_not_exist_is_named(world: World, verb: str) -> None:
    with pytest.raises(TaskNotFound, match="There is no task 99"):
        getattr(world.queue, verb)(99)


# --- look -----------------------------------------------------------------------------------


def test_pages_show_every_task_once_the_newest_first(world: World) -> None:
    for _ in range(5):
        world.add()
    seen, before = [], None
    for expected in (2, 2, 1):
        page = world.queue.list_tasks(limit=2, before=before)
        assert (len(page.tasks), page.total) == (expected, 5)
        seen += [task.id for task in page.tasks]
        before = page.next_before

    assert seen == [5, 4, 3, 2, 1]
    assert before is None


def test_pages_are_of_a_state_or_a_project_and_of_a_sane_size(world: World) -> None:
    for project in ("a", "a", "b"):
        world.add(project=project)
    world.queue.cancel_task(2)

    ids = [task.id for task in world.queue.list_tasks(project_id="a").tasks]
    assert ids == [2, 1]
    assert world.queue.list_tasks(TaskStatus.CANCELLED).total == 1
    assert world.queue.list_tasks(TaskStatus.CANCELLED, "b").tasks == []
    assert len(world.queue.list_tasks(limit=0).tasks) == 1
    assert len(world.queue.list_tasks(limit=10**9).tasks) == 3


def test_counts_name_every_state(world: World) -> None:
    for _ in range(3):
        world.add()
    world.start()
    world.queue.cancel_task(2)

    assert world.queue.counts() == dict.fromkeys(TaskStatus, 0) | {
        TaskStatus.PENDING: 1,
        TaskStatus.IN_PROGRESS: 1,
        TaskStatus.CANCELLED: 1,
    }


# --- projects -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("my-app", "my-app"),
        ("My App", "my-app"),
        ("MY_APP", "my-app"),
        ("日本語", "ri-ben-yu"),
        ("-x", "x"),
        ("../../etc", "etc"),
        ("a" * 64, "a" * 64),
        ("my\x00app", "my-app"),
    ],
)
def test_a_name_becomes_a_folder_name(world: World, name: str, slug: str) -> None:
    assert world.add(project=name).project_id == slug


@pytest.mark.parametrize("name", ["", " ", "---", "😀", "a" * 65, "\x00", "\udcff"])
def test_a_name_that_is_no_folder_name_is_refused_and_explained(world: World, name: str) -> None:
    with pytest.raises(BadProjectName, match=r"is not a usable project name: .*(a-z|is the most)"):
        world.add(project=name)


def test_a_name_alone_names_the_project(world: World) -> None:
    task = world.queue.add_task("x", project_name="My App")

    assert (task.project_id, task.project_name) == ("my-app", "My App")


def test_two_names_that_meet_in_one_slug_are_reported(world: World) -> None:
    world.add(project="My App")
    with capture_logs() as logs:
        world.add(project="my-app")
        world.add(project="MY APP")
        world.add(project="My_App!")

    assert [entry for entry in logs if entry["event"] == "project.name_clash"] == [
        {
            "event": "project.name_clash",
            "log_level": "warning",
            "project_id": "my-app",
            "known_as": "My App",
        }
    ]
