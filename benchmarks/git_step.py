"""What git costs a run: begin, keep and land of a one-file change, by size of the tree.

    PYTHONPATH=. python benchmarks/git_step.py [--rounds N] [--history N]

Beside it, on the same files in the same minute, what any program pays at the least:
`git add -A && git commit`. Medians in milliseconds. The target is 100 ms at 1,000 files.
"""

import argparse
import logging
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import structlog

from execution.landing import Landed, land
from execution.workspaces import Start, Workspace, Workspaces

T = TypeVar("T")
SIZES = (10, 1_000, 10_000)
STEPS = ("begin", "keep", "land", "whole", "plain git")
PLAIN = ("-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "gc.auto=0")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--history", type=int, default=0, help="merges that main already has")
    asked = options.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(machine())
    print(f"{'files':>7}" + "".join(f"{step:>11}" for step in STEPS) + f"{'ratio':>8}")
    for files in SIZES:
        with tempfile.TemporaryDirectory() as place:
            report(files, measure(Path(place), files, asked.rounds, asked.history))


def machine() -> str:
    git = subprocess.check_output(["git", "version"], text=True).split()[2]
    load = os.getloadavg()[0]
    return (
        f"{platform.system()} {platform.release()}, {os.cpu_count()} cores (load {load:.1f}), "
        f"Python {platform.python_version()}, git {git}; medians in ms"
    )


def report(files: int, taken: dict[str, list[float]]) -> None:
    medians = [statistics.median(taken[step]) * 1000 for step in STEPS]
    columns = "".join(f"{median:>11.1f}" for median in medians)
    print(f"{files:>7}{columns}{medians[3] / medians[4]:>8.1f}", flush=True)


def measure(place: Path, files: int, rounds: int, history: int) -> dict[str, list[float]]:
    workspace = Workspaces(place / "ours").open(1, "bench")
    plain = place / "plain"
    plain.mkdir()
    for tree in (workspace.path, plain):
        fill(tree, files)
    git(plain, "init", "-q")
    commit_plainly(plain)
    for number in range(history):
        task(workspace, 1_000_000 + number, {})
    taken: dict[str, list[float]] = {step: [] for step in STEPS}
    for number in range(rounds + 2):
        if number == 2:  # the first commit of all files, and a warm-up
            taken = {step: [] for step in STEPS}
        task(workspace, number + 1, taken)
        (plain / "d0/f0").write_text(f"{number}\n")
        timed(taken, "plain git", lambda: commit_plainly(plain))
    return taken


def task(workspace: Workspace, number: int, taken: dict[str, list[float]]) -> None:
    started = time.perf_counter()
    start: Start = timed(taken, "begin", lambda: workspace.begin(number, f"Change {number}"))
    thinking = time.perf_counter()
    (workspace.path / "d0/f0").write_text(f"{number}\n")
    thought = time.perf_counter() - thinking
    timed(taken, "keep", lambda: workspace.keep("Work", {"Run-Id": str(number)}))
    landing = timed(
        taken, "land", lambda: land(workspace, start.branch, number, number, f"Change {number}", {})
    )
    assert isinstance(landing, Landed)
    taken.setdefault("whole", []).append(time.perf_counter() - started - thought)


def timed(taken: dict[str, list[float]], step: str, act: Callable[[], T]) -> T:
    started = time.perf_counter()
    result = act()
    taken.setdefault(step, []).append(time.perf_counter() - started)
    return result


def fill(tree: Path, files: int) -> None:
    for number in range(files):
        place = tree / f"d{number // 100}" / f"f{number}"
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"line {number}\n" * 20)


def commit_plainly(place: Path) -> None:
    git(place, "add", "-A")
    git(place, "commit", "-qm", "x")


def git(place: Path, *args: str) -> None:
    subprocess.run(["git", *PLAIN, *args], cwd=place, check=True, capture_output=True)


if __name__ == "__main__":
    main()
