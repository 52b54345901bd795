"""What an agent is told besides its task: house rules, the project, what went before."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import select

from core.database import Database
from core.models import Run, RunOutcome, Task

_PROMPTS = Path(__file__).with_name("prompts")
#: of each earlier run's last words; the whole is in `tasks show`
_SAID_CHARS = 600
#: of what a check that said no printed: its end
_CHECK_CHARS = 4000

_INTERRUPTIONS = {
    RunOutcome.DRAINED: "the service was stopped",
    RunOutcome.CRASHED: "the service or your program died",
    RunOutcome.OUT_OF_BUDGET: "the money of the night was used up",
    RunOutcome.LIMITED: "the provider's usage limit was reached",
    RunOutcome.TRANSIENT: "the model could not be reached",
    RunOutcome.CAPPED: "the cost limit of this task was reached",
    RunOutcome.TIMED_OUT: "its time was up",
    RunOutcome.CANCELLED: "a person stopped it",
}
_NOT_ACCEPTED = frozenset({RunOutcome.REFUTED, RunOutcome.CONFLICTED})


@dataclass(frozen=True, slots=True)
class Earlier:
    """One finished run, for the digest."""

    description: str
    outcome: RunOutcome
    said: str
    files: Sequence[str]

    def __str__(self) -> str:
        files = ", ".join(self.files[:10]) or "no files"
        said = " ".join(self.said.split())[:_SAID_CHARS]
        return f"- {self.description}\n  {self.outcome.value}; changed {files}\n  {said}"


def brief(project_name: str | None, earlier: Sequence[Earlier]) -> str:
    """Appended to the agent program's own system prompt."""
    parts = [_prompt("brief")]
    if project_name is not None:
        parts.append(_prompt("project").format(name=project_name))
    if earlier:
        parts.append(_prompt("digest").format(runs="\n".join(str(run) for run in earlier)))
    return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class LastRun:
    """How the run before this one ended, for the hand-over note."""

    outcome: RunOutcome
    error: str = ""
    verify_output: str = ""


def request(task: Task, last: LastRun | None, said: Sequence[str] = ()) -> str:
    """The task's text, what was said to it since, and a hand-over note when it was tried before."""
    return "\n\n".join([_handed_over(task, last), *([told_meanwhile(said)] if said else [])])


def told_meanwhile(said: Sequence[str]) -> str:
    """What the person added after the task was queued, oldest first."""
    return _prompt("told").format(said="\n\n".join(said))


def _handed_over(task: Task, last: LastRun | None) -> str:
    if last is not None and last.outcome in _INTERRUPTIONS:
        reason = _INTERRUPTIONS[last.outcome]
        return _prompt("continue").format(reason=reason, description=task.description)
    if last is not None and last.outcome in _NOT_ACCEPTED:
        said = last.verify_output.strip()[-_CHECK_CHARS:]
        return _prompt("again").format(
            reason=last.error, output=said or "(nothing)", description=task.description
        )
    return task.description


def earlier_runs(database: Database, project_id: str, before_run: int, count: int) -> list[Earlier]:
    """The last finished runs of a project, oldest first."""
    with database.read() as session:
        rows = session.execute(
            select(Task.description, Run.outcome, Run.output, Run.files_changed)
            .join(Task, Task.id == Run.task_id)
            .where(Run.project_id == project_id, Run.outcome.is_not(None), Run.id < before_run)
            .order_by(Run.id.desc())
            .limit(count)
        ).all()
    return [
        Earlier(row.description, row.outcome, row.output or "", row.files_changed or ())
        for row in reversed(rows)
        if row.outcome is not None
    ]


def last_run(database: Database, task_id: int, before_run: int) -> LastRun | None:
    with database.read() as session:
        run = session.scalars(
            select(Run)
            .where(Run.task_id == task_id, Run.id < before_run, Run.outcome.is_not(None))
            .order_by(Run.id.desc())
            .limit(1)
        ).one_or_none()
    if run is None or run.outcome is None:
        return None
    return LastRun(run.outcome, run.error_message or "", run.verify_output or "")


@cache
def _prompt(name: str) -> str:
    return (_PROMPTS / f"{name}.md").read_text(encoding="utf-8")
