"""What went wrong, in one line on stderr, and the exit code that scripts rely on (docs/cli.md)."""

import io
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

import click

from core.errors import SleeplessError
from interfaces.plain import harmless

FAILED: Final = 1
#: 128 + SIGINT and 128 + SIGPIPE, as shells have it
INTERRUPTED: Final = 130
NOBODY_READS: Final = 141

#: options of the program itself, which stand before the command
BEFORE_THE_COMMAND: Final = ("--config", "--debug", "--version")


def tell(error: BaseException, *, debug: bool) -> int:
    """Say it, and answer the exit code."""
    match error:
        case SystemExit(code=code):
            return code if isinstance(code, int) else FAILED
        case click.Abort() | KeyboardInterrupt():
            return INTERRUPTED
        case click.ClickException():
            _tell_usage(error)
            return error.exit_code
    _say(error.message if isinstance(error, SleeplessError) else _unforeseen(error, debug=debug))
    return getattr(error, "exit_code", FAILED)


def require_readable(words: Sequence[str]) -> None:
    """Bytes that are no UTF-8 arrive as lone surrogates, which no database takes."""
    for word in words:
        if not word.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in word):
            raise click.UsageError(f"{word!a} is not UTF-8 text.")


def no_such_command(
    name: str, known: Sequence[str], ctx: click.Context | None = None
) -> click.UsageError:
    near = get_close_matches(name, known, n=1)
    meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
    return click.UsageError(f"There is no command {name!r}; {meant}", ctx)


def no_such_option(name: str, known: Sequence[str], ctx: click.Context) -> click.UsageError:
    """Name what is near, or where the option belongs."""
    if name in BEFORE_THE_COMMAND:
        problem = f"{name} stands before the command, as in: {_before(ctx, name)}."
        return click.UsageError(problem, ctx)
    near = get_close_matches(name, known, n=1)
    meant = f"; did you mean {near[0]}?" if near else "."
    return click.UsageError(f"There is no option {name}{meant}", ctx)


def _before(ctx: click.Context, name: str) -> str:
    program, _, command = ctx.command_path.partition(" ")
    value = " FILE" if name == "--config" else ""
    return f"{program} {name}{value} {command}"


def write_utf8() -> None:
    """The credits text has letters that few encodings have; what is piped has the same bytes
    everywhere, and a terminal that cannot show a letter shows another one.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = stream.encoding if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="replace")


def _tell_usage(error: click.ClickException) -> None:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
    else:
        _say(_usage(error))


def _usage(error: click.ClickException) -> str:
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        known = [name for param in error.ctx.command.params for name in param.opts]
        error = no_such_option(error.option_name, known, error.ctx)
    message = error.format_message()
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{message.rstrip()} See: {error.ctx.command_path} --help"
    return message


def _unforeseen(error: BaseException, *, debug: bool) -> str:
    # late: these lines are for the day something breaks
    from core.redaction import without_secrets

    details = without_secrets("".join(traceback.format_exception(error)))
    problem = without_secrets(f"{type(error).__name__}: {error}")
    if debug:
        click.echo(details, err=True)
        return problem
    with tempfile.NamedTemporaryFile(
        "w", prefix="sleepless-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(details)
    return f"{problem} (details: {file.name}; --debug shows them here)"


def _say(message: str) -> None:
    click.echo(f"sleepless: {harmless(' '.join(message.split()))}", err=True)


def stop_writing() -> None:
    """Python flushes stdout once more at its end; let it go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
