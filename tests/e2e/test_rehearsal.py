"""`sleepless rehearse` as people start it: from a shell, in a folder, and interrupted."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from fixtures_daemon import KEY, until
from source_tree import ROOT

#: the two queries that people were given, to be answered by the sqlite3 program itself
PROJECT_COSTS = """-- Query project costs
SELECT project_id, SUM(CAST(total_cost_usd AS DECIMAL)) as total_cost
FROM usage_metrics
WHERE project_id IS NOT NULL
GROUP BY project_id;
"""
DAILY_SPENDING = """\
SELECT DATE(created_at) as date, SUM(CAST(total_cost_usd AS DECIMAL)) as daily_cost
FROM usage_metrics
GROUP BY DATE(created_at)
ORDER BY date DESC;
"""
#: a night may take its minute, and a loaded machine longer
pytestmark = pytest.mark.timeout(150)

PROGRAM = [sys.executable, "-m", "interfaces.cli.app"]


def environment(**more: str) -> dict[str, str]:
    """With settings and a key that a rehearsal must not take for its own."""
    foreign = {"SLEEPLESS_BUDGET__DAILY_BUDGET_USD": "0.01", "ANTHROPIC_API_KEY": KEY}
    return {**os.environ, "PYTHONPATH": str(ROOT), **foreign, **more}


def rehearse(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, "rehearse", *words],
        check=False,
        capture_output=True,
        text=True,
        env=environment(),
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("night")


@pytest.fixture(scope="module")
def result(folder: Path) -> dict[str, Any]:
    """One night, looked at by many tests."""
    ended = rehearse("--json", "--keep", str(folder))
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def sqlite3(folder: Path, statement: str) -> list[list[str]]:
    tool = shutil.which("sqlite3")
    assert tool, "the sqlite3 program is needed; on Debian: apt-get install sqlite3"
    said = subprocess.run(
        [tool, "sleepless_agent.db"], input=statement, check=True, capture_output=True, text=True,
        cwd=folder,
    )  # fmt: skip
    return [line.split("|") for line in said.stdout.splitlines()]


def test_a_night_keeps_every_promise_in_under_a_minute(result: dict[str, Any]) -> None:
    assert [one for one in result["promises"] if not one["kept"]] == []
    assert result["seconds"] < 60
    assert result["rehearsal"] is True


def test_the_sqlite3_program_answers_both_queries_on_the_file_that_is_left(
    result: dict[str, Any], folder: Path
) -> None:
    projects = {name: float(cost) for name, cost in sqlite3(folder, PROJECT_COSTS)}
    assert projects["my-dashboard"] == pytest.approx(0.29583, abs=1e-9)
    assert projects["landing-page"] == pytest.approx(0.07278, abs=1e-9)
    charged = sum(float(task["charged_usd"]) for task in result["tasks"])
    days = sqlite3(folder, DAILY_SPENDING)
    assert sum(float(cost) for _, cost in days) == pytest.approx(charged, abs=1e-9)
    assert result["queries"][0]["sql"] == PROJECT_COSTS.strip()
    assert result["queries"][1]["sql"] == DAILY_SPENDING.strip()


def test_git_reads_the_line_of_main_as_the_list_of_tasks(
    result: dict[str, Any], folder: Path
) -> None:
    tree = folder / "workspace" / "project_my-dashboard"
    log = ["git", "-C", str(tree), "log", "--first-parent", "--merges", "--format=%H %s"]
    said = subprocess.run(log, check=True, capture_output=True, text=True).stdout
    assert said.splitlines() == result["git_log"]
    assert [line.split(" ", 1)[1] for line in said.splitlines()] == [
        "Implement data visualization charts",
        "Add user authentication to dashboard",
        "Create React app boilerplate",
    ]


def test_everything_lies_where_it_says(result: dict[str, Any], folder: Path) -> None:
    assert Path(result["folder"]) == folder.resolve()
    patterns = [name for places in result["places"].values() for name in places.split(", ")]
    missing = [pattern for pattern in patterns if not list(folder.glob(pattern))]
    assert missing == ["workspace/task_*"]  # the only task without a project waits for money


def test_no_agent_and_no_daemon_is_left(result: dict[str, Any], folder: Path) -> None:
    assert processes_in(folder) == []


def test_no_key_reaches_the_folder(result: dict[str, Any], folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


def test_the_folder_can_be_looked_at_with_the_program(result: dict[str, Any], folder: Path) -> None:
    why = subprocess.run(
        [*PROGRAM, "tasks", "why", "7"],
        check=True, capture_output=True, text=True, cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert "the night quota binds" in why.stdout


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("# mine\n")
    ended = rehearse("--keep", str(tmp_path))
    assert ended.returncode == 4
    assert "it holds no rehearsal but other files" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


@pytest.fixture
def started(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """In a folder that holds an earlier rehearsal, which may be played over."""
    (tmp_path / "config.yaml").write_text(
        "# REHEARSAL: the model is a script and no money is spent.\n"
    )
    (tmp_path / "daemon.log").write_text("of an earlier night\n")
    process = subprocess.Popen(
        [*PROGRAM, "rehearse", "--keep", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_night_leaves_no_daemon(
    started: "subprocess.Popen[str]", number: signal.Signals, tmp_path: Path
) -> None:
    assert started.stdout
    until(
        lambda: re.search(
            r"task 1 my-dashboard: works", str(started.stdout and started.stdout.readline())
        )
    )
    assert processes_in(tmp_path) != []
    started.send_signal(number)
    _, said = started.communicate()
    assert started.returncode == 128 + number
    assert processes_in(tmp_path) == []
    assert "Traceback" not in said
    assert "of an earlier night" not in (tmp_path / "daemon.log").read_text()
    assert "daemon.stopped" in (tmp_path / "daemon.log").read_text()


def test_a_daemon_that_cannot_start_breaks_promises_and_the_exit_code_says_so(
    tmp_path: Path,
) -> None:
    """There is no git on the PATH."""
    tools = tmp_path / "tools"
    tools.mkdir()
    ended = subprocess.run(
        [*PROGRAM, "rehearse", "--keep", str(tmp_path / "night")],
        check=False, capture_output=True, text=True, env=environment(PATH=str(tools)),
    )  # fmt: skip
    assert ended.returncode == 1
    assert re.search(r"REHEARSAL  \d+ of 17 promises broken", ended.stdout), ended.stdout
    assert re.search(r"✗  They are three merges on main, in their order +0 merges", ended.stdout)
    assert "daemon.log ends with: " in ended.stdout


def processes_in(folder: Path) -> list[str]:
    """What works in the folder now; the program itself was started elsewhere."""
    found = []
    for process in psutil.process_iter(["cwd", "cmdline"]):
        place = process.info["cwd"]
        if place and Path(place).is_relative_to(folder.resolve()):
            found.append(" ".join(process.info["cmdline"] or [str(process.pid)]))
    return found
