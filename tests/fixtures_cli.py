"""The command line in this process, on a real database in the working directory."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from core.logs import _Handler
from fixtures_heart import World
from interfaces.cli.app import program
from interfaces.cli.invocation import Invocation


@dataclass
class Shell:
    """`run` is what a person types; `world` is what lies behind it."""

    world: World
    folder: Path

    def run(self, *words: str, stdin: str | bytes | None = None, terminal: bool = False) -> Result:
        invocation = Invocation(clock=self.world.clock, on_terminal=terminal)
        return CliRunner().invoke(program, list(words), input=stdin, obj=invocation)

    def says(self, *words: str, stdin: str | bytes | None = None, terminal: bool = False) -> str:
        """The answer of a call that must succeed."""
        result = self.run(*words, stdin=stdin, terminal=terminal)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.says(*words, "--json"))

    def refuses(self, code: int, *words: str, stdin: str | bytes | None = None) -> str:
        """The one line on stderr of a call that must end with this exit code."""
        result = self.run(*words, stdin=stdin)
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        *notes, line = result.stderr.splitlines()
        assert line.startswith("sleepless: ")
        assert [other for other in notes if not other.startswith("note: ")] == []
        return line.removeprefix("sleepless: ")

    def configure(self, text: str) -> None:
        (self.folder / "config.yaml").write_text(text)


@pytest.fixture
def empty_shell(tmp_path: Path, sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """In a folder without a database."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Shell(sqlite_world, folder)


@pytest.fixture
def shell(sqlite_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    yield Shell(sqlite_world, tmp_path)
    root = logging.getLogger()
    for handler in [found for found in root.handlers if isinstance(found, _Handler)]:
        root.removeHandler(handler)  # its stream ended with the call
