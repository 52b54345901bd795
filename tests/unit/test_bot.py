"""How a wish becomes a task, and what the reply says of when it will run."""

import pytest

from core.models import TaskPriority, TaskStatus
from fixtures_bot import ADA, BERLIN, Talk, talk
from fixtures_heart import at, nano
from interfaces.bot import Outcome, Seen
from interfaces.grammar import Order

__all__ = ["talk"]


def test_the_first_example_becomes_the_task_it_says(talk: Talk) -> None:
    reply = talk.says("/task Implement user authentication --project=my-app")
    assert (reply.outcome, reply.text) == (Outcome.DONE, "Task 1 is queued in project my-app.")
    task = talk.task(1)
    assert (task.description, task.project_id) == ("Implement user authentication", "my-app")
    assert (task.priority, task.assigned_to) == (TaskPriority.SERIOUS, ADA)


def test_a_task_remembers_where_it_was_asked_for(talk: Talk) -> None:
    talk.thread_ts = "17.5"
    talk.says("/task Fix it", key="trigger:7")
    task = talk.task(1)
    assert (task.slack_channel, task.slack_thread_ts) == ("C1", "17.5")
    assert (task.idempotency_key, task.correlation_id) == ("trigger:7", "corr-1")


def test_the_same_request_twice_is_one_task_and_the_same_reply(talk: Talk) -> None:
    first, second = (talk.says("/task Fix it", key="trigger:7") for _ in range(2))
    assert first == second
    assert talk.world.queue.list_tasks().total == 1


def test_every_wish_is_kept(talk: Talk) -> None:
    talk.says("/task Write the parser")
    text = '/task Test it --project="My App" --max-cost=2.50 --model=opus --after=1 --random'
    assert talk.done(text) == (
        "Task 2 is queued in project my-app.\nIt comes after task 1, which is not completed."
    )
    task = talk.task(2)
    assert (task.project_name, task.model, task.priority) == ("My App", "opus", "random")
    assert task.max_cost_nano == nano("2.50")


def test_a_thought_is_random(talk: Talk) -> None:
    talk.says("/think Compare three caches")
    assert talk.task(1).priority is TaskPriority.RANDOM


def test_a_task_without_a_text_asks_for_the_form(talk: Talk) -> None:
    for bare in ("/task", "/task  ", "/think"):
        assert talk.says(bare).outcome is Outcome.FORM
    assert talk.world.queue.list_tasks().total == 0


def test_the_form_queues_what_was_filled_in(talk: Talk) -> None:
    order = Order("Fix it", project="my-app", priority=TaskPriority.RANDOM, at="tonight")
    reply = talk.bot.submit(order, talk.request("view:1"))
    assert reply.text == (
        "Task 1 is queued in project my-app.\n"
        "It waits for its time: not before 2026-03-10 20:00 UTC."
    )
    assert talk.task(1).priority is TaskPriority.RANDOM


def test_a_form_that_cannot_be_queued_says_why(talk: Talk) -> None:
    reply = talk.bot.submit(Order("Fix it", project="日本語"), talk.request())
    assert reply.outcome is Outcome.DONE
    reply = talk.bot.submit(Order("Fix it", at="someday"), talk.request())
    assert reply.outcome is Outcome.HINT
    assert "'someday' is not a time" in reply.text


def test_the_persons_own_project_stands_in_for_none(talk: Talk) -> None:
    talk.default_project = "my-app"
    assert talk.done("/task Fix it") == "Task 1 is queued in project my-app."
    assert talk.done("/task Fix it --project=other") == "Task 2 is queued in project other."


# --- when it will run -----------------------------------------------------------------------


def test_the_third_example_says_when_the_money_returns(talk: Talk) -> None:
    talk.world.spend(at("10:00"), "1.00")
    talk.zone = BERLIN
    assert talk.done("/task Fix critical bug") == (
        "Task 2 is queued.\n"
        "Queued — waits for budget, next check 2026-03-10 20:00 UTC (21:00 Europe/Berlin).\n"
        "It needs $0.50 and $0.00 is free: the daytime quota binds ($0.00 of $1.00 remaining in"
        " the daytime, $1.00 spent today, $0.00 held by running tasks)."
    )


def test_a_used_up_day_waits_for_midnight(talk: Talk) -> None:
    talk.world.spend(at("02:00"), "9.00")
    talk.world.spend(at("10:00"), "1.00")
    talk.world.clock.set(at("21:00"))
    assert "Queued — waits for budget, next check 2026-03-11 00:00 UTC." in talk.done(
        "/task Fix it"
    )


