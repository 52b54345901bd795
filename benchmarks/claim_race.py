"""Four processes race for the same tasks on one file: is each one run once, is nobody starved?

    python benchmarks/claim_race.py [--full | --smallest] [--json]

Each process claims with SmartScheduler and settles what it has claimed, as fast as it can, until
nothing is left. Afterwards the books are read: every task once, every cent, every count. The wait
for the lock is the time until Database.write lets a transaction in.
"""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier
from typing import Any

from sqlalchemy import Connection, func, select

from bench.place import fresh_database
from bench.report import Figure, median, options, quiet, report
from core import settlement
from core.admission import Admitted
from core.charges import Usage
from core.clock import SystemClock
from core.database import Database
from core.leases import Claim
from core.models import (
    CreditWindow,
    Hold,
    HoldState,
    Run,
    RunOutcome,
    Task,
    TaskStatus,
    UsageMetric,
)
from core.scheduler import SmartScheduler
from core.settlement import Settlement
from core.states import Patience
from core.task_queue import TaskQueue

PROCESSES = 4
COST = "0.000123"


@dataclass
class Racer:
    """What one process has to tell."""

    claimed: list[int] = field(default_factory=list)
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)


class TimedDatabase(Database):
    """Notes how long each transaction waited to be let in."""

    def __init__(self, url: str, waits: list[float]) -> None:
        super().__init__(url)
        self.waits = waits

    @contextmanager
    def write(self, *, wakes: bool = False) -> Iterator[Connection]:
        asked = time.monotonic()
        with super().write(wakes=wakes) as connection:
            self.waits.append((time.monotonic() - asked) * 1000)
            yield connection


def main() -> None:
    asked = options(__doc__, "10,000 tasks instead of 1,000").parse_args()
    quiet()
    tasks = 10_000 if asked.full else 24 if asked.smallest else 1000
    report(figures(tasks), as_json=asked.json)


def figures(tasks: int) -> Iterator[Figure]:
    with fresh_database() as database:
        queue = TaskQueue(database)
        for number in range(tasks):
            queue.add_task(f"Water plant {number}")
        racers = race(database.url.render_as_string())
        claims = [task for racer in racers for task in racer.claimed]
        yield Figure(
            f"claims of {tasks:,} tasks by {PROCESSES} processes", len(claims), "", at_least=tasks
        )
        doubles = len(claims) - len(set(claims))
        yield Figure("claimed twice", doubles, "", 0, peer="47 of 100")
        yield Figure("lost updates", lost(database, tasks), "", 0)
    rate = tasks / max(racer.seconds for racer in racers)
    yield Figure("claimed and settled, all processes", rate, "/s")
    yield from fairness(racers, tasks)


def fairness(racers: Sequence[Racer], tasks: int) -> Iterator[Figure]:
    shares = sorted(len(racer.claimed) * PROCESSES / tasks for racer in racers)
    yield Figure("least busy process, of its even share", shares[0] * 100, "%")
    yield Figure("busiest process, of its even share", shares[-1] * 100, "%")
    waits = [wait for racer in racers for wait in racer.waits]
    yield Figure("wait for the lock: median", median(waits), "ms")
    yield Figure("wait for the lock: longest of the worst process", max(waits), "ms")


def race(address: str) -> list[Racer]:
    context = multiprocessing.get_context("spawn")
    start, told = context.Barrier(PROCESSES), context.SimpleQueue()
    racers = [
        context.Process(target=claim_and_settle, args=(address, start, told))
        for _ in range(PROCESSES)
    ]
    for racer in racers:
        racer.start()
    answers: list[Racer] = [told.get() for _ in racers]
    for racer in racers:
        racer.join()
    return answers


def claim_and_settle(address: str, start: Barrier, told: Any) -> None:
    """One process: claims and settles until nothing is left."""
    quiet()
    racer = Racer()
    with TimedDatabase(address, racer.waits) as database:
        queue = TaskQueue(database)
        scheduler = SmartScheduler(queue, daily_budget_usd=1e6, night_quota_percent=50)
        with database.write():
            pass  # the connection is open before the race begins
        database.waits.clear()
        start.wait()
        started = time.monotonic()
        while isinstance(admitted := scheduler.admit_next(), Admitted):
            racer.claimed.append(admitted.task_id)
            settle(database, admitted)
        racer.seconds = time.monotonic() - started
    told.put(racer)


def settle(database: Database, admitted: Admitted) -> None:
    claim = Claim(admitted.task_id, admitted.run_id, admitted.epoch)
    usage = Usage(session_total_usd=COST, session_id=f"s-{admitted.run_id}")
    how = Settlement(RunOutcome.COMPLETED, usage)
    with database.write() as connection:
        settlement.settle(connection, claim, how, Patience(), SystemClock().now())


def lost(database: Database, tasks: int) -> int:
    """How many of the effects of each claim and settlement are missing or there twice."""
    counts = {
        "completed": select(func.count()).where(Task.status == TaskStatus.COMPLETED),
        "runs": select(func.count()).select_from(Run),
        "epochs": select(func.sum(Task.lease_epoch)),
        "charges": select(func.count()).select_from(UsageMetric),
        "cost": select(func.sum(UsageMetric.cost_nano) / 123_000),
        "holds closed": select(func.count()).where(Hold.state == HoldState.SETTLED),
        "runs counted": select(func.sum(CreditWindow.tasks_executed)),
    }
    with database.read() as session:
        found = {name: int(session.scalar(query) or 0) for name, query in counts.items()}
    return sum(abs(count - tasks) for count in found.values())


if __name__ == "__main__":
    main()
