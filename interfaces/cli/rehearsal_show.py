"""What a rehearsal shows while it runs: a living table on a terminal, a line a change in a pipe."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from core.models import Run, RunOutcome, RunPhase, Task, TaskStatus, WaitReason
from core.money import Nano, shown_exactly
from core.task_queue import TaskQueue
from core.why import Why

MARK: Final = "REHEARSAL"

_PHASES: Final = {
    RunPhase.CLAIMED: "starts",
    RunPhase.PREPARING: "starts",
    RunPhase.WORKING: "works",
    RunPhase.VERIFYING: "is checked",
    RunPhase.LANDING: "lands on main",
    RunPhase.SETTLING: "is charged",
}
_OUTCOMES: Final = {
    RunOutcome.COMPLETED: "done, on main",
    RunOutcome.CAPPED: "stopped at its cap",
    RunOutcome.FAILED: "failed",
}
_COLOURS: Final = {
    TaskStatus.PENDING: "yellow",
    TaskStatus.IN_PROGRESS: "cyan",
    TaskStatus.COMPLETED: "green",
    TaskStatus.FAILED: "red",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A task as it stands now."""

    task_id: int
    project: str
    text: str
    status: TaskStatus
    state: str
    spent: Nano


def rows_of(queue: TaskQueue) -> list[Row]:
    tasks = reversed(queue.list_tasks().tasks)
    return [row_of(task, queue.runs_of(task.id)) for task in tasks]


def row_of(task: Task, runs: Sequence[Run], found: Why | None = None) -> Row:
    spent = Nano(sum(run.metered_nano for run in runs))
    state = _waiting(task, found) if task.status is TaskStatus.PENDING else _state(task, runs)
    return Row(task.id, task.project_id or "", task.description, task.status, state, spent)


def _waiting(task: Task, found: Why | None) -> str:
    if found and found.reason is WaitReason.BUDGET:
        return f"waits for money until {found.earliest:%H:%M} UTC" if found.earliest else "no money"
    if task.wait_reason is WaitReason.PROJECT_BUSY:
        return "waits for its project"
    if task.wait_reason is WaitReason.DEPENDENCY:
        return "waits for other tasks"
    return "waits in line"


def _state(task: Task, runs: Sequence[Run]) -> str:
    if not runs or task.status is TaskStatus.CANCELLED:
        return task.status.value
    last = runs[-1]
    if last.outcome is None:
        return _PHASES[last.phase]
    return _OUTCOMES.get(last.outcome, last.outcome.value.replace("_", " "))


def table(rows: Sequence[Row]) -> Table:
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    drawn.add_column("#", justify="right")
    for name in ("project", "task", "state"):
        drawn.add_column(name, overflow="ellipsis", no_wrap=True)
    drawn.add_column("spent", justify="right")
    for row in rows:
        state = Text(row.state, _COLOURS.get(row.status, ""))
        spent = shown_exactly(row.spent) if row.spent else ""
        drawn.add_row(str(row.task_id), row.project, row.text, state, spent)
    return drawn


class Show(Protocol):
    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def see(self, rows: Sequence[Row], seconds: float) -> None: ...


class _Entered:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


class LiveTable(_Entered):
    """Drawn over itself; gone at the end, for the report has the last one."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def see(self, rows: Sequence[Row], seconds: float) -> None:
        drawn = table(rows)
        drawn.title = Text(f"{MARK}  {seconds:4.1f} s of the night", "bold magenta")
        drawn.title_justify = "left"
        self._live.update(drawn, refresh=True)


class Lines(_Entered):
    """One a change, with the time since the start."""

    def __init__(self) -> None:
        self._told: dict[int, str] = {}

    def see(self, rows: Sequence[Row], seconds: float) -> None:
        for row in rows:
            if self._told.get(row.task_id) != row.state:
                self._told[row.task_id] = row.state
                who = f"task {row.task_id} {row.project}".rstrip()
                spent = f", {shown_exactly(row.spent)}" if row.spent else ""
                click.echo(f"{MARK} {seconds:5.1f} s  {who}: {row.state}{spent}  ({row.text})")


class Silence(_Entered):
    """For programs, which read the result."""

    def see(self, rows: Sequence[Row], seconds: float) -> None:
        del rows, seconds
