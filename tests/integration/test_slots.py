"""Runs side by side: each one looked after to its end, none of them in another's way."""

import asyncio
from pathlib import Path

from core.models import RunOutcome, TaskStatus
from execution.agent import AgentOutcome, Ending, StopReason, Terms, Watch
from execution.slots import Slots
from fixtures_heart import World
from fixtures_run import STARTED, Leg, ScriptedBackend, crew_of, leg, store_of


class Floor:
    def __init__(self, world: World, place: Path, *legs: Leg) -> None:
        self.world = world
        self.freed = 0
        self.crew = crew_of(ScriptedBackend(list(legs)), place / "workspace")
        self.slots = Slots(store_of(world), self.crew, self._free)

    def _free(self) -> None:
        self.freed += 1

    def outcomes(self, task_id: int) -> list[RunOutcome | None]:
        return [run.outcome for run in self.world.queue.runs_of(task_id)]


async def until_stopped(terms: Terms, watch: Watch) -> AgentOutcome:
    await watch.stop.asked()
    return AgentOutcome(Ending.STOPPED)


async def explodes(terms: Terms, watch: Watch) -> AgentOutcome:
    await watch.report(STARTED)
    raise ZeroDivisionError("nobody foresaw this")


async def test_the_slot_is_taken_by_the_call_and_free_after_the_end(
    sqlite_world: World, tmp_path: Path
) -> None:
    floor = Floor(sqlite_world, tmp_path, leg(Ending.FINISHED, STARTED))
    task_id = sqlite_world.add().id
    claim = sqlite_world.start()
    work = floor.slots.execute(claim)
    assert (floor.slots.busy, floor.slots.claims) == (1, frozenset({claim}))
    await work
    assert (floor.slots.busy, floor.freed) == (0, 1)
    assert floor.outcomes(task_id) == [RunOutcome.COMPLETED]


async def test_a_run_that_blows_up_hurts_nobody_else(sqlite_world: World, tmp_path: Path) -> None:
    floor = Floor(sqlite_world, tmp_path, explodes)
    task_id = sqlite_world.add().id
    await floor.slots.execute(sqlite_world.start())
    assert floor.outcomes(task_id) == [RunOutcome.CRASHED]
    assert sqlite_world.queue.get_task(task_id).status is TaskStatus.PENDING
    assert floor.slots.busy == 0


async def test_one_task_is_stopped_and_the_others_work_on(
    sqlite_world: World, tmp_path: Path
) -> None:
    floor = Floor(sqlite_world, tmp_path, until_stopped, until_stopped)
    first, second = sqlite_world.add().id, sqlite_world.add().id
    async with asyncio.TaskGroup() as group:
        ends = group.create_task(floor.slots.execute(sqlite_world.start()))
        group.create_task(floor.slots.execute(sqlite_world.start()))
        floor.slots.stop(first, StopReason.CANCELLED)
        await ends
        assert floor.slots.busy == 1
        floor.slots.drain()
    assert floor.outcomes(first) == [RunOutcome.CANCELLED]
    assert floor.outcomes(second) == [RunOutcome.DRAINED]


async def test_what_comes_after_a_drain_is_stopped_before_it_starts(
    sqlite_world: World, tmp_path: Path
) -> None:
    floor = Floor(sqlite_world, tmp_path, until_stopped)
    floor.slots.drain()
    task_id = sqlite_world.add().id
    await floor.slots.execute(sqlite_world.start())
    assert floor.outcomes(task_id) == [RunOutcome.DRAINED]
    assert sqlite_world.charged() == 0


async def test_a_claim_made_after_the_leases_were_asked_for_is_not_taken_for_lost(
    sqlite_world: World, tmp_path: Path
) -> None:
    floor = Floor(sqlite_world, tmp_path, until_stopped, until_stopped)
    lost, fresh = sqlite_world.add().id, sqlite_world.add().id
    first = sqlite_world.start()
    async with asyncio.TaskGroup() as group:
        group.create_task(floor.slots.execute(first))
        asked_for = floor.slots.claims
        sqlite_world.finish(first, 0)
        group.create_task(floor.slots.execute(sqlite_world.start()))
        floor.slots.stop_lost(asked_for, frozenset())
        floor.slots.stop(fresh, StopReason.CANCELLED)
    assert floor.outcomes(lost) == [RunOutcome.COMPLETED]
    assert floor.outcomes(fresh) == [RunOutcome.CANCELLED]
