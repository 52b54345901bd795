"""docs/cli.md and the program tell the same."""

import re
from collections.abc import Iterator

import click
import pytest

from interfaces.cli.app import program
from source_tree import ROOT

DOCS = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def commands(
    command: click.Command = program, path: str = "sleepless"
) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from commands(child, f"{path} {name}")
    else:
        yield path, command


def section(path: str) -> str:
    """What stands under a command's heading."""
    return DOCS.partition(f"\n### `{path}`\n")[2].partition("\n### ")[0]


def options(text: str) -> set[str]:
    return set(re.findall(r"^\| `(--[a-z-]+)`", text, re.MULTILINE))


def shown(command: click.Command) -> list[click.Parameter]:
    """The parameters that its help shows."""
    return [param for param in command.params if not getattr(param, "hidden", False)]


COMMANDS = dict(commands())


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_is_described_with_exactly_its_options(path: str) -> None:
    described = section(path)
    assert described.strip()
    own = {opt for param in shown(COMMANDS[path]) for opt in param.opts if opt.startswith("--")}
    assert options(described) == own


def test_no_other_command_is_described() -> None:
    described = set(re.findall(r"^### `(sleepless [a-z ]+)`$", DOCS, re.MULTILINE))
    assert described - {"sleepless tasks"} == COMMANDS.keys()


def test_the_options_before_the_command_are_described() -> None:
    general = DOCS.partition("## For all commands")[2].partition("\n## ")[0]
    assert options(general) == {opt for param in program.params for opt in param.opts}


def test_every_option_says_what_it_is_for() -> None:
    silent = [
        f"{path} {param.opts[0]}"
        for path, command in COMMANDS.items()
        for param in shown(command)
        if isinstance(param, click.Option) and not param.help
    ]
    assert silent == []
