"""`sleepless rehearse`: a whole night in under a minute, with everything real but the model."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from sqlalchemy import func, select

from core.logs import configure_logging
from core.models import BudgetWindow, TaskPriority, TaskStatus
from core.task_queue import TaskQueue, Wishes
from core.why import why
from interfaces.cli import rehearsal_report, rehearsal_snapshot
from interfaces.cli.invocation import Invocation, who_asks
from interfaces.cli.output import say_json
from interfaces.cli.rehearsal_programme import AT_ONCE, LATE, SECONDS, Act
from interfaces.cli.rehearsal_promises import judge
from interfaces.cli.rehearsal_report import Report
from interfaces.cli.rehearsal_show import Lines, LiveTable, Row, Show, Silence, row_of, rows_of
from interfaces.cli.rehearsal_snapshot import Performance
from interfaces.cli.rehearsal_stage import Daemon, Stage, set_up
from interfaces.cli.values import json_option

#: how often to look, seconds
_TICK: Final = 0.1
_OVER: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})


@click.command("rehearse")
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to play it: an empty folder, or that of an earlier rehearsal.",
)
@json_option
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), hidden=True)
@click.pass_obj
def rehearse(
    invocation: Invocation,
    keep: Path | None,
    as_json: bool,  # noqa: FBT001 - click's signature
    picture: Path | None,
) -> None:
    """Play a whole night without account or network, and prove what was promised.

    Real daemon, queue, budget, git and agent program; only the model is a script. It takes under
    a minute, its folder is kept and named at the end, and it fails if anything differs.
    """
    stage = set_up(keep, invocation.time)
    # what core logs beside is the daemon's to tell, and it does in its own log
    configure_logging(stage.settings.logging.model_copy(update={"level": "WARNING"}))
    console = Console(highlight=False, force_terminal=invocation.terminal)
    try:
        report = _played(stage, _show(console, quiet=as_json))
    except KeyboardInterrupt:
        click.echo(f"REHEARSAL interrupted; its daemon has stopped. See {stage.folder}", err=True)
        raise
    if picture:
        rehearsal_report.picture(report, picture)
    if as_json:
        say_json(rehearsal_report.as_object(report))
    else:
        rehearsal_report.say(report, console)
    if report.broken:
        click.get_current_context().exit(1)


def _show(console: Console, *, quiet: bool) -> Show:
    if quiet:
        return Silence()
    return LiveTable(console) if console.is_terminal else Lines()


def _played(stage: Stage, show: Show) -> Report:
    begun = stage.clock.monotonic()
    with stage.queue() as queue:
        with stage.daemon() as daemon, show:
            ids = _Night(stage, queue, daemon, show).play()
        seconds = stage.clock.monotonic() - begun
        night = Performance(ids, daemon.exit_code, seconds)
        snapshot = rehearsal_snapshot.take(stage, queue, night)
        rows = [_row(stage, queue, task_id) for task_id in ids.values()]
    return Report(stage.folder, rows, snapshot, judge(snapshot))


def _row(stage: Stage, queue: TaskQueue, task_id: int) -> Row:
    found = why(queue, stage.policy, stage.slots, task_id)
    return row_of(queue.get_task(task_id), queue.runs_of(task_id), found)


class _Night:
    """Asks for what is on the programme, and watches."""

    def __init__(self, stage: Stage, queue: TaskQueue, daemon: Daemon, show: Show) -> None:
        self._stage = stage
        self._queue = queue
        self._daemon = daemon
        self._show = show
        self._begun = stage.clock.monotonic()
        self._ids: dict[Act, int] = {}

    def play(self) -> dict[Act, int]:
        """The ids of what was asked for: not all of it, if the daemon dies or nothing moves on."""
        for act in AT_ONCE:
            self._ask(act)
        if self._watch(lambda: self._are_over(AT_ONCE)):
            self._ask(LATE)
            self._watch(lambda: self._are_over([LATE]) or self._money_is_spent())
        return self._ids

    def _ask(self, act: Act) -> None:
        wishes = Wishes(
            max_cost=act.max_cost,
            after=tuple(self._ids[other] for other in act.after),
            requested_by=who_asks(),
        )
        task = self._queue.add_task(
            act.text, TaskPriority.SERIOUS, project_name=act.project, wishes=wishes
        )
        self._ids[act] = task.id

    def _watch(self, holds: Callable[[], bool]) -> bool:
        """Until it holds; False when the daemon is gone or the minute is over."""
        while self._seconds < SECONDS:
            alive = self._daemon.works_on(_TICK)
            self._show.see(rows_of(self._queue), self._seconds)
            if holds():
                return True
            if not alive:
                return False
        return False

    @property
    def _seconds(self) -> float:
        return self._stage.clock.monotonic() - self._begun

    def _are_over(self, acts: Iterable[Act]) -> bool:
        return all(self._queue.get_task(self._ids[act]).status in _OVER for act in acts)

    def _money_is_spent(self) -> bool:
        """The daemon has found that no money is left: told once a window."""
        spent = select(func.count()).where(BudgetWindow.exhausted_at.is_not(None))
        with self._queue.database.read() as session:
            return bool(session.scalar(spent))
