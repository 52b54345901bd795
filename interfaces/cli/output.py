"""How commands write: tables for people, plain columns for pipes, JSON for programs.

Texts of tasks and agents are not ours: nothing in them may move a cursor or colour a terminal.
"""

import json
import re
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

#: control characters but line feeds and tabs, and those that turn the direction of writing
_HARMFUL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
#: a cell is a glance; `show` and --json have the whole
_WIDEST_CELL: Final = 60


def harmless(text: str) -> str:
    """`text` with everything that a terminal would obey written out."""
    return _HARMFUL.sub(lambda found: ascii(found.group())[1:-1], text)


def one_line(text: str, width: int = _WIDEST_CELL) -> str:
    line = harmless(" ".join(text.split()))
    return line if len(line) <= width else f"{line[: width - 1]}…"


def say(text: str) -> None:
    click.echo(harmless(text))


def note(text: str) -> None:
    """Beside the answer, for people: on stderr, so that a pipe gets the answer alone."""
    click.echo(f"note: {harmless(text)}", err=True)


def say_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def say_table(
    head: Sequence[str], rows: Sequence[Sequence[object]], *, terminal: bool, title: str = ""
) -> None:
    cells = [["" if cell is None else harmless(str(cell)) for cell in row] for row in rows]
    if terminal:
        _say_boxed(head, cells, title)
    else:
        _say_aligned(head, cells)


def _say_aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [[name.upper() for name in head], *([" ".join(c.split()) for c in r] for r in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _say_boxed(head: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> None:
    # late: only a terminal is worth rich's tenth of a second
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*head, title=title or None, box=SIMPLE_HEAD, title_justify="left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(file=sys.stdout, force_terminal=True).print(table)
