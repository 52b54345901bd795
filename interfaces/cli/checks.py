"""What `doctor` looks at. Each check answers findings; none of them changes anything."""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from core import ledger
from core.checkup import advise, check
from core.clock import Clock
from core.credentials import take_credentials
from core.database import Database
from core.errors import DatabaseError
from core.migrate import revision
from core.migrations import HEAD
from core.models import UsageMetric
from core.money import shown
from core.ownership import database_lock, who_owns
from core.policy import BudgetPolicy
from core.settings import Settings
from core.windows import Period, next_window, window_at
from interfaces.cli.invocation import name_of
from interfaces.moments import say_moment
from interfaces.slack.connecting.tokens import nobody_may, off_because

#: merge-tree --write-tree, which landing stands on
GIT_FLOOR: Final = (2, 38)
PYTHON_FLOOR: Final = (3, 11)
#: a database and a few checkouts need room to grow, bytes
_DISK_WANTED: Final = 1024**3
_DISK_NEEDED: Final = 100 * 1024**2
#: the agent's program is large; its first start on a cold disk takes seconds
_PATIENCE: Final = 30.0


class Mark(StrEnum):
    FINE = "✓"
    ATTENTION = "!"
    WRONG = "✗"


@dataclass(frozen=True, slots=True)
class Finding:
    mark: Mark
    about: str
    value: str
    #: what to do; empty when there is nothing
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """What is examined."""

    settings: Settings
    database: Database
    clock: Clock

    @property
    def policy(self) -> BudgetPolicy:
        return BudgetPolicy.of(self.settings.budget)

    @property
    def current(self) -> bool:
        """There is a database with today's schema; what else is wrong, `_database` tells."""
        path = self.database.path
        try:
            return (path is None or path.is_file()) and revision(self.database) == HEAD
        except DatabaseError:
            return False


def examine(place: Place) -> Iterator[Finding]:
    for check_ in _CHECKS:
        yield from check_(place)


def _python(_: Place) -> Iterator[Finding]:
    mark = Mark.FINE if sys.version_info >= PYTHON_FLOOR else Mark.WRONG
    yield Finding(mark, "python", f"{platform.python_version()} ({sys.executable})")


def _git(_: Place) -> Iterator[Finding]:
    told = _output(["git", "--version"])
    floor = ".".join(map(str, GIT_FLOOR))
    if told is None:
        yield Finding(Mark.WRONG, "git", "not found", f"Install git {floor} or newer.")
        return
    found = re.search(r"(\d+)\.(\d+)", told)
    fits = found is not None and (int(found[1]), int(found[2])) >= GIT_FLOOR
    advice = "" if fits else f"Install git {floor} or newer; landing needs it."
    yield Finding(Mark.FINE if fits else Mark.WRONG, "git", told, advice)


def _agent(_: Place) -> Iterator[Finding]:
    program = agent_program()
    told = program and _output([str(program), "--version"])
    if program is None or told is None:
        advice = "Install claude-agent-sdk again; it brings the program along."
        yield Finding(Mark.WRONG, "agent", f"{program or 'the Claude CLI'} does not run", advice)
        return
    yield Finding(Mark.FINE, "agent", f"{told} ({program})")


def agent_program() -> Path | None:
    """The CLI inside the SDK's package, found without importing it."""
    package = importlib.util.find_spec("claude_agent_sdk")
    if package is None or package.origin is None:
        return None
    program = Path(package.origin).parent / "_bundled" / "claude"
    return program if program.is_file() else None


def _credentials(place: Place) -> Iterator[Finding]:
    # a copy: nothing is taken from this process
    missing = take_credentials(dict(os.environ)).missing
    needed = place.settings.agent.backend == "claude" and "ANTHROPIC_API_KEY" in missing
    present = [name for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "SLACK_BOT_TOKEN",
               "SLACK_APP_TOKEN") if name not in missing]  # fmt: skip
    value = f"present: {', '.join(present) or 'none'}; missing: {', '.join(missing) or 'none'}"
    advice = "Set ANTHROPIC_API_KEY for the daemon; without it no task starts." if needed else ""
    yield Finding(Mark.ATTENTION if needed else Mark.FINE, "credentials", value, advice)


