"""A task's state in a word and an icon, and its four steps: the same everywhere in the chat."""

from dataclasses import dataclass
from enum import StrEnum

from core.models import Run, RunOutcome, RunPhase, Task, TaskStatus, WaitReason


@dataclass(frozen=True, slots=True)
class State:
    icon: str
    word: str


_STATES = {
    TaskStatus.PENDING: State("⏳", "Queued"),
    TaskStatus.IN_PROGRESS: State("⚙️", "Running"),
    TaskStatus.IN_REVIEW: State("👀", "In review"),
    TaskStatus.COMPLETED: State("✅", "Done"),
    TaskStatus.FAILED: State("❌", "Failed"),
    TaskStatus.CANCELLED: State("🚫", "Cancelled"),
}
_STOPPING = State("⚙️", "Stopping")
#: a model says that it is done; no command has checked it
_UNVERIFIED = State("☑️", "Done, not verified")
_WAITING = {
    WaitReason.BUDGET: "Waiting for budget",
    WaitReason.WINDOW: "Waiting for its window",
    WaitReason.DEPENDENCY: "Waiting for another task",
    WaitReason.NOT_BEFORE: "Waiting for its time",
    WaitReason.PROJECT_BUSY: "Waiting for its project",
    WaitReason.PROJECT_PAUSED: "Waiting for its paused project",
    WaitReason.LIMIT_REACHED: "Waiting for the provider",
    WaitReason.BACKEND_DOWN: "Waiting for the agent",
}


def state_of(task: Task, run: Run | None, reason: WaitReason | None = None) -> State:
    """`reason` is what a pending task waits for; `run` is its newest."""
    match task.status:
        case TaskStatus.PENDING if reason is not None:
            return State("⏸️", _WAITING[reason])
        case TaskStatus.IN_PROGRESS if task.cancel_requested_by is not None:
            return _STOPPING
        case TaskStatus.COMPLETED if run is None or not run.verified:
            return _UNVERIFIED
        case status:
            return _STATES[status]


class Mark(StrEnum):
    """How far a step is."""

    AHEAD = "○"
    NOW = "●"
    DONE = "✓"
    BROKEN = "✗"
    INTERRUPTED = "◐"  # it goes on there later
    NOT_NEEDED = "\u2013"


#: the step in which each phase of an open run is; settling comes after the last
_STEP_OF = {
    RunPhase.CLAIMED: 0,
    RunPhase.PREPARING: 0,
    RunPhase.WORKING: 1,
    RunPhase.VERIFYING: 2,
    RunPhase.LANDING: 3,
    RunPhase.SETTLING: 4,
}
STEPS = ("prepare", "work", "verify", "land")
_VERIFY, _LAND = 2, 3
_CONTINUED = frozenset(
    {RunOutcome.OUT_OF_BUDGET, RunOutcome.LIMITED, RunOutcome.DRAINED, RunOutcome.TRANSIENT}
)


def steps_of(run: Run) -> tuple[tuple[str, Mark], ...]:
    """prepare, work, verify, land, each with how far it is."""
    outcome = _known_outcome(run)
    if outcome is None:
        marks = _up_to(_STEP_OF[run.phase], Mark.NOW)
    elif outcome is RunOutcome.COMPLETED:
        marks = [Mark.DONE] * len(STEPS)
    else:
        broken = Mark.INTERRUPTED if outcome in _CONTINUED else Mark.BROKEN
        marks = _up_to(_broken_step(run, outcome), broken)
    return tuple(zip(STEPS, _without_what_was_not_needed(run, marks), strict=True))


def _known_outcome(run: Run) -> RunOutcome | None:
    """That work went well is not known before it has been checked and has landed."""
    if run.outcome is not None:
        return run.outcome
    foreseen = run.foreseen_outcome
    return None if foreseen is RunOutcome.COMPLETED else foreseen


def _broken_step(run: Run, outcome: RunOutcome) -> int:
    match outcome:
        case RunOutcome.REFUTED:
            return _VERIFY
        case RunOutcome.CONFLICTED:
            return _LAND
        case RunOutcome.CRASHED if run.phase is not RunPhase.SETTLING:
            return _STEP_OF[run.phase]  # the daemon died there; nobody entered a later one
        case _:
            # nothing was started: it broke before there was work
            return 0 if run.pid is None else 1


def _up_to(step: int, mark: Mark) -> list[Mark]:
    marks = [Mark.DONE] * step + [mark] + [Mark.AHEAD] * len(STEPS)
    return marks[: len(STEPS)]


def _without_what_was_not_needed(run: Run, marks: list[Mark]) -> list[Mark]:
    """No command checks the project; or nothing was changed, so nothing had to land."""
    if marks[_VERIFY] is Mark.DONE and run.verified is None:
        marks[_VERIFY] = Mark.NOT_NEEDED
    if marks[_LAND] is Mark.DONE and run.merge_sha is None:
        marks[_LAND] = Mark.NOT_NEEDED
    return marks
