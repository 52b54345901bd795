"""`sleepless db`: upgrade, copy, check."""

import sys
from pathlib import Path

import click

from core.backup import backup
from core.checkup import advise, check
from core.migrate import migrate
from core.migrations import HEAD
from interfaces.cli.failures import FAILED
from interfaces.cli.invocation import Invocation, name_of
from interfaces.cli.output import say, say_json
from interfaces.cli.values import json_option


@click.group("db")
def db() -> None:
    """Upgrade, copy or check the database."""


@db.command("upgrade")
@click.pass_obj
def upgrade(invocation: Invocation) -> None:
    """Create the database, or bring it to this program's schema; a copy is made before."""
    with invocation.database() as database:
        migrate(database, invocation.time)
        say(f"The database {name_of(database)} has schema {HEAD}.")


@db.command("backup")
@click.argument("path", required=False)
@click.pass_obj
def backup_(invocation: Invocation, path: str | None) -> None:
    """Write a consistent copy while others go on writing, and print where it is.

    Without PATH it lies beside the database, and only the newest database.backup_keep copies stay.
    """
    keep = invocation.settings.database.backup_keep
    with invocation.database() as database:
        target = Path(path) if path else None
        click.echo(backup(database, target, keep=keep, clock=invocation.time))


@db.command("check")
@json_option
@click.pass_obj
def check_(invocation: Invocation, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Look for damage and contradictions; exit 1 when there are some."""
    with invocation.database() as database:
        problems, advice = check(database), advise(database)
        name = name_of(database)
    if as_json:
        say_json({"database": name, "problems": problems, "advice": advice})
    else:
        for line in problems or [f"No problem was found in {name}."]:
            say(line)
        for line in advice:
            say(f"Advice: {line}")
    if problems:
        sys.exit(FAILED)
