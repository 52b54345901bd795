"""What `/credits` and `why` tell: the numbers behind them, the reason, the earliest start."""

import pytest
from sqlalchemy import text

from core.admission import Limit
from core.credits import Blocked, credit_status
from core.errors import TaskNotFound
from core.models import RunOutcome, TaskStatus, WaitReason
from core.why import Why, why
from fixtures_heart import World, at, nano

PENDING = TaskStatus.PENDING


def ask(world: World, task_id: int) -> Why:
    return why(world.queue, world.policy, world.slots, task_id)


def test_the_credits_have_the_numbers_of_the_promised_reply(world: World) -> None:
    """Remaining $8.45 of $9.00, $2.33 today; 235 minutes left and two runs in the window; 3 tasks
    pending, 1 running; 2 of 3 slots free.
    """
    world.spend(at("03:00"), "0.78")
    world.spend(at("10:00"), "1.00")
    world.spend(at("20:00"), "0.55")
    for _ in range(4):
        world.add()
    world.start()
    world.clock.set(at("21:05"))

    status = credit_status(world.queue, world.policy, 3).as_dict()

    assert status["budget"] == {
        "period": "night",
        "window_starts_at": "2026-03-10T20:00:00+00:00",
        "window_ends_at": "2026-03-11T08:00:00+00:00",
        "quota_usd": "9.000000000",
        "remaining_usd": "8.450000000",
        "today_usd": "2.330000000",
        "held_usd": "0.500000000",
        "headroom_usd": "7.170000000",
        "estimate_usd": "0.500000000",
        "blocked_by": None,
        "blocked_until": None,
    }
    assert status["current_window"] == {"time_remaining_minutes": 235, "tasks_executed": 2}
    assert status["queue"] == {
        "pending": 3,
        "in_progress": 1,
        "in_review": 0,
        "completed": 3,
        "failed": 0,
        "cancelled": 0,
    }
    assert status["slots_free"] == 2


def test_what_blocks_is_told_to_machines_with_its_end(world: World) -> None:
    world.add()
    world.add()
    world.start(), world.start()

    status = credit_status(world.queue, world.policy, 3)

    assert status.blocked == Blocked(Limit.WINDOW, at("20:00"))
    budget = status.as_dict()["budget"]
    assert (budget["blocked_by"], budget["blocked_until"]) == (
        "window",
        "2026-03-10T20:00:00+00:00",
    )


def test_a_window_that_is_simply_spent_needs_no_further_line(world: World) -> None:
    world.spend(at("09:00"), "0.80")

    assert credit_status(world.queue, world.policy, 3).blocked is None


def test_more_runs_than_slots_leave_no_negative_slots(world: World) -> None:
    world.add()
    world.add()
    world.start(), world.start()

    assert credit_status(world.queue, world.policy, 1).slots_free == 0


def test_a_free_task_starts_when_the_daemon_looks(world: World) -> None:
    world.add()

    answer = ask(world, 1)

    assert answer == Why(
        PENDING, None, "Nothing keeps it: it starts when the daemon looks.", world.clock.now()
    )


def test_a_task_without_money_hears_the_numbers_and_the_hour(world: World) -> None:
    world.spend(at("09:00"), "0.60")
    task = world.add()

    assert ask(world, task.id) == Why(
        PENDING,
        WaitReason.BUDGET,
        "It needs $0.50 and $0.40 is free: the daytime quota binds ($0.40 of $1.00 remaining in"
        " the daytime, $0.60 spent today, $0.00 held by running tasks).",
        at("20:00"),
    )


def test_a_task_that_the_day_cannot_pay_hears_of_the_cap(world: World) -> None:
    world.spend(at("02:00"), "8.80")
    world.spend(at("09:00"), "1.00")
    world.clock.set(at("21:00"))
    task = world.add()

    answer = ask(world, task.id)

    assert "$0.20 is free: the daily cap binds ($9.00 of $9.00 remaining" in answer.sentence
    assert answer.earliest == at("00:00", day=1)


def test_a_task_with_a_cap_asks_for_no_more_than_that(world: World) -> None:
    world.spend(at("09:00"), "0.80")
    task = world.add(max_cost=nano("0.20"))

    assert ask(world, task.id).reason is None


def test_when_all_slots_are_taken_the_next_in_turn_hears_so(world: World) -> None:
    world.slots = 1
    world.add()
    world.add()
    world.start()

    assert ask(world, 2).sentence == "All 1 slots are taken; it is next in turn after them."


def test_each_wait_has_its_sentence_and_its_time(world: World) -> None:
    world.add(project="a")
    world.add(project="a")
    world.add(after=(1, 2))
    world.add(not_before=at("18:00"))
    world.add()
    world.queue.snooze(5, at("13:00"), WaitReason.LIMIT_REACHED)
    world.add()
    world.queue.snooze(6, at("13:00"), WaitReason.PROJECT_PAUSED)

    answers = {task_id: ask(world, task_id) for task_id in range(2, 7)}

    assert {task_id: answer.sentence for task_id, answer in answers.items()} == {
        2: "Another task of project a is ahead of it.",
        3: "It comes after task 1, 2, which is not completed.",
        4: "It is not to start before its time.",
        5: "The provider's usage limit is reached.",
        6: "It waits: project paused.",
    }
    times = [answers[task_id].earliest for task_id in (2, 3, 4, 5, 6)]
    assert times == [None, None, at("18:00"), at("13:00"), at("13:00")]


def test_a_task_whose_agent_could_not_be_reached_tells_why(world: World) -> None:
    world.add()
    claim = world.start()
    world.finish(claim, "0.01", RunOutcome.TRANSIENT)
    with world.database.write() as connection:
        connection.execute(text("UPDATE tasks SET error_message = 'overloaded' WHERE id = 1"))

    answer = ask(world, 1)

    assert answer.sentence == "The agent could not be reached: overloaded"
    assert answer.earliest == at("12:00:30")


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (None, "It is running now."),
        (RunOutcome.COMPLETED, "It is completed."),
        (RunOutcome.CANCELLED, "It is cancelled."),
        (RunOutcome.FAILED, "It has failed: no message was left"),
    ],
)
def test_what_does_not_wait_says_what_it_does(
    world: World, outcome: RunOutcome | None, sentence: str
) -> None:
    world.add()
    claim = world.start()
    if outcome:
        world.finish(claim, outcome=outcome)

    answer = ask(world, 1)

    assert (answer.reason, answer.sentence, answer.earliest) == (None, sentence, None)


def test_an_unknown_task_is_named(world: World) -> None:
    with pytest.raises(TaskNotFound, match="There is no task 7"):
        ask(world, 7)
