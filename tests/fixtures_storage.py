"""Other programs: ones that open the same file, and ones that run beside the test."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def sql(file: Path, *statements: str) -> list[tuple[object, ...]]:
    """Run them as another program would; the rows of the last one."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        return [connection.execute(each).fetchall() for each in statements][-1]


def sqlite3_program(file: Path, query: str) -> list[str]:
    """The answer of the `sqlite3` command, line by line."""
    answer = subprocess.run(
        ["sqlite3", str(file), query], check=True, capture_output=True, text=True, timeout=30
    )
    return answer.stdout.splitlines()


def definitions(file: Path) -> dict[str, list[str]]:
    """Every table and index as SQLite keeps it; the order of a table's lines means nothing."""
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql NOTNULL AND name <> 'alembic_version'"
        ).fetchall()
    return {name: sorted(line.strip(" \t,") for line in sql.splitlines()) for name, sql in rows}


class Program:
    """Python code in a process of its own, with our packages."""

    def __init__(self, code: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def end(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def says(self) -> str:
        """Its next line."""
        assert self._process.stdout
        return self._process.stdout.readline().rstrip("\n")

    def tell(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def let_go(self) -> None:
        """Its standard input ends."""
        assert self._process.stdin
        self._process.stdin.close()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=30)

    def exit_code(self) -> int:
        return self._process.wait(timeout=50)


class Programs:
    """Starts programs; none of them outlives the test."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def start(self, code: str, *arguments: object) -> Program:
        program = Program(code, *arguments)
        self._stack.callback(program.end)
        return program


@pytest.fixture
def programs() -> Iterator[Programs]:
    with ExitStack() as stack:
        yield Programs(stack)
