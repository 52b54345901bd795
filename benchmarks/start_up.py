"""What a command of the shell costs before it does anything, beside Python's own start.

    python benchmarks/start_up.py [--full | --smallest] [--json]

Whole processes, taken in turns, from start to exit. `sleepless credits` opens a database that is
there and in use; the target is for `sleepless --help`: 0.25 s.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.report import Figure, median, options, report

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = "from interfaces.cli.app import main; main()"
PEER = "1.15 s"


def main() -> None:
    asked = options(__doc__, "40 rounds instead of 10").parse_args()
    report(figures(40 if asked.full else 0 if asked.smallest else 10), as_json=asked.json)


def figures(rounds: int) -> Iterator[Figure]:
    sleepless = [sys.executable, "-c", PROGRAM]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "sleepless --help": [*sleepless, "--help"],
        "sleepless task": [*sleepless, "task", "Water the plants"],  # the first makes the database
        "sleepless credits": [*sleepless, "credits"],
    }
    taken = take_turns(commands, rounds)
    bare = median(taken.pop("python -c pass"))
    yield Figure("python -c pass", bare, "s")
    yield Figure("sleepless --help", median(taken["sleepless --help"]), "s", 0.25, peer=PEER)
    for command in ("sleepless task", "sleepless credits"):
        yield Figure(command, median(taken[command]), "s")
    yield Figure(
        "sleepless --help, times bare Python", median(taken["sleepless --help"]) / bare, ""
    )


def take_turns(commands: dict[str, list[str]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each, round by round; the first round warms up and is not counted, if there are
    more.
    """
    taken: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory(prefix="sleepless-bench-") as place:
        for _ in range(rounds + 1):
            for name, command in commands.items():
                taken[name].append(seconds(command, place))
    return {name: (found[1:] or found) for name, found in taken.items()}


def seconds(command: list[str], place: str) -> float:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SLEEPLESS_LOGGING__LEVEL": "WARNING"}
    started = time.perf_counter()
    subprocess.run(command, cwd=place, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