def _slack(place: Place) -> Iterator[Finding]:
    """Without asking Slack; `sleepless slack test` does."""
    credentials, lists = take_credentials(dict(os.environ)), place.settings.slack
    problem = off_because(credentials)
    if problem and not {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"} - set(credentials.missing):
        yield Finding(Mark.FINE, "slack", f"off: {problem}")
        return
    if problem:
        yield Finding(Mark.ATTENTION, "slack", "off", f"{problem}.")
        return
    value = (
        f"tokens are there; allowed: {len(lists.allowed_users)} people,"
        f" {len(lists.allowed_channels)} channels, {len(lists.admins)} admins"
    )
    closed = nobody_may(lists)
    yield Finding(Mark.ATTENTION if closed else Mark.FINE, "slack", value, closed or "")


def _clock(place: Place) -> Iterator[Finding]:
    now, zone = place.clock.now(), place.settings.budget.zone
    yield Finding(Mark.FINE, "clock", say_moment(now, zone))
    if not place.current:
        return
    with place.database.read() as session:
        latest = ledger.clock_jumped_back(session.connection(), now)
    if latest is not None:
        value = f"it is before the ledger's latest entry, {say_moment(latest, zone)}"
        yield Finding(Mark.WRONG, "clock", value, "Set the clock; until then nothing starts.")


def _windows(place: Place) -> Iterator[Finding]:
    hours, zone = place.policy.hours, place.settings.budget.zone
    now = window_at(place.clock.now(), hours)
    after = next_window(now, hours)
    first = f"{after.period.value} opens {say_moment(now.ends_at, zone)}"
    second = f"{now.period.value} again {say_moment(after.ends_at, zone)}"
    value = f"{now.period.value} now; {first}, {second}"
    yield Finding(Mark.FINE, "windows", value)


def _budget(place: Place) -> Iterator[Finding]:
    policy = place.policy
    quotas = ", ".join(f"{period.value} {shown(policy.quota(period))}" for period in Period)
    value = f"{shown(policy.daily)} a day: {quotas}; estimate {shown(policy.estimate)}"
    starved = policy.starved()
    if not starved:
        yield Finding(Mark.FINE, "budget", value)
        return
    mark = Mark.WRONG if len(starved) == len(Period) else Mark.ATTENTION
    advice = (
        f"No task can ever start in the {' or the '.join(starved)}: raise budget.daily_budget_usd,"
        " change budget.night_quota_percent or lower budget.estimated_cost_usd."
    )
    yield Finding(mark, "budget", value, advice)


def _database(place: Place) -> Iterator[Finding]:
    database, name = place.database, name_of(place.database)
    if database.path and not database.path.is_file():
        advice = "The first `sleepless task` or `sleepless up` creates it."
        yield Finding(Mark.ATTENTION, "database", f"{name}: none yet", advice)
        return
    problems = check(database)
    for problem in problems:
        yield Finding(Mark.WRONG, "database", name, problem)
    if not problems:
        yield Finding(Mark.FINE, "database", f"{name}, schema {HEAD}, no contradictions")
    for advice in advise(database):
        yield Finding(Mark.ATTENTION, "database", name, advice)


def _books(place: Place) -> Iterator[Finding]:
    """S2's "Budget not enforcing": is there a usage_metrics, and is anything recorded in it?"""
    if not place.current:
        return
    with place.database.read() as session:
        count = session.scalar(select(func.count(UsageMetric.id)))
        latest = session.scalar(select(func.max(UsageMetric.created_at)))
    told = (
        "" if latest is None else f", the latest {say_moment(latest, place.settings.budget.zone)}"
    )
    yield Finding(Mark.FINE, "usage", f"usage_metrics has {count} charges{told}")


def _daemon(place: Place) -> Iterator[Finding]:
    path = place.database.path
    owner = who_owns(database_lock(path)) if path else None
    if path is None:
        yield Finding(Mark.FINE, "daemon", "daemons share a PostgreSQL database")
    elif owner is None:
        yield Finding(Mark.ATTENTION, "daemon", "none is running here", "Start `sleepless up`.")
    else:
        yield Finding(Mark.FINE, "daemon", str(owner))


def _disk(place: Place) -> Iterator[Finding]:
    places = {"workspace": place.settings.workspace.root}
    if place.database.path:
        places["database"] = place.database.path
    for name, path in places.items():
        there = next(
            folder for folder in (path.resolve(), *path.resolve().parents) if folder.exists()
        )
        free = shutil.disk_usage(there).free
        mark = Mark.FINE
        if free < _DISK_WANTED:
            mark = Mark.ATTENTION if free >= _DISK_NEEDED else Mark.WRONG
        advice = "" if mark is Mark.FINE else "Make room before a night fills it."
        yield Finding(
            mark, "disk", f"{free / 1024**3:.1f} GiB free for the {name} ({there})", advice
        )


def _sandbox(_: Place) -> Iterator[Finding]:
    advice = (
        "Agents may read and write what this user may: give the daemon a user of its own, and queue"
        " only work on repositories you trust."
    )
    yield Finding(Mark.ATTENTION, "sandbox", "none in this release", advice)


_CHECKS: Final[tuple[Callable[[Place], Iterator[Finding]], ...]] = (
    _python,
    _git,
    _agent,
    _credentials,
    _slack,
    _clock,
    _windows,
    _budget,
    _database,
    _books,
    _daemon,
    _disk,
    _sandbox,
)


def _output(command: list[str]) -> str | None:
    """The first line a program prints; None when it is missing, hangs or fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip().partition("\n")[0]
