"""The program `sleepless`: which commands there are, and what becomes of their errors.

Commands are imported when they are used, so that `sleepless --help` costs no more than click.
"""

import importlib
import importlib.util
import sys
from typing import Any, Final, NamedTuple

import click

from interfaces.cli import failures
from interfaces.cli.invocation import Invocation


class Entry(NamedTuple):
    """Where a command is, and its line in `sleepless --help`."""

    place: str
    summary: str


COMMANDS: Final = {
    "up": Entry("interfaces.cli.up:up", "Run the daemon in the foreground."),
    "task": Entry("interfaces.cli.task:task", "Queue a task."),
    "tasks": Entry("interfaces.cli.tasks:tasks", "List, explain, cancel and retry tasks."),
    "credits": Entry(
        "interfaces.cli.credits:credits_", "Show what is left of the budget, and the queue."
    ),
    "costs": Entry("interfaces.cli.costs:costs", "Show what was spent, and on what."),
    "sql": Entry("interfaces.cli.sql:sql", "Query the database; nothing can be changed."),
    "db": Entry("interfaces.cli.db:db", "Upgrade, copy or check the database."),
    "doctor": Entry("interfaces.cli.doctor:doctor", "Check this installation."),
    "rehearse": Entry(
        "interfaces.cli.rehearse:rehearse",
        "Play a whole night without account or network, and prove what was promised.",
    ),
    "slack": Entry("interfaces.cli.slack:slack", "Set the Slack app up, and try it out."),
    "service": Entry("interfaces.cli.service:service", "Run Sleepless under systemd."),
}


class Program(click.Group):
    """One line on stderr and an exit code for whatever goes wrong."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [name for name, entry in COMMANDS.items() if _is_there(entry)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, name = COMMANDS[cmd_name].place.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 - for the type checker
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise failures.no_such_command(args[0], self.list_commands(ctx), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].summary) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:  # `sleepless tasks | head`: no error, and nothing to say
            failures.stop_writing()
            ctx.exit(failures.NOBODY_READS)

    def main(self, *args: Any, **extra: Any) -> Any:
        invocation = extra["obj"] = extra.get("obj") or Invocation()
        try:
            failures.require_readable(extra.get("args") or sys.argv[1:])
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except BaseException as error:  # noqa: BLE001 - the outermost edge
            code = failures.tell(error, debug=invocation.debug)
        sys.exit(code if isinstance(code, int) else 0)


def _is_there(entry: Entry) -> bool:
    return importlib.util.find_spec(entry.place.partition(":")[0]) is not None


def _version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if wanted:
        from core import version  # late: only here is it worth its time

        click.echo(f"sleepless {version.current()}")
        ctx.exit()


@click.group(
    "sleepless",
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--config", metavar="PATH", help="Read this file instead of ./config.yaml.")
@click.option("--debug", is_flag=True, help="Show the traceback of an unforeseen error.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
    help="Show the version.",
)  # fmt: skip
@click.pass_obj
def program(invocation: Invocation, config: str | None, debug: bool) -> None:  # noqa: FBT001 - click's signature
    """Give your coding agents the night shift, on a budget that cannot be overspent.

    Exit codes: 0 done, 1 it failed, 2 wrong usage, 3 no such thing, 4 refused.
    """
    invocation.configure(config, debug=debug)


def main() -> None:
    failures.write_utf8()
    program.main(prog_name="sleepless")


if __name__ == "__main__":
    main()
