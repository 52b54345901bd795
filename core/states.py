"""The life of a task: one table, pure. docs/design.md draws it, and a test compares the two."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import NotPossible
from core.vocabulary import RunOutcome, TaskStatus, WaitReason

_P, _R, _V = TaskStatus.PENDING, TaskStatus.IN_PROGRESS, TaskStatus.IN_REVIEW
_C, _F, _X = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED

TRANSITIONS: dict[TaskStatus, frozenset[TaskStatus]] = {
    _P: frozenset({_R, _X}),
    _R: frozenset({_P, _V, _C, _F, _X}),
    _V: frozenset({_P, _C, _X}),
    _C: frozenset(),
    _F: frozenset({_P}),
    _X: frozenset({_P}),
}


def allowed(before: TaskStatus, after: TaskStatus) -> bool:
    return after in TRANSITIONS[before]


def require(task_id: int, before: TaskStatus, after: TaskStatus, problem: str) -> None:
    """Raises NotPossible, naming the task and its state, unless the step is in the table."""
    if not allowed(before, after):
        raise NotPossible(task_id=task_id, status=before.value, problem=problem)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a task is tried before it is put aside."""

    max_attempts: int = 3
    max_crashes: int = 3
    #: first pause after a transient failure, doubled each time
    first_pause: timedelta = timedelta(seconds=30)
    longest_pause: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Consequence:
    """What the end of a run means for its task."""

    status: TaskStatus
    wait_reason: WaitReason | None = None
    wait_until: datetime | None = None
    counts_as_attempt: bool = False
    counts_as_crash: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """What a task has behind it when a run of it ends."""

    attempts: int
    crashes: int
    cancel_requested: bool


#: outcomes that end the task at once
_FINAL = {
    RunOutcome.COMPLETED: _C,
    RunOutcome.FAILED: _F,
    RunOutcome.REFUTED: _F,
    RunOutcome.CONFLICTED: _F,
    RunOutcome.TIMED_OUT: _F,
    RunOutcome.CAPPED: _F,
    RunOutcome.CANCELLED: _X,
}


def consequence(
    outcome: RunOutcome,
    record: Record,
    patience: Patience,
    *,
    now: datetime,
    resets_at: datetime | None = None,
) -> Consequence:
    """Waiting and being interrupted cost no attempt; failures do; deaths are counted apart."""
    if outcome in _FINAL:
        return Consequence(_FINAL[outcome], counts_as_attempt=outcome is not RunOutcome.CANCELLED)
    if record.cancel_requested:
        return Consequence(_X, counts_as_crash=outcome is RunOutcome.CRASHED)
    if outcome is RunOutcome.CRASHED:
        tired = record.crashes + 1 >= patience.max_crashes
        return Consequence(_F if tired else _P, counts_as_crash=True)
    if outcome is RunOutcome.LIMITED:
        until = resets_at or now + patience.longest_pause
        return Consequence(_P, WaitReason.LIMIT_REACHED, until)
    if outcome is RunOutcome.TRANSIENT:
        return _after_transient(record, patience, now)
    return Consequence(_P)  # OUT_OF_BUDGET, DRAINED


def _after_transient(record: Record, patience: Patience, now: datetime) -> Consequence:
    if record.attempts + 1 >= patience.max_attempts:
        return Consequence(_F, counts_as_attempt=True)
    doublings = min(record.attempts, 30)  # of a second that is 34 years; more overflows
    pause = min(patience.first_pause * 2**doublings, patience.longest_pause)
    return Consequence(_P, WaitReason.BACKEND_DOWN, now + pause, counts_as_attempt=True)
