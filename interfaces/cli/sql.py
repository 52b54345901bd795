"""`sleepless sql`: the books, for whoever knows SQL."""

import csv
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from core.read_only_sql import Answer, query
from interfaces.cli.invocation import Invocation
from interfaces.cli.output import note, say_json, say_table
from interfaces.cli.values import json_option

#: more rows than anybody reads
_TABLE_ROWS: Final = 1000
_HELP: Final = """Query the database; nothing can be changed by it.

Amounts are exact in the columns that end in _nano (1 USD = 1,000,000,000). Times are UTC.

\b
What each project cost:
  SELECT project_id, SUM(CAST(total_cost_usd AS DECIMAL)) as total_cost
  FROM usage_metrics
  WHERE project_id IS NOT NULL
  GROUP BY project_id;

\b
What each day cost:
  SELECT DATE(created_at) as date, SUM(CAST(total_cost_usd AS DECIMAL)) as daily_cost
  FROM usage_metrics
  GROUP BY DATE(created_at)
  ORDER BY date DESC;
"""


@click.command("sql", help=_HELP, short_help="Query the database; nothing can be changed.")
@click.argument("statement", metavar="SELECT")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help=f"At most so many rows; a table shows {_TABLE_ROWS}, --json and --csv all.",
)
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV, for spreadsheets.")
@click.pass_obj
def sql(
    invocation: Invocation,
    statement: str,
    limit: int | None,
    as_json: bool,  # noqa: FBT001 - click's signature
    as_csv: bool,  # noqa: FBT001
) -> None:
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    if limit is None and not (as_json or as_csv):
        limit = _TABLE_ROWS
    with invocation.queue() as queue:
        answer = query(queue.database, statement, limit)
    if as_json:
        names = _unique(answer.columns)
        say_json([dict(zip(names, map(_value, row), strict=True)) for row in answer.rows])
    elif as_csv:
        _say_csv(answer)
    else:
        rows = [[_text(value) for value in row] for row in answer.rows]
        say_table(answer.columns, rows, terminal=invocation.terminal)
    if answer.cut:
        note(f"only the first {limit} rows; --limit gives more")


def _unique(columns: Sequence[str]) -> list[str]:
    """`a, a` → `a, a_2`: an object has each name once."""
    names: list[str] = []
    for column in columns:
        name, number = column, 1
        while name in names:
            number += 1
            name = f"{column}_{number}"
        names.append(name)
    return names


def _value(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _text(value: Any) -> str:
    return "NULL" if value is None else str(_value(value))


def _say_csv(answer: Answer) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows([[_value(value) for value in row] for row in answer.rows])
