"""`sleepless slack`: the app's manifest, and a trial of everything Slack needs."""

import asyncio
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from interfaces.cli.failures import FAILED
from interfaces.cli.invocation import Invocation
from interfaces.cli.output import note, say, say_json
from interfaces.cli.values import json_option

if TYPE_CHECKING:
    from interfaces.slack.connecting.trial import Step


@click.group("slack")
def slack() -> None:
    """Set the Slack app up, and try it out."""


@slack.command("manifest")
@json_option
def print_manifest(as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Print the app's manifest, for “From a manifest” on api.slack.com/apps."""
    from interfaces.slack.manifest import manifest, manifest_text

    if as_json:
        say_json(manifest())
    else:
        click.echo(manifest_text(), nl=False)


@slack.command("test")
@click.option("--channel", metavar="ID", help="Post a message into this channel and take it back.")
@click.option("--user", metavar="ID", help="The same in a direct message to this member.")
@json_option
@click.pass_obj
def test(invocation: Invocation, channel: str | None, user: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Try tokens, scopes, people and posting; exit 1 when something does not work."""
    place = _place(channel, user)
    steps = asyncio.run(_try_out(invocation, place, aloud=not as_json))
    if as_json:
        say_json([asdict(step) for step in steps])
    elif place is None and all(step.fine for step in steps):
        note("--channel or --user also tries to post, and takes the message back")
    if not all(step.fine for step in steps):
        sys.exit(FAILED)


def _place(channel: str | None, user: str | None) -> str | None:
    if channel and user:
        raise click.UsageError("--channel and --user exclude each other; give one.")
    place = channel or user
    if place and not place.isalnum():
        option = "--channel" if channel else "--user"
        problem = f"{option} takes an ID such as {'C' if channel else 'U'}012ABCDEF, not {place!r}."
        raise click.UsageError(problem)
    return place


async def _try_out(invocation: Invocation, place: str | None, *, aloud: bool) -> "list[Step]":
    # late: Slack's library costs a quarter of a second
    from core.credentials import take_credentials
    from interfaces.slack.connecting.trial import try_out

    settings = invocation.settings.slack
    steps = []
    # a copy: nothing is taken from this process
    async for step in try_out(take_credentials(dict(os.environ)), settings, place):
        steps.append(step)
        if aloud:
            _say(step, coloured=invocation.terminal)
    return steps


def _say(step: "Step", *, coloured: bool) -> None:
    mark = "✓" if step.fine else "✗"
    if coloured:
        mark = click.style(mark, fg="green" if step.fine else "red")
    click.echo(f"{mark} ", nl=False)
    say(f"{step.about + ':':13} {step.found}")
    if step.advice:
        say(f"  {'':13} {step.advice}")
