"""What a claim and a look at the budget take when the books are long.

    python benchmarks/claim_latency.py [--full | --smallest] [--json]

A claim is all of SmartScheduler.admit_next: order, sums of the budget, claim, hold and event, and
a commit that survives a power cut. The past of each size is spread over three years; the tasks are
half done, half waiting. The hard case has 1,000 charges in the very window that is asked about, and
the last one many tasks in the line of one project. Target: under 2 ms, and the same at every size.
Whatever is written waits for the disk, and for other programs: a bare commit, taken in turns with
the claims, and the claim's own processor time say how much of it is ours.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from itertools import chain

from sqlalchemy import text

from bench.place import bare_connection, fresh_database
from bench.report import Figure, median, options, percentile, quiet, report
from core.admission import Admitted
from core.clock import SystemClock
from core.database import Database
from core.models import TaskPriority
from core.scheduler import SmartScheduler
from core.task_queue import TaskQueue

#: milliseconds
TARGET = 2.0
PEERS = {"claim": "27 ms at 100,000", "check": "1,400 ms at 100,000"}
HARD = 1000


def main() -> None:
    parser = options(__doc__, "a million rows as well, and more calls of each")
    asked = parser.parse_args()
    sizes = (
        (200,) if asked.smallest else (1000, 100_000, 1_000_000) if asked.full else (1000, 100_000)
    )
    calls = 10 if asked.smallest else 500 if asked.full else 200
    quiet()
    shapes = chain((books(size, calls) for size in sizes), [one_line(max(sizes) // 5, calls)])
    report(chain.from_iterable(shapes), as_json=asked.json)


def books(size: int, calls: int) -> Iterator[Figure]:
    """Figures of a database with so many tasks, runs and charges."""
    with fresh_database() as database:
        fill(database, size)
        scheduler = rich_scheduler(database)
        yield from claims(scheduler, f"{size:,} rows", calls)
        yield from checks(scheduler, f"{size:,} rows", calls)
        charge_now(database)
        yield from checks(scheduler, f"{size:,} rows, {HARD:,} in this window", calls)
        yield from claims(scheduler, f"{size:,} rows, {HARD:,} in this window", calls)


def one_line(tasks: int, calls: int) -> Iterator[Figure]:
    """Figures of a project with a long line."""
    with fresh_database() as database:
        queue = TaskQueue(database)
        queue.add_task("The first", project_id="garden")
        run(database, LINE, {"n": tasks})
        add = timed(lambda: queue.add_task("Water the plants", project_id="garden"), calls)
        yield from both(f"add to a project with {tasks:,} waiting", add)
        cancel = iter(range(2, 10**9))
        gone = timed(lambda: queue.cancel_task(next(cancel)), calls)
        yield from both(f"cancel in a project with {tasks:,} waiting", gone)
        queue.add_task("Before all others", TaskPriority.SERIOUS)  # for the warm-up
        claim = timed(rich_scheduler(database).admit_next, 1)
        yield Figure(f"claim of a project with {tasks:,} waiting", median(claim), "ms", TARGET)


def rich_scheduler(database: Database) -> SmartScheduler:
    """With money for every claim there will be."""
    return SmartScheduler(TaskQueue(database), daily_budget_usd=1e6, night_quota_percent=50)


def claims(scheduler: SmartScheduler, where: str, calls: int) -> Iterator[Figure]:
    """In turns with the least that anything durable costs here: one row, one commit."""
    with closing(bare_connection(scheduler.task_queue.database)) as bare:
        bare.execute("CREATE TABLE IF NOT EXISTS yardstick (moment REAL)")
        claim, work, commit = [], [], []
        for _ in range(min(calls, 50)):  # no more: a claim changes the books
            before = time.process_time()
            claim += timed(lambda: claim_one(scheduler), 1, warm=False)
            work.append((time.process_time() - before) * 1000)
            commit += timed(lambda: commit_one(bare), 1, warm=False)
    yield from both(f"claim and hold, {where}", claim[1:], PEERS["claim"])
    yield Figure("  processor time of it: p50", median(work), "ms")
    yield Figure("  beside it, one bare commit of sqlite3: p50", median(commit), "ms")


def claim_one(scheduler: SmartScheduler) -> None:
    assert isinstance(scheduler.admit_next(), Admitted)


def commit_one(bare: sqlite3.Connection) -> None:
    bare.execute("BEGIN IMMEDIATE")
    bare.execute("INSERT INTO yardstick VALUES (?)", (time.time(),))
    bare.execute("COMMIT")


def checks(scheduler: SmartScheduler, where: str, calls: int) -> Iterator[Figure]:
    manager = scheduler.budget_manager
    taken = timed(manager.is_budget_available, calls)
    yield from both(f"budget check, {where}", taken, PEERS["check"])


def both(what: str, taken: list[float], peer: str = "") -> Iterator[Figure]:
    yield Figure(f"{what}: p50", median(taken), "ms", TARGET, peer=peer)
    yield Figure(f"{what}: p99", percentile(taken, 99), "ms")


def timed(call: Callable[[], object], calls: int, *, warm: bool = True) -> list[float]:
    """Milliseconds of each call, after one that is not counted."""
    taken = []
    if warm:
        call()
    for _ in range(calls):
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def fill(database: Database, size: int) -> None:
    now = SystemClock().now()
    past = {"n": size, "step": 3 * 365 * 86_400 / size, "now": spelled(now - timedelta(days=1))}
    for statement in PAST:
        run(database, statement, past)


def charge_now(database: Database) -> None:
    run(database, CHARGES, {"n": HARD, "step": 0.000001, "now": spelled(SystemClock().now())})


def run(database: Database, statement: str, values: dict[str, object]) -> None:
    """`:n` rows, a moment every `:step` seconds back from `:now`; `i` counts them."""
    values = {"step": 0, "now": spelled(SystemClock().now()), **values}
    with database.write() as connection:
        connection.execute(text(f"{NUMBERS} {statement}"), values)


def spelled(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


NUMBERS = """
    WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < :n),
    n(i, moment) AS (SELECT i, strftime('%Y-%m-%d %H:%M:%S', :now,
        '-' || round(i * :step) || ' seconds') || '.000000' FROM c)