def test_a_time_is_read_where_the_person_is_and_told_back(talk: Talk) -> None:
    talk.zone = BERLIN
    assert talk.done("/task Fix it --at=02:00") == (
        "Task 1 is queued.\n"
        "It waits for its time: not before 2026-03-11 01:00 UTC (02:00 Europe/Berlin)."
    )


def test_a_time_that_is_over_is_told_back_and_lets_it_start(talk: Talk) -> None:
    assert talk.done("/task Fix it --at=2026-03-10T09:00") == (
        "Task 1 is queued.\n"
        "2026-03-10T09:00 means not before 2026-03-10 09:00 UTC, so it may start at once."
    )


def test_a_time_behind_another_task_is_told_back(talk: Talk) -> None:
    talk.says("/task Write the parser")
    assert talk.done("/task Test it --after=1 --at=02:00").splitlines()[1:] == [
        "02:00 means not before 2026-03-11 02:00 UTC.",
        "It comes after task 1, which is not completed.",
    ]


def test_a_busy_project_and_taken_slots_are_named(talk: Talk) -> None:
    talk.says("/task One --project=a")
    talk.world.start()
    assert "Another task of project a is ahead of it." in talk.done("/task Two --project=a")
    talk.world.slots = 3
    talk.world.clock.set(at("21:00"))
    for project in "bc":
        talk.says(f"/task One --project={project}")
        talk.world.start()
    assert "All 3 slots are taken" in talk.done("/task One more")


def test_what_keeps_the_daemon_from_starting_anything_is_told(talk: Talk) -> None:
    talk.idle_because = "ANTHROPIC_API_KEY is not set: tasks are queued and wait"
    assert talk.done("/task Fix it") == (
        "Task 1 is queued.\n"
        "Nothing is started now: ANTHROPIC_API_KEY is not set: tasks are queued and wait"
    )


def test_a_second_name_of_a_project_is_pointed_out(talk: Talk) -> None:
    talk.says('/task One --project="My App"')
    assert talk.done('/task Two --project="my app"').count("\n") == 1
    text = talk.done('/task Two --project="My_App"')
    assert "“My_App” is the project my-app, known as “My App”." in text


# --- what was not understood ----------------------------------------------------------------


def test_a_name_of_two_words_gets_its_quotes_as_a_hint(talk: Talk) -> None:
    reply = talk.says("/task Fix it --project=My App")
    assert reply.outcome is Outcome.HINT
    assert '\nTry: `/task Fix it --project="My App"`' in reply.text
    assert talk.world.queue.list_tasks().total == 0


@pytest.mark.parametrize("name", ["---", "!!!", "x" * 300])
def test_a_name_that_makes_no_folder_is_refused_with_the_reason(talk: Talk, name: str) -> None:
    reply = talk.says(f'/task Fix it --project="{name}"')
    assert reply.outcome is Outcome.HINT
    assert "is not a usable project name" in reply.text
    assert talk.world.queue.list_tasks().total == 0


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("/task Fix it --after=99", "task 99, which does not exist"),
        ("/task Fix it --at=someday", "'someday' is not a time"),
        ("/task " + "x" * 50_001, "50,000 is the most"),
        ("/cancel 99", "There is no task 99; `/tasks` lists those that exist."),
        ("/costs nothing", "There is no project 'nothing'; `/costs` lists those that exist."),
        ("/priority 1 sirious", "/priority 1 serious"),
    ],
)
def test_a_mistake_is_answered_with_what_to_do(talk: Talk, typed: str, told: str) -> None:
    before = talk.everything()
    reply = talk.says(typed)
    assert reply.outcome is Outcome.HINT
    assert told in reply.text
    assert "sleepless " not in reply.text
    assert talk.everything() == before


def test_what_is_said_may_be_a_command_or_a_task(talk: Talk) -> None:
    request = talk.request
    assert talk.bot.said("Fix the login bug -p my-app", request()).task_id == 1
    assert "Fix the login bug" in talk.bot.said("status", request()).text
    assert talk.bot.said("cancel 1", request()).text.startswith("Task 1 is cancelled")
    assert talk.task(1).status is TaskStatus.CANCELLED


@pytest.mark.parametrize("value", ["", "42", "42:pending", "x:pending:0", "42:asleep:0", "1:2:3:4"])
def test_what_no_button_says_is_not_read(value: str) -> None:
    assert Seen.read(value) is None


def test_a_button_says_which_task_it_saw() -> None:
    seen = Seen(42, TaskStatus.IN_PROGRESS, 3)
    assert str(seen) == "42:in_progress:3"
    assert Seen.read(str(seen)) == seen
