"""How fast tasks are queued, each one durable, as a share of what sqlite3 alone can do.

    python benchmarks/queue_rates.py [--full | --smallest] [--json]

The bare writer puts the very same two rows, task and event, with values worked out beforehand,
into the same file in one BEGIN IMMEDIATE transaction at the same durability. Rounds of both take
turns, so that a busy machine slows both; the ratio is the figure that travels.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from bench.place import bare_connection, fresh_database
from bench.report import Figure, median, options, quiet, report
from core.database import Database
from core.task_queue import TaskQueue, Wishes


def main() -> None:
    asked = options(__doc__, "15 rounds of 1,000 tasks instead of 9 of 300").parse_args()
    rounds, tasks = (15, 1000) if asked.full else (1, 20) if asked.smallest else (9, 300)
    quiet()
    with fresh_database() as database:
        report(figures(database, rounds, tasks), as_json=asked.json)


def figures(database: Database, rounds: int, tasks: int) -> Iterator[Figure]:
    queue = TaskQueue(database)
    with closing(bare_connection(database)) as connection:
        writer = bare_writer(connection, queue)
        ways: dict[str, Callable[[], object]] = {
            "bare sqlite3": writer,
            "add_task": lambda: queue.add_task("Water the plants"),
            "add_task with a key": keyed(queue),
            "add_task in a project": lambda: queue.add_task("Water the plants", project_id="home"),
        }
        rates = take_turns(ways, rounds, tasks)
    bare = rates.pop("bare sqlite3")
    yield Figure("bare sqlite3, the same rows", median(bare), "/s")
    for name, found in rates.items():
        peer = "744/s" if name == "add_task" else ""
        yield Figure(name, median(found), "/s", peer=peer)
    shares = [ours / alone for ours, alone in zip(rates["add_task"], bare, strict=True)]
    yield Figure("add_task as a share of bare sqlite3", median(shares), "", at_least=0.5)


def take_turns(
    ways: dict[str, Callable[[], object]], rounds: int, calls: int
) -> dict[str, list[float]]:
    """Calls a second of each way, round by round; the first round warms up and is not counted."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, call in ways.items():
            started = time.perf_counter()
            for _ in range(calls):
                call()
            rates[name].append(calls / (time.perf_counter() - started))
    return {name: found[1:] for name, found in rates.items()}


def keyed(queue: TaskQueue) -> Callable[[], object]:
    numbers = iter(range(10**9))
    return lambda: queue.add_task(
        "Water the plants", wishes=Wishes(idempotency_key=f"key-{next(numbers)}")
    )


def bare_writer(connection: sqlite3.Connection, queue: TaskQueue) -> Callable[[], None]:
    """Writes again and again what add_task wrote once."""
    example = queue.add_task("Water the plants").id
    task_sql, task = again(connection, "tasks", "id", f"id = {example}")
    event_sql, event = again(connection, "events", "seq", f"task_id = {example}")
    about = [name for (name,) in connection.execute(_COLUMNS, ("events", "seq"))].index("task_id")
    before, after = event[:about], event[about + 1 :]

    def write() -> None:
        connection.execute("BEGIN IMMEDIATE")
        number = connection.execute(task_sql, task).lastrowid
        connection.execute(event_sql, (*before, number, *after))
        connection.execute("COMMIT")

    return write


_COLUMNS = "SELECT name FROM pragma_table_info(?) WHERE name <> ? ORDER BY cid"


def again(
    connection: sqlite3.Connection, table: str, key: str, which: str
) -> tuple[str, tuple[Any, ...]]:
    """The INSERT that writes a row once more under a new number, and its values."""
    names = [name for (name,) in connection.execute(_COLUMNS, (table, key))]
    columns, marks = ", ".join(names), ", ".join("?" * len(names))
    row = connection.execute(f"SELECT {columns} FROM {table} WHERE {which}").fetchone()  # noqa: S608 - our own names
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(row)  # noqa: S608 - our own names


if __name__ == "__main__":
    main()
