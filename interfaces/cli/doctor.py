"""`sleepless doctor`: is everything here that a night needs?"""

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from core.database import Database
from core.errors import ConfigError
from core.settings import Settings
from interfaces.cli.checks import Finding, Mark, Place, examine
from interfaces.cli.failures import FAILED
from interfaces.cli.invocation import Invocation
from interfaces.cli.output import say, say_json
from interfaces.cli.values import json_option

_WORDS = {Mark.FINE: "fine", Mark.ATTENTION: "attention", Mark.WRONG: "wrong"}
_COLOURS = {Mark.FINE: "green", Mark.ATTENTION: "yellow", Mark.WRONG: "red"}


@click.command("doctor")
@json_option
@click.pass_obj
def doctor(invocation: Invocation, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Check this installation.

    Exit 1 when something keeps a night from working.
    """
    findings = []
    for finding in _findings(invocation):
        findings.append(finding)
        if not as_json:
            _say(finding, coloured=invocation.terminal)
    if as_json:
        say_json([asdict(found) | {"mark": _WORDS[found.mark]} for found in findings])
    if any(finding.mark is Mark.WRONG for finding in findings):
        sys.exit(FAILED)


def _findings(invocation: Invocation) -> Iterator[Finding]:
    """With a configuration that cannot be read, the rest is examined with the defaults."""
    try:
        settings = invocation.settings
    except ConfigError as error:
        settings = Settings()
        yield Finding(Mark.WRONG, "configuration", str(invocation.config or ""), error.message)
    with Database(settings.database.url) as database:
        yield from examine(Place(settings, database, invocation.time))


def _say(finding: Finding, *, coloured: bool) -> None:
    mark = finding.mark.value
    if coloured:
        mark = click.style(mark, fg=_COLOURS[finding.mark])
    click.echo(f"{mark} ", nl=False)
    say(f"{finding.about + ':':13} {finding.value}")
    if finding.advice:
        say(f"  {'':13} {finding.advice}")
