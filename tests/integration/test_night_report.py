"""What a night has brought: whose it is, what it cost, and why nothing ran."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select, text, update

from core.charges import Usage
from core.leases import Claim
from core.models import RunOutcome, Task, TaskStatus, WaitReason
from core.night_report import NightReport, Spent, last_night, night_report
from core.quiet_night import Conditions
from core.settlement import Settlement
from fixtures_heart import POLICY, World, at, nano


def report(
    world: World, since: datetime, until: datetime, reader: str = "U1", **conditions: Any
) -> NightReport:
    given = Conditions(world.policy, world.slots, **conditions)
    with world.database.read() as session:
        return night_report(session, reader, given, since, until)


def end(
    world: World, claim: Claim, cost: str, outcome: RunOutcome = RunOutcome.COMPLETED, **how: Any
) -> None:
    facts = {"verified": how.pop("verified", None)}
    usage = Usage(session_total_usd=cost, rehearsal=how.pop("rehearsal", False))
    world.settle(claim, Settlement(outcome, usage, facts=facts, **how))


def play(world: World, moment: datetime, cost: str, by: str | None = "U1", **how: Any) -> Task:
    """One task from its wish to its end."""
    world.clock.set(moment)
    task = world.add(how.pop("text", "a task"), requested_by=by)
    end(world, world.start(), cost, **how)
    return world.queue.get_task(task.id)


def ids(tasks: Sequence[Any]) -> list[int]:
    return [view.task.id for view in tasks]


def test_ones_own_tasks_are_told_one_by_one_and_the_others_counted(world: World) -> None:
    done = play(world, at("21:00"), "0.40", verified=True)
    unverified = play(world, at("22:00"), "0.30")
    error = {"error_class": "refuted", "error_message": "pytest says no"}
    failed = play(world, at("23:00"), "0.20", outcome=RunOutcome.REFUTED, **error)
    play(world, at("23:30"), "0.70", by="U2")
    play(world, at("23:40"), "0.05", by=None, outcome=RunOutcome.FAILED)
    waiting = world.add("later", requested_by="U1", not_before=at("22:00", day=1))
    world.add("theirs, later", requested_by="U2")
    world.clock.set(at("08:00", day=1))

    told = report(world, at("20:00"), at("08:00", day=1))
    assert ids(told.done.tasks) == [done.id, unverified.id]
    assert [bool(view.run and view.run.verified) for view in told.done.tasks] == [True, False]
    assert [view.spent for view in told.done.tasks] == [nano("0.40"), nano("0.30")]
    assert [view.task.error_message for view in told.failed.tasks] == ["pytest says no"]
    assert ids(told.failed.tasks) == [failed.id]
    (later,) = told.waiting.tasks
    assert later.task.id == waiting.id
    assert later.why
    assert (later.why.reason, later.why.earliest) == (WaitReason.NOT_BEFORE, at("22:00", day=1))
    assert told.cost == Spent(nano("0.90"), nano("0"))
    others = told.others
    assert (others.done, others.failed, others.waiting, others.needs_you) == (1, 1, 1, 0)
    assert others.cost == Spent(nano("0.75"), nano("0"))
    assert told.why_nothing == ()


def test_what_needs_somebody_is_told_however_old_it_is(world: World) -> None:
    task = play(world, at("21:00", day=-5), "0.10")
    with world.database.write() as connection:
        review = update(Task).where(Task.id == task.id).values(status=TaskStatus.IN_REVIEW)
        connection.execute(review)
    told = report(world, at("20:00"), at("08:00", day=1))
    assert ids(told.needs_you.tasks) == [task.id]
    assert told.done.total == 0


def test_the_period_takes_its_first_moment_and_leaves_its_last_to_the_next(world: World) -> None:
    first = play(world, at("20:00"), "0.01")
    last = play(world, at("21:00"), "0.01")
    assert ids(report(world, at("20:00"), at("21:00")).done.tasks) == [first.id]
    assert ids(report(world, at("21:00"), at("22:00")).done.tasks) == [last.id]
    assert report(world, at("20:00"), at("21:00")).cost == Spent(nano("0.01"), nano("0"))


def test_rehearsed_money_is_counted_apart(world: World) -> None:
    play(world, at("21:00"), "0.40", rehearsal=True)
    play(world, at("22:00"), "0.30")
    told = report(world, at("20:00"), at("23:00"))
    assert told.cost == Spent(nano("0.30"), nano("0.40"))
    assert told.standing_rehearsed


def test_what_is_left_is_of_the_window_of_the_morning(world: World) -> None:
    play(world, at("21:00"), "0.40")
    told = report(world, at("20:00"), at("08:00", day=1))
    assert (told.standing.remaining, told.standing.quota) == (nano("1"), nano("1"))
    assert report(world, at("20:00"), at("07:59")).standing.quota == nano("9")


def test_ten_are_told_and_the_rest_counted(world: World) -> None:
    world.configure(estimate=nano("0.01"))
    for minute in range(12):
        play(world, at(f"21:{minute:02d}"), "0.01")
    told = report(world, at("20:00"), at("08:00", day=1))
    assert (len(told.done.tasks), told.done.total, told.done.more) == (10, 12, 2)


@pytest.mark.parametrize(
    ("now", "day"),
    [("08:00", -1), ("19:59", -1), ("20:00", 0)],
)
def test_the_last_night_is_the_one_that_is_on_or_the_one_before(now: str, day: int) -> None:
    assert last_night(POLICY, at(now)).starts_at == at("20:00", day=day)


# --- a night in which nothing ran -----------------------------------------------------------------


def why(world: World, **conditions: Any) -> list[str]:
    told = report(world, at("20:00"), at("08:00", day=1), **conditions)
    return [obstacle.sentence for obstacle in told.why_nothing]


def test_an_empty_queue_is_the_whole_reason(world: World) -> None:
    assert why(world, idle_because="no key") == ["The queue is empty."]


def test_a_daemon_without_a_key_says_so(world: World) -> None:
    world.add()
    assert why(world, idle_because="ANTHROPIC_API_KEY is not set") == [
        "Nothing is started: ANTHROPIC_API_KEY is not set."
    ]


def test_a_daemon_that_was_off_says_since_when_it_is_back(world: World) -> None:
    world.add()
    told = report(world, at("20:00"), at("08:00", day=1), started_at=at("07:30", day=1))
    (obstacle,) = told.why_nothing
    assert obstacle.sentence == "The daemon was not running all the time."
    assert obstacle.until == at("07:30", day=1)


def test_a_quota_that_no_task_fits_in_is_named_with_its_figures(world: World) -> None:
    world.configure(daily=nano("0.40"))
    world.add()
    assert why(world) == ["The night quota of $0.36 is below the $0.50 that a task needs to start."]


def test_a_night_whose_money_ran_out_says_so(world: World) -> None:
    world.spend(at("19:00"), "9.80")  # an overrun by day: the daily cap leaves $0.20
    world.clock.set(at("21:00"))
    world.add()
    world.admit()
    assert why(world) == ["The night ran out of money."]


def test_where_everything_waits_each_reason_is_told_with_its_number(world: World) -> None:
    world.clock.set(at("21:00"))
    first = world.add(not_before=at("09:00", day=2))
    world.add(not_before=at("07:00", day=3))
    world.add(after=(first.id,))
    told = report(world, at("20:00"), at("08:00", day=1)).why_nothing
    assert {obstacle.sentence: obstacle.until for obstacle in told} == {
        "2 tasks waited for their time.": at("09:00", day=2),
        "1 task waited for other tasks to be completed.": None,
    }


def test_where_nothing_was_in_the_way_that_is_what_is_said(world: World) -> None:
    world.add()
    assert why(world) == ["1 task could start, and nothing was in the way."]


def test_a_run_that_goes_on_since_before_the_period_is_no_empty_night(world: World) -> None:
    world.clock.set(at("19:00"))
    world.add()
    world.start()
    assert why(world) == []


def test_an_old_database_with_a_long_past_is_read_by_its_indexes(sqlite_world: World) -> None:
    play(sqlite_world, at("21:00"), "0.40")
    with sqlite_world.database.read() as session:
        ended = select(Task.id).where(Task.completed_at >= at("20:00"))
        compiled = str(ended.compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
        plan = session.execute(text(f"EXPLAIN QUERY PLAN {compiled}")).all()
    assert "USING COVERING INDEX ix_tasks_over" in plan[0].detail
