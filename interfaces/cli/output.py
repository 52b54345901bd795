"""How commands write: tables for people, plain columns for pipes, JSON for programs."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from interfaces.plain import harmless


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
