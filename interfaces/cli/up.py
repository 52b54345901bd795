"""`sleepless up`: from here on this process is the daemon."""

import os
import sys
from pathlib import Path

import click

import interfaces
from interfaces.cli.invocation import Invocation


@click.command("up")
@click.pass_obj
def up(invocation: Invocation) -> None:
    """Run the daemon in the foreground.

    It starts tasks as the budget allows, until a SIGTERM or Ctrl-C tells it to stop.
    """
    command = daemon_command(invocation.config)
    os.execv(command[0], command)  # noqa: S606 - no shell: an argument list of our own


def daemon_command(config: Path | None) -> list[str]:
    """The daemon.py that belongs to this program, by its path: by its name, a file of that name in
    the working directory would be started.
    """
    daemon = Path(interfaces.__file__ or "").resolve().parents[1] / "daemon.py"
    options = ["--config", str(config)] if config else []
    return [sys.executable, str(daemon), *options]
