from datetime import UTC, datetime, timedelta

import pytest

from core.errors import NotPossible
from core.states import (
    TRANSITIONS,
    Consequence,
    Patience,
    Record,
    allowed,
    consequence,
    require,
)
from core.vocabulary import RunOutcome, TaskStatus, WaitReason

PENDING, RUNNING, REVIEW = TaskStatus.PENDING, TaskStatus.IN_PROGRESS, TaskStatus.IN_REVIEW
DONE, FAILED, CANCELLED = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FRESH = Record(attempts=0, crashes=0, cancel_requested=False)
UNWANTED = Record(attempts=0, crashes=0, cancel_requested=True)


def after(outcome: RunOutcome, record: Record = FRESH, **facts: datetime) -> Consequence:
    return consequence(outcome, record, Patience(), now=NOW, **facts)


def test_the_table_has_these_steps_and_no_other() -> None:
    steps = {(a, b) for a in TaskStatus for b in TaskStatus if allowed(a, b)}

    assert steps == {
        (PENDING, RUNNING),
        (PENDING, CANCELLED),
        (RUNNING, PENDING),
        (RUNNING, REVIEW),
        (RUNNING, DONE),
        (RUNNING, FAILED),
        (RUNNING, CANCELLED),
        (REVIEW, PENDING),
        (REVIEW, DONE),
        (REVIEW, CANCELLED),
        (FAILED, PENDING),
        (CANCELLED, PENDING),
    }


def test_every_state_stands_in_the_table_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(TaskStatus)
    assert {after for row in TRANSITIONS.values() for after in row} == set(TaskStatus)


def test_what_is_completed_stays_completed() -> None:
    assert not any(allowed(DONE, state) for state in TaskStatus)


def test_a_step_that_is_not_in_the_table_is_refused_by_name() -> None:
    with pytest.raises(NotPossible) as refusal:
        require(7, DONE, CANCELLED, "only what waits or runs can be cancelled.")

    assert str(refusal.value) == ("Task 7 is completed: only what waits or runs can be cancelled.")


def test_a_step_of_the_table_is_let_through() -> None:
    require(7, PENDING, CANCELLED, "never said")


LATER = NOW + timedelta(hours=3)

CONSEQUENCES = {
    RunOutcome.COMPLETED: Consequence(DONE, counts_as_attempt=True),
    RunOutcome.FAILED: Consequence(FAILED, counts_as_attempt=True),
    RunOutcome.REFUTED: Consequence(FAILED, counts_as_attempt=True),
    RunOutcome.CONFLICTED: Consequence(FAILED, counts_as_attempt=True),
    RunOutcome.TIMED_OUT: Consequence(FAILED, counts_as_attempt=True),
    RunOutcome.CAPPED: Consequence(FAILED, counts_as_attempt=True),
    RunOutcome.CANCELLED: Consequence(CANCELLED),
    RunOutcome.OUT_OF_BUDGET: Consequence(PENDING),
    RunOutcome.DRAINED: Consequence(PENDING),
    RunOutcome.LIMITED: Consequence(PENDING, WaitReason.LIMIT_REACHED, LATER),
    RunOutcome.TRANSIENT: Consequence(
        PENDING, WaitReason.BACKEND_DOWN, NOW + timedelta(seconds=30), counts_as_attempt=True
    ),
    RunOutcome.CRASHED: Consequence(PENDING, counts_as_crash=True),
}


@pytest.mark.parametrize("outcome", RunOutcome)
def test_every_end_of_a_run_has_one_consequence_for_its_task(outcome: RunOutcome) -> None:
    assert after(outcome, resets_at=LATER) == CONSEQUENCES[outcome]


@pytest.mark.parametrize("outcome", RunOutcome)
def test_every_consequence_is_a_step_of_the_table(outcome: RunOutcome) -> None:
    for record in (FRESH, UNWANTED, Record(9, 9, cancel_requested=False)):
        assert allowed(RUNNING, after(outcome, record).status)


@pytest.mark.parametrize(
    "outcome",
    [RunOutcome.OUT_OF_BUDGET, RunOutcome.DRAINED, RunOutcome.LIMITED, RunOutcome.TRANSIENT],
)
def test_a_task_that_would_wait_is_cancelled_when_somebody_asked_for_that(
    outcome: RunOutcome,
) -> None:
    assert after(outcome, UNWANTED) == Consequence(CANCELLED)


def test_a_crash_of_an_unwanted_task_cancels_it_and_still_counts() -> None:
    assert after(RunOutcome.CRASHED, UNWANTED) == Consequence(CANCELLED, counts_as_crash=True)


@pytest.mark.parametrize("outcome", [RunOutcome.COMPLETED, RunOutcome.FAILED])
def test_what_ended_by_itself_before_it_could_be_cancelled_keeps_its_end(
    outcome: RunOutcome,
) -> None:
    assert after(outcome, UNWANTED) == after(outcome, FRESH)


def test_a_usage_limit_of_unknown_end_is_looked_at_again_after_the_longest_pause() -> None:
    assert after(RunOutcome.LIMITED).wait_until == NOW + Patience().longest_pause


def test_the_third_crash_puts_the_task_aside() -> None:
    assert after(RunOutcome.CRASHED, Record(0, 1, cancel_requested=False)).status is PENDING
    assert after(RunOutcome.CRASHED, Record(0, 2, cancel_requested=False)) == Consequence(
        FAILED, counts_as_crash=True
    )


def test_pauses_double_up_to_the_longest_and_the_last_attempt_fails() -> None:
    patience = Patience(max_attempts=9)
    seconds = []
    for attempts in range(8):
        record = Record(attempts, 0, cancel_requested=False)
        until = consequence(RunOutcome.TRANSIENT, record, patience, now=NOW).wait_until
        assert until is not None
        seconds.append((until - NOW).total_seconds())

    assert seconds == [30, 60, 120, 240, 480, 960, 1800, 1800]
    last = consequence(
        RunOutcome.TRANSIENT, Record(8, 0, cancel_requested=False), patience, now=NOW
    )
    assert last == Consequence(FAILED, counts_as_attempt=True)


def test_very_patient_is_still_finite() -> None:
    """Doubling a thousand times is no time that a calendar knows."""
    very = Patience(max_attempts=2000)
    record = Record(1000, 0, cancel_requested=False)

    until = consequence(RunOutcome.TRANSIENT, record, very, now=NOW).wait_until

    assert until == NOW + very.longest_pause
