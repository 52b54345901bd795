"""Who may import whom, who may ask what time it is, and what no test may do.

Every rule is a function over a source tree, and every rule is shown to fail on a planted violation.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from source_tree import ROOT, plant, product_files

#: what each part may never import; only daemon.py sees all three
FORBIDDEN = {
    "core": {"execution", "interfaces", "daemon"},
    "execution": {"interfaces", "daemon"},
    "interfaces": {"execution"},
}
#: the command line starts the daemon: there, and inside a function, so that `--help` stays fast
STARTS_THE_DAEMON = "interfaces/cli/*.py"

FENCES = {
    "slack_bolt": ("interfaces/slack/*",),
    "slack_sdk": ("interfaces/slack/*",),
    "claude_agent_sdk": ("execution/claude_code_executor.py", "execution/claude_messages.py"),
    "git": ("execution/git.py", "execution/workspaces.py", "execution/landing.py"),
    "apscheduler": ("core/schedules.py",),
    "rich": ("interfaces/*",),
    "click": ("interfaces/*",),
}

#: the warden is a script of the standard library alone; who waits for a lock that another process
#: holds counts real seconds, also where a test has stopped the clock
ASKS_FOR_THE_TIME = (
    "core/clock.py",
    "core/database.py",
    "core/ownership.py",
    "execution/warden.py",
)
CLOCKS = {
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.monotonic_ns",
}

NOT_IN_TESTS = {
    "time.sleep": "waits on time, not on an event",
    "unittest.mock": "replaces the real thing",
    "pytest.skip": "skips",
    "pytest.xfail": "expects to fail",
    "pytest.mark.skip": "skips",
    "pytest.mark.skipif": "skips",
    "pytest.mark.xfail": "expects to fail",
    "pytest.importorskip": "skips",
}


@dataclass(frozen=True, order=True)
class Import:
    line: int
    module: str
    at_top: bool


def imports(tree: ast.Module) -> Iterator[Import]:
    """Every module named by an import, wherever it stands, and by import_module("…")."""
    top = set(tree.body)
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (Import(node.lineno, name.name, node in top) for name in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield Import(node.lineno, module, node in top)
            case ast.Call(func=function, args=[ast.Constant(value=str(module)), *_]) if ast.unparse(
                function
            ).endswith(("import_module", "__import__")):
                yield Import(node.lineno, module, at_top=False)


def wrong_directions(root: Path) -> list[str]:
    return [
        f"{place}:{found.line} imports {found.module}"
        for file in product_files(root)
        for place in [file.relative_to(root).as_posix()]
        for found in imports(ast.parse(file.read_text()))
        if _goes_the_wrong_way(place, found)
    ]


def _goes_the_wrong_way(place: str, found: Import) -> bool:
    target = found.module.partition(".")[0]
    if place.startswith("interfaces/") and target == "daemon":
        return found.at_top or not fnmatch(place, STARTS_THE_DAEMON)
    return target in FORBIDDEN.get(place.partition("/")[0], set())


def broken_fences(root: Path) -> list[str]:
    return [
        f"{place}:{found.line} imports {found.module}"
        for file in product_files(root)
        for place in [file.relative_to(root).as_posix()]
        for found in imports(ast.parse(file.read_text()))
        for allowed in [FENCES.get(found.module.partition(".")[0])]
        if allowed and not any(fnmatch(place, pattern) for pattern in allowed)
    ]


def names_used(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every dotted name, with what it was imported as put back: `now` → `datetime.datetime.now`."""
    origin: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                origin |= {name.asname: name.name for name in names if name.asname}
                yield from ((node.lineno, name.name) for name in names)
            case ast.ImportFrom(module=str(module), names=names):
                origin |= {name.asname or name.name: f"{module}.{name.name}" for name in names}
                yield from ((node.lineno, f"{module}.{name.name}") for name in names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            first, _, rest = ast.unparse(node).partition(".")
            yield node.lineno, f"{origin.get(first, first)}.{rest}"


def asked_clocks(root: Path) -> list[str]:
    return [
        f"{place}:{line} uses {name}"
        for file in product_files(root)
        for place in [file.relative_to(root).as_posix()]
        if place not in ASKS_FOR_THE_TIME
        for line, name in names_used(ast.parse(file.read_text()))
        if name in CLOCKS
    ]


def dishonest_tests(root: Path) -> list[str]:
    found = [
        f"{file.relative_to(root)}:{line} {NOT_IN_TESTS[rule]} ({name})"
        for file in sorted((root / "tests").rglob("*.py"))
        for line, name in names_used(ast.parse(file.read_text()))
        for rule in NOT_IN_TESTS
        if name == rule or name.startswith(f"{rule}.")
    ]
    return found + [
        f"{file.relative_to(root)}:{node.lineno} waits on time, not on an event (asyncio.sleep)"
        for file in sorted((root / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "asyncio.sleep"
        and ast.unparse(node.args[0]) != "0"
    ]


def test_imports_run_one_way() -> None:
    assert wrong_directions(ROOT) == []


def test_libraries_stay_behind_their_fences() -> None:
    assert broken_fences(ROOT) == []


def test_nothing_but_the_clock_asks_for_the_time() -> None:
    assert asked_clocks(ROOT) == []


def test_tests_neither_sleep_nor_skip_nor_mock() -> None:
    assert dishonest_tests(ROOT) == []


def test_the_top_level_is_what_it_should_be() -> None:
    expected = (
        "pyproject.toml daemon.py core execution interfaces workspace config.yaml tests README.md"
    )
    assert [name for name in expected.split() if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("core/a.py", "import execution.agent"),
        ("core/a.py", "from interfaces.cli import app"),
        ("core/a.py", "def late():\n    from execution import agent"),
        ("core/a.py", "import importlib\nimportlib.import_module('execution.agent')"),
        ("execution/a.py", "import interfaces"),
        ("execution/deep/a.py", "import daemon"),
        ("interfaces/slack/a.py", "from execution.agent import Agent"),
        ("interfaces/slack/a.py", "def late():\n    import daemon"),
        ("interfaces/cli/a.py", "import daemon"),
    ],
)
def test_a_planted_import_in_the_wrong_direction_is_found(
    tmp_path: Path, place: str, source: str
) -> None:
    plant(tmp_path, place, source)
    assert [found.partition(":")[0] for found in wrong_directions(tmp_path)] == [place]


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("daemon.py", "import core, execution, interfaces"),
        ("interfaces/cli/up.py", "def up():\n    import daemon"),
        ("interfaces/cli/a.py", "from core import settings"),
        ("execution/a.py", "from core.money import Nano"),
        ("execution/a.py", "from . import agent"),
    ],
)
def test_an_import_in_the_right_direction_is_let_be(
    tmp_path: Path, place: str, source: str
) -> None:
    plant(tmp_path, place, source)
    assert wrong_directions(tmp_path) == []


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("interfaces/cli/a.py", "import slack_sdk.web"),
        ("core/a.py", "from slack_bolt import App"),
        ("daemon.py", "import claude_agent_sdk"),
        ("execution/a.py", "from git import Repo"),
        ("execution/a.py", "import apscheduler.triggers.cron"),
        ("core/a.py", "import rich"),
        ("execution/a.py", "def late():\n    import click"),
    ],
)
def test_a_planted_import_through_a_fence_is_found(tmp_path: Path, place: str, source: str) -> None:
    plant(tmp_path, place, source)
    assert [found.partition(":")[0] for found in broken_fences(tmp_path)] == [place]


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.time()",
        "import time as t\nt.monotonic()",
        "from time import monotonic as now\nnow()",
        "from datetime import datetime\ndatetime.now()",
        "from datetime import UTC, datetime\ndefault = datetime.now",
        "import datetime\ndatetime.datetime.utcnow()",
        "from datetime import date\ndate.today()",
    ],
)
def test_a_planted_question_for_the_time_is_found(tmp_path: Path, source: str) -> None:
    plant(tmp_path, "core/a.py", source)
    plant(tmp_path, "core/clock.py", source)
    assert {found.partition(":")[0] for found in asked_clocks(tmp_path)} == {"core/a.py"}


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.sleep(1)",
        "import asyncio\nasync def test():\n    await asyncio.sleep(0.1)",
        "from unittest import mock",
        "from unittest.mock import patch",
        "import pytest\n@pytest.mark.skipif(True)\ndef test(): ...",
        "import pytest\npytest.importorskip('x')",
    ],
)
def test_a_planted_dishonest_test_is_found(tmp_path: Path, source: str) -> None:
    plant(tmp_path, "tests/unit/test_a.py", source)
    assert dishonest_tests(tmp_path)
