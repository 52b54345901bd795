"""One of several processes that race for the same database; `test_claim_race` starts them.

Says `ready` on its standard output, waits for a line on its standard input, races, and tells what
it got as one line of JSON.
"""

import json
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from core import admission
from core.admission import Admitted, NothingRunnable, Worker
from core.database import Database
from core.policy import BudgetPolicy
from core.task_queue import TaskQueue, Wishes


@dataclass
class Haul:
    tasks: list[int] = field(default_factory=list)
    #: why it stopped
    last_answer: str = ""
    #: the longest time between asking for a transaction and having it, seconds
    longest_wait: float = 0.0


class NoonClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def claim_all(database: Database, daily_usd: float, name: str) -> Haul:
    """Claim until there is nothing more to claim or no money for it."""
    policy = BudgetPolicy.from_dollars(daily_usd, 90.0, (20, 8))
    worker = Worker(name, timedelta(seconds=60), "claude", "sonnet")
    haul = Haul()
    while True:
        asked = time.monotonic()
        with database.write() as connection:
            haul.longest_wait = max(haul.longest_wait, time.monotonic() - asked)
            answer = admission.admit_next(connection, policy, worker, NoonClock().now())
        match answer:
            case Admitted(task_id):
                haul.tasks.append(task_id)
            case NothingRunnable():
                # the lines of projects move on only when runs end, so this is the end
                haul.last_answer = "nothing runnable"
                return haul
            case _:
                haul.last_answer = "refused"
                return haul


def add_once(database: Database, key: str) -> Haul:
    queue = TaskQueue(database, NoonClock())
    return Haul([queue.add_task(f"once, {key}", wishes=Wishes(idempotency_key=key)).id])


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    verb, url, argument, name = sys.argv[1:]
    with Database(url) as database:
        with database.read() as session:
            session.connection()
        print("ready", flush=True)  # noqa: T201 - the protocol
        sys.stdin.readline()
        if verb == "add":
            haul = add_once(database, argument)
        else:
            haul = claim_all(database, float(argument), name)
    print(json.dumps(vars(haul)))  # noqa: T201 - the protocol


if __name__ == "__main__":
    main()
