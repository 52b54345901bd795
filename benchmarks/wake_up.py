"""How soon a task that one process adds is claimed by another, and what waiting for it costs.

    python benchmarks/wake_up.py [--full | --smallest] [--json]

From the call of add_task, so both commits are in it. First with nothing but the wake-up and the
claim in the other process; then with the real daemon, whose slots are free, until it writes down
the start of the run (runs.started_at) and until it says so (run.started, to the millisecond).
Targets: 10 ms by the median, 50 ms at worst; idle, the daemon takes 0.5 % of one core.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from datetime import datetime
from multiprocessing.connection import Connection

import psutil

from bench.place import file_of, fresh_database
from bench.rehearsal import CHORE, Daemon, daemon
from bench.report import Figure, median, options, percentile, quiet, report
from core.admission import Admitted
from core.database import Database
from core.scheduler import SmartScheduler
from core.task_queue import TaskQueue
from core.wakeup import DatagramListener

PEER_MEDIAN, PEER_WORST = "2,200-4,600 ms", "7,000 ms"


def main() -> None:
    asked = options(__doc__, "200 runs of the daemon instead of 6, a minute idle").parse_args()
    bare, runs, idle = (3, 0, 0.1) if asked.smallest else (200, 6, 6.0)
    if asked.full:
        runs, idle = 200, 60.0
    quiet()
    report([*of_a_bare_process(bare), *of_the_daemon(runs, idle)], as_json=asked.json)


def of_a_bare_process(samples: int) -> Iterator[Figure]:
    with fresh_database() as database:
        here, there = multiprocessing.get_context("spawn").Pipe()
        address = database.url.render_as_string()
        claimer = multiprocessing.get_context("spawn").Process(
            target=claim_all, args=(address, there)
        )
        claimer.start()
        assert here.recv() == "ready"
        queue = TaskQueue(database)
        taken = [wake(queue, here) for _ in range(samples + 1)][1:]
        here.send("stop")
        claimer.join()
    yield from latency(f"add_task → claimed by another process ({samples})", taken)


def wake(queue: TaskQueue, claimer: Connection) -> float:
    """Milliseconds until the other process has claimed; the monotonic clock is one for both."""
    called = time.monotonic()
    queue.add_task("Water the plants")
    return float((claimer.recv() - called) * 1000)


def claim_all(address: str, asker: Connection) -> None:
    """The other process: sleeps in its event loop, claims when it is woken."""
    quiet()
    asyncio.run(_claim_until_told(address, asker))


async def _claim_until_told(address: str, asker: Connection) -> None:
    awake, over = asyncio.Event(), asyncio.Event()

    def stop() -> None:
        over.set()
        awake.set()

    asyncio.get_running_loop().add_reader(asker.fileno(), stop)
    with Database(address) as database:
        scheduler = SmartScheduler(
            TaskQueue(database), daily_budget_usd=1e6, night_quota_percent=50
        )
        listener = DatagramListener(file_of(database), awake.set)
        await listener.start()
        asker.send("ready")
        while not over.is_set():
            await awake.wait()
            awake.clear()
            if isinstance(await asyncio.to_thread(scheduler.admit_next), Admitted):
                asker.send(time.monotonic())
        await listener.stop()


def of_the_daemon(samples: int, idle_seconds: float) -> Iterator[Figure]:
    with daemon() as running:
        first = start_one(running)  # warms up and is not counted, if there are more
        taken = [start_one(running) for _ in range(samples)] or [first]
        share = idle(running, idle_seconds)
    written, said = zip(*taken, strict=True)
    yield from latency(f"add_task → runs.started_at in the daemon ({len(taken)})", written)
    yield from latency("add_task → run.started said by the daemon", said)
    yield Figure(f"idle daemon over {idle_seconds:g} s", share, "% core", 0.5)


def start_one(running: Daemon) -> tuple[float, float]:
    """Milliseconds until a run's start was written down, and until it was said."""
    called = time.time()
    task = running.queue.add_task(CHORE)
    said = datetime.fromisoformat(running.said("run.started", task_id=task.id)["timestamp"])
    running.said("run.finished", task_id=task.id)
    run = running.queue.runs_of(task.id)[0]
    return (run.started_at.timestamp() - called) * 1000, (said.timestamp() - called) * 1000


def idle(running: Daemon, seconds: float) -> float:
    """Percent of a core that the daemon takes while there is nothing to do."""
    process = psutil.Process(running.process.pid)
    before = sum(process.cpu_times()[:2])
    started = time.monotonic()
    time.sleep(seconds)
    return 100 * (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - started)


def latency(what: str, taken: list[float] | tuple[float, ...]) -> Iterator[Figure]:
    yield Figure(f"{what}: median", median(taken), "ms", 10, peer=PEER_MEDIAN)
    yield Figure(f"{what}: p99", percentile(taken, 99), "ms")
    yield Figure(f"{what}: worst", max(taken), "ms", 50, peer=PEER_WORST)


if __name__ == "__main__":
    main()
