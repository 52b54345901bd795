"""Many at once: exactly what fits is admitted, nothing twice, nothing lost."""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text

from conftest import StoppedClock
from core.database import Database
from core.models import CreditWindow, Hold, Run, Task, TaskStatus, UsageMetric
from fixtures_heart import World, at, nano
from racer import Haul, add_once, claim_all

ROOT = Path(__file__).parents[2]
#: seconds, on a machine that is busy with everything else
LONGEST_WAIT = 5.0


def race_processes(world: World, count: int, verb: str, argument: str) -> list[Haul]:
    """All are connected before the first one may begin."""
    url = world.database.url.render_as_string(hide_password=False)
    racers = [
        subprocess.Popen(
            [sys.executable, ROOT / "tests" / "racer.py", verb, url, argument, f"racer-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={"PYTHONPATH": str(ROOT)},
        )
        for number in range(count)
    ]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    return [Haul(**json.loads(racer.communicate(timeout=50)[0])) for racer in racers]


def race_threads(world: World, count: int, run: Callable[[int], Haul]) -> list[Haul]:
    barrier = threading.Barrier(count)
    hauls: list[Haul] = []

    def race(number: int) -> None:
        barrier.wait()
        hauls.append(run(number))

    threads = [threading.Thread(target=race, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return hauls


def offer(world: World, tasks: int) -> None:
    sql = (
        "INSERT INTO tasks (description, priority, status, created_at, updated_at, attempt_count,"
        " crash_count, correlation_id, lease_epoch) VALUES"
        " ('x', 'random', 'pending', '2026-03-10', '2026-03-10', 0, 0, 'c', 0)"
    )
    with world.database.write() as connection:
        connection.execute(text(sql), [{}] * tasks)


def expect_exactly(world: World, hauls: list[Haul], admitted: int) -> None:
    claimed = [task for haul in hauls for task in haul.tasks]
    assert Counter(claimed) == dict.fromkeys(range(1, admitted + 1), 1)
    with world.database.read() as session:
        running = Task.status == TaskStatus.IN_PROGRESS
        assert session.scalar(select(func.count()).where(running)) == admitted
        assert session.scalar(select(func.count()).select_from(Run)) == admitted
        assert session.scalar(select(func.sum(Hold.amount_nano))) == admitted * nano("0.50")
        # a counter that everybody reads, raises and writes
        assert session.scalar(select(CreditWindow.tasks_executed)) == admitted


@pytest.mark.parametrize("charged", ["0.00", "0.25", "0.51"])
def test_sixteen_threads_for_the_last_dollar_admit_exactly_what_fits(
    world: World, charged: str
) -> None:
    """A dollar a day; of it something is spent already, by a run long over."""
    with world.database.write() as connection:
        row = {"task_id": 99, "total_cost_usd": f"{charged}0000000", "created_at": at("09:00")}
        connection.execute(insert(UsageMetric), row | {"cost_nano": nano(charged)})
    offer(world, 16)

    hauls = race_threads(
        world, 16, lambda number: claim_all(world.database, 10.0, f"thread-{number}")
    )

    expected = {"0.00": 2, "0.25": 1, "0.51": 0}[charged]
    assert sum(len(haul.tasks) for haul in hauls) == expected
    assert {haul.last_answer for haul in hauls} == {"refused"}
    assert world.standing().headroom == nano("1.00") - nano(charged) - expected * nano("0.50")


def test_four_processes_for_the_last_dollar_admit_exactly_what_fits(world: World) -> None:
    offer(world, 16)

    hauls = race_processes(world, 4, "claim", "10.0")

    expect_exactly(world, hauls, 2)
    assert {haul.last_answer for haul in hauls} == {"refused"}


def test_four_processes_claim_a_thousand_tasks_once_each(
    sqlite_world: World, record_property: Callable[[str, object], None]
) -> None:
    world = sqlite_world
    offer(world, 1000)

    hauls = race_processes(world, 4, "claim", "100000.0")

    expect_exactly(world, hauls, 1000)
    with world.database.read() as session:
        assert session.scalar(select(func.max(Task.lease_epoch))) == 1
    longest = max(haul.longest_wait for haul in hauls)
    record_property("longest_wait_for_the_lock_ms", round(longest * 1000, 1))
    record_property("claims_of_each", [len(haul.tasks) for haul in hauls])
    assert longest < LONGEST_WAIT
    # nobody starves; the measured share of the worst is nine tenths of what is fair
    assert min(len(haul.tasks) for haul in hauls) > 0


def test_the_same_key_from_eight_processes_is_one_task(sqlite_world: World) -> None:
    hauls = race_processes(sqlite_world, 8, "add", "slack-1")

    assert [haul.tasks for haul in hauls] == [[1]] * 8
    assert sqlite_world.queue.list_tasks().total == 1


def test_the_same_key_from_sixteen_threads_is_one_task(world: World) -> None:
    hauls = race_threads(world, 16, lambda _: add_once(world.database, "slack-1"))

    assert [haul.tasks for haul in hauls] == [[1]] * 16
    assert world.queue.list_tasks().total == 1


def test_two_connections_see_each_other_at_once(sqlite_world: World, clock: StoppedClock) -> None:
    """Nothing about money or turns is kept in a process: a second connection knows it all."""
    url = sqlite_world.database.url.render_as_string()
    with Database(url) as other_database:
        other = World(other_database, clock)
        sqlite_world.add()
        other.start()

        assert sqlite_world.open_holds() == [nano("0.50")]
        assert sqlite_world.standing() == other.standing()
