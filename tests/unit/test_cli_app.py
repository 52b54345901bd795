"""The program around its commands: help, errors, exit codes."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from core.errors import ConfigError
from fixtures_cli import Shell, empty_shell, shell
from interfaces.cli import failures
from interfaces.cli.app import COMMANDS, program
from interfaces.cli.up import daemon_command
from interfaces.plain import harmless, one_line
from source_tree import ROOT

__all__ = ["empty_shell", "shell"]

HEAVY = {"pydantic", "sqlalchemy", "rich", "structlog", "psycopg", "alembic", "slugify", "psutil"}


def test_help_imports_nothing_heavy() -> None:
    """Its speed is measured in benchmarks; what makes it fast is this."""
    script = (
        "import sys\n"
        "from interfaces.cli.app import program\n"
        "try: program.main(['--help'], prog_name='sleepless')\n"
        "finally: print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "Usage: sleepless" in done.stdout
    assert HEAVY & set(done.stdout.splitlines()[-1].split()) == set()


def test_the_summary_of_every_command_is_its_own_short_help() -> None:
    context = click.Context(program)
    names = program.list_commands(context)
    assert {"up", "task", "tasks", "credits", "costs", "sql", "db", "doctor"} <= {*names}
    for name in names:
        command = program.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.get_short_help_str(100) == COMMANDS[name].summary


def test_without_a_command_it_shows_its_help_and_exits_with_2(empty_shell: Shell) -> None:
    result = empty_shell.run()
    assert result.exit_code == 2
    assert "Usage: sleepless" in result.stderr


def test_h_is_help_everywhere(empty_shell: Shell) -> None:
    for typed in (["-h"], ["tasks", "-h"], ["tasks", "list", "-h"], ["credits", "-h"]):
        assert empty_shell.says(*typed).startswith("Usage: sleepless")


def test_the_version_is_told(empty_shell: Shell) -> None:
    assert empty_shell.says("--version").startswith("sleepless")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["creditz"], "did you mean credits?"),
        (["zzz"], "there are up, task,"),
        (["--nope", "credits"], "no option --nope"),
        (["credits", "--detial"], "did you mean --detail?"),
        (["credits", "--config", "x"], "sleepless --config FILE credits"),
        (["credits", "extra"], "unexpected extra argument"),
        (["costs", "--by", "moon"], "'project', 'model', 'day', 'user'"),
        (["sql"], "Missing argument"),
        (["sql", "SELECT 1", "--limit", "0"], "not in the range"),
        (["db"], "Usage: sleepless db"),
        (["db", "destroy"], "No such command 'destroy'"),
        (["doctor", "--fix"], "no option --fix"),
        (["up", "now"], "unexpected extra argument"),
        (["--config"], "requires an argument"),
        (["caf\udce9"], "not UTF-8"),
    ],
)
def test_wrong_usage_exits_with_2_and_names_what_is_wrong(
    shell: Shell, typed: list[str], words: str
) -> None:
    result = shell.run(*typed)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "typed",
    [["task", "x"], ["tasks"], ["credits"], ["costs"], ["sql", "SELECT 1"], ["db", "check"]],
)
def test_a_configuration_that_is_wrong_exits_with_2(shell: Shell, typed: list[str]) -> None:
    shell.configure("budgt: {}\n")
    assert "budgt" in shell.refuses(2, *typed)
    assert "there is no such file" in shell.refuses(2, "--config", "nope.yaml", *typed)


def test_another_configuration_is_read_where_it_is_named(shell: Shell) -> None:
    (shell.folder / "other.yaml").write_text("budget: {daily_budget_usd: 20}\n")
    assert "$2.00 / $2.00" in shell.says("--config", "other.yaml", "credits")


def raised(error: Exception) -> Exception:
    """With a traceback, as it would arrive."""
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def test_what_was_not_foreseen_is_one_line_and_a_file_with_the_details(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = raised(RuntimeError("broken\nwith sk-ant-api03-abcdefghijklmnopqrstuvwxyz"))
    assert failures.tell(error, debug=False) == 1
    told = capsys.readouterr().err
    assert told.startswith("sleepless: RuntimeError: broken with [redacted] (details: ")
    details = Path(told.partition("details: ")[2].partition(";")[0])
    text, mode = details.read_text(), details.stat().st_mode
    details.unlink()
    assert "Traceback" in text
    assert "sk-ant" not in text
    assert mode & 0o077 == 0


def test_debug_shows_the_traceback_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert failures.tell(raised(RuntimeError("broken")), debug=True) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (SystemExit(3), 3),
        (SystemExit("why"), 1),
        (ConfigError(where="a", value=1, problem="b"), 2),
        (click.FileError("x"), 1),
    ],
    ids=repr,
)
def test_every_way_to_end_has_its_exit_code(error: BaseException, code: int) -> None:
    assert failures.tell(error, debug=False) == code


def test_the_daemon_is_the_one_beside_this_program() -> None:
    assert daemon_command(None) == [sys.executable, str(ROOT / "daemon.py")]
    assert daemon_command(Path("c.yaml"))[2:] == ["--config", "c.yaml"]


def test_nothing_foreign_reaches_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\x9b\u202e\x07\r\n\tc") == "a\\x1b[2Jb\\x9b\\u202e\\x07\\r\n\tc"
    assert one_line("a\n  b " + "c" * 60, 10) == "a b cccccc…"[:9] + "…"