"""
CHARGES = """
    INSERT INTO usage_metrics (task_id, total_cost_usd, cost_nano, cost_source, created_at,
        admitted_at, duration_ms, num_turns)
    SELECT i, '0.000001000', 1000, 'reported', moment, moment, 1000, 3 FROM n
"""
LINE = """
    INSERT INTO tasks (description, priority, status, wait_reason, created_at, updated_at,
        attempt_count, crash_count, correlation_id, lease_epoch, project_id)
    SELECT 'x', 'random', 'pending', 'project_busy', moment, moment, 0, 0, 'c', 0, 'garden' FROM n
"""
#: of four tasks two are done, one can be claimed, one waits until far in the future
PAST = (
    """
    INSERT INTO tasks (description, priority, status, wait_reason, wait_until, created_at,
        updated_at, attempt_count, crash_count, correlation_id, lease_epoch)
    SELECT 'Water the plants', iif(i % 10, 'random', 'serious'),
        iif(i % 4 < 2, 'completed', 'pending'), iif(i % 4 = 2, 'not_before', NULL),
        iif(i % 4 = 2, '2100-01-01 00:00:00.000000', NULL), moment, moment, 0, 0, 'c', 0 FROM n
    """,
    """
    INSERT INTO runs (task_id, number, lease_epoch, worker, phase, outcome, backend, model,
        metered_nano, num_turns, duration_ms, duration_api_ms, correlation_id, started_at, ended_at)
    SELECT i, 1, 1, 'w', 'settling', 'completed', 'claude', 'm', 0, 0, 0, 0, 'c', moment, moment
    FROM n WHERE i % 4 < 2
    """,
    CHARGES,
)  # fmt: skip


if __name__ == "__main__":
    main()
