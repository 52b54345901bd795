"""What a rehearsal says at its end: to people by rich, to programs as an object."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from core.money import canonical
from core.read_only_sql import Answer
from interfaces.cli.objects import iso
from interfaces.cli.rehearsal_programme import DASHBOARD
from interfaces.cli.rehearsal_promises import Verdict
from interfaces.cli.rehearsal_show import MARK, Row, table
from interfaces.cli.rehearsal_snapshot import DAILY_SPENDING, PROJECT_COSTS, Snapshot
from interfaces.cli.rehearsal_stage import CONFIG, DAEMON_LOG, DATABASE, WORKSPACE
from interfaces.credits_text import credits_text
from interfaces.plain import harmless

_TREE: Final = f"{WORKSPACE}/project_{DASHBOARD[0].project}"
#: what a pipe gets, columns
PIPE_WIDTH: Final = 160
PICTURE_WIDTH: Final = 118

#: where what lies, below the folder
PLACES: Final = {
    "database": DATABASE,
    "work": f"{WORKSPACE}/project_*, {WORKSPACE}/task_*",
    "what agents did": f"{WORKSPACE}/.sleepless/logs/run_*.jsonl",
    "the daemon's log": DAEMON_LOG,
    "configuration": CONFIG,
}


@dataclass(frozen=True, slots=True)
class Report:
    folder: Path
    rows: Sequence[Row]
    snapshot: Snapshot
    verdicts: Sequence[Verdict]

    @property
    def broken(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if not verdict.found.kept]


def say(report: Report, console: Console) -> None:
    """On a terminal as it is; in a pipe wide and without the blanks that fill up lines."""
    if console.is_terminal:
        console.print(*draw(report), sep="\n")
        return
    wide = Console(highlight=False, width=PIPE_WIDTH, force_terminal=False)
    with wide.capture() as captured:
        wide.print(*draw(report), sep="\n")
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def draw(report: Report) -> Iterator[RenderableType]:
    """Section by section, each under the mark that none of it is real money."""
    snapshot = report.snapshot
    yield _head("all is real but the model, which is a script: no account, no network, no money")
    yield table(report.rows)
    yield _section("sleepless credits", Text(credits_text(snapshot.credits)))
    yield _section(f"git -C {_TREE} log --first-parent --merges", _log(snapshot))
    yield _section(f"sqlite3 {DATABASE}", _queries(snapshot))
    yield _section(f"where everything lies: {report.folder}", _pairs(PLACES))
    yield _section("what was promised, and what was found", _verdicts(report.verdicts))
    yield _conclusion(report)


def _head(text: str) -> Text:
    return Text.assemble((MARK, "bold magenta"), "  ", (text, "bold"))


def _section(title: str, body: RenderableType) -> RenderableType:
    return Group(_head(title), Padding(body, (0, 0, 1, 2)))


def _log(snapshot: Snapshot) -> RenderableType:
    lines = [Text.assemble((f"{one.sha[:7]} ", "yellow"), one.subject) for one in snapshot.landed]
    return Group(*lines[::-1])


def _queries(snapshot: Snapshot) -> RenderableType:
    parts: list[RenderableType] = []
    answers = (PROJECT_COSTS, snapshot.project_costs), (DAILY_SPENDING, snapshot.daily_spending)
    for statement, answer in answers:
        parts += [Text(statement, "cyan"), Padding(_answer(answer), (0, 0, 0, 2))]
    return Group(*parts)


def _answer(answer: Answer) -> RenderableType:
    """As the sqlite3 program writes it."""
    return Text("\n".join("|".join(map(_cell, row)) for row in answer.rows))


def _cell(value: Any) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _pairs(pairs: dict[str, str]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    for name, value in pairs.items():
        grid.add_row(Text(name), Text(value))
    return grid


def _verdicts(verdicts: Sequence[Verdict]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    for verdict in verdicts:
        kept = verdict.found.kept
        mark = Text("✓", "green") if kept else Text("✗", "bold red")
        grid.add_row(mark, Text(verdict.promise), Text(verdict.found.what, "dim" if kept else ""))
    return grid


def _conclusion(report: Report) -> RenderableType:
    count, seconds = len(report.verdicts), report.snapshot.seconds
    if not report.broken:
        said = f"{count} of {count} promises kept, in {seconds:.1f} s"
        return _head(f"{said}. Look around: cd {report.folder} && {_program()} tasks")
    head = _head(f"{len(report.broken)} of {count} promises broken (✗), in {seconds:.1f} s")
    return Group(head, Text(f"  {DAEMON_LOG} ends with: {harmless(report.snapshot.last_words)}"))


def _program() -> str:
    """As a shell would find it."""
    return "sleepless" if shutil.which("sleepless") else str(Path(sys.argv[0]).absolute())


def picture(report: Report, path: Path) -> None:
    """The report as a terminal shows it, as an SVG that fetches nothing."""
    from io import StringIO

    from rich._export_format import CONSOLE_SVG_FORMAT

    recorder = Console(
        record=True,
        width=PICTURE_WIDTH,
        file=StringIO(),
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
    )
    for part in draw(report):
        recorder.print(part)
    start, _, rest = CONSOLE_SVG_FORMAT.partition("<style>")
    form = f"{start}<style>{rest[rest.index('.{unique_id}-matrix') :]}"
    path.write_text(
        recorder.export_svg(title="make rehearse", code_format=form, unique_id="rehearsal"),
        encoding="utf-8",
    )


def as_object(report: Report) -> dict[str, Any]:
    """For programs: dollars as exact decimal text, times as ISO 8601."""
    snapshot = report.snapshot
    return {
        "rehearsal": True,
        "kept": not report.broken,
        "seconds": round(snapshot.seconds, 3),
        "folder": str(report.folder),
        "promises": [
            {"promise": one.promise, "kept": one.found.kept, "found": one.found.what}
            for one in report.verdicts
        ],
        "tasks": [_task(played) for played in snapshot.played],
        "credits": snapshot.credits.as_dict(),
        "peak_usd": canonical(snapshot.peak),
        "git_log": [f"{one.sha} {one.subject}" for one in reversed(snapshot.landed)],
        "queries": [
            {"sql": PROJECT_COSTS, "rows": [list(row) for row in snapshot.project_costs.rows]},
            {"sql": DAILY_SPENDING, "rows": [list(row) for row in snapshot.daily_spending.rows]},
        ],
        "warnings": list(snapshot.warnings),
        "exit_code": snapshot.exit_code,
        "places": PLACES,
    }


def _task(played: Any) -> dict[str, Any]:
    return {
        "id": played.task_id,
        "task": played.act.text,
        "project_id": played.act.project,
        "status": played.status.value,
        "outcome": played.outcome and played.outcome.value,
        "charged_usd": canonical(played.charged),
        "why": played.why,
        "earliest": iso(played.earliest),
    }
