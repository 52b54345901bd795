"""What a dead daemon left behind, state by state, on a real database and a real tree."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.charges import Usage
from core.models import CostSource, RunOutcome, RunPhase, Task, TaskStatus
from core.settlement import Settlement
from execution.assignment import Crew
from execution.lifeline import Rescue, rescue
from execution.strays import MARKER, marker
from fixtures_heart import WORKER, World, nano
from fixtures_run import ScriptedBackend, crew_of, record_of, store_of

NEXT = replace(WORKER, name="here:2:two")


@pytest.fixture
def crew(tmp_path: Path) -> Crew:
    return crew_of(ScriptedBackend([]), tmp_path / "workspace")


async def cut_off(world: World, phase: RunPhase, **facts: Any) -> Task:
    """A run of project app that got that far, and no further."""
    task = world.add("Make it", project="app")
    record = record_of(world, world.start())
    if phase is not RunPhase.CLAIMED:
        await record.enter(phase, **facts)
    return world.queue.get_task(task.id)


async def rescued(world: World, crew: Crew) -> Rescue:
    return await rescue(store_of(world), crew, NEXT)


@pytest.mark.parametrize("phase", [RunPhase.CLAIMED, RunPhase.PREPARING])
async def test_a_run_that_had_not_begun_costs_nothing_and_waits_again(
    sqlite_world: World, crew: Crew, phase: RunPhase
) -> None:
    task = await cut_off(sqlite_world, phase)
    found = await rescued(sqlite_world, crew)
    assert (found.settled, list(found.to_take_up)) == (1, [])
    (run,) = sqlite_world.queue.runs_of(task.id)
    assert run.outcome is RunOutcome.CRASHED
    assert f"while {phase.value}; no work had begun" in (run.error_message or "")
    assert sqlite_world.queue.get_task(task.id).status is TaskStatus.PENDING
    assert (sqlite_world.charged(), sqlite_world.open_holds()) == (0, [])


async def test_a_run_cut_off_in_its_work_keeps_what_is_there_and_is_charged_its_meter(
    sqlite_world: World, crew: Crew
) -> None:
    workspace = crew.workspaces.open(1, "app")
    start = workspace.begin(1, "Make it")
    (workspace.path / "half.txt").write_text("half\n")
    facts = {"branch": start.branch, "workspace_path": str(workspace.path), "session_id": "s"}
    task = await cut_off(sqlite_world, RunPhase.WORKING, pid=1, metered_nano=nano("0.07"), **facts)
    await rescued(sqlite_world, crew)
    assert sqlite_world.charged() == nano("0.07")
    assert sqlite_world.queue.get_task(task.id).session_id == "s"
    assert "half.txt" in workspace.git.run("ls-tree", "--name-only", start.branch).text
    assert workspace.git.head() == "main"
    assert not (workspace.path / "half.txt").exists()


async def test_an_agent_that_had_started_and_told_nothing_is_charged_its_hold(
    sqlite_world: World, crew: Crew
) -> None:
    await cut_off(sqlite_world, RunPhase.WORKING, pid=1)
    await rescued(sqlite_world, crew)
    assert sqlite_world.charged() == nano("0.50")
    (event,) = sqlite_world.events("run.settled")
    assert event.payload["outcome"] == "crashed"


@pytest.mark.parametrize("phase", [RunPhase.VERIFYING, RunPhase.LANDING, RunPhase.SETTLING])
async def test_a_run_whose_work_was_done_is_adopted_and_not_settled(
    sqlite_world: World, crew: Crew, phase: RunPhase
) -> None:
    task = await cut_off(sqlite_world, phase, foreseen_outcome=RunOutcome.COMPLETED)
    found = await rescued(sqlite_world, crew)
    (claim,) = found.to_take_up
    assert (claim.task_id, found.settled) == (task.id, 0)
    now = sqlite_world.queue.get_task(task.id)
    assert (now.status, now.lease_owner) == (TaskStatus.IN_PROGRESS, NEXT.name)
    assert now.lease_epoch == task.lease_epoch + 1 == claim.epoch
    assert sqlite_world.charged() == 0


async def test_a_tree_that_resists_is_left_for_the_next_run_and_the_charge_is_made(
    sqlite_world: World, crew: Crew
) -> None:
    workspace = crew.workspaces.open(1, "app")
    facts = {"branch": "task/1-make-it", "workspace_path": str(workspace.path)}
    task = await cut_off(sqlite_world, RunPhase.WORKING, metered_nano=nano("0.07"), pid=1, **facts)
    with workspace.occupied():
        await rescued(sqlite_world, crew)
    assert sqlite_world.charged() == nano("0.07")
    (run,) = sqlite_world.queue.runs_of(task.id)
    assert "still in the workspace" in (run.error_message or "")


async def test_a_second_rescue_finds_nothing(sqlite_world: World, crew: Crew) -> None:
    await cut_off(sqlite_world, RunPhase.WORKING, pid=1)
    await rescued(sqlite_world, crew)
    assert await rescued(sqlite_world, crew) == Rescue([], 0, 0)


async def test_the_dead_daemon_come_back_to_life_can_write_nothing(
    sqlite_world: World, crew: Crew
) -> None:
    task = await cut_off(sqlite_world, RunPhase.LANDING)
    (run,) = sqlite_world.queue.runs_of(task.id)
    zombie = record_of(sqlite_world, sqlite_world.claim_of(run.id))
    (claim,) = (await rescued(sqlite_world, crew)).to_take_up
    with pytest.raises(Exception, match="belongs to somebody else"):
        await zombie.note(output="mine")
    how = Settlement(RunOutcome.COMPLETED, Usage(session_total_usd="0.10"))
    settled = await record_of(sqlite_world, claim).settle(how)
    assert settled.charge.source is CostSource.REPORTED


@pytest.fixture
def stray(crew: Crew) -> Iterator[subprocess.Popen[bytes]]:
    environ = {**os.environ, MARKER: marker(7, crew.instance)}
    command = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


async def test_processes_of_a_dead_run_are_ended_first(
    sqlite_world: World, crew: Crew, stray: subprocess.Popen[bytes]
) -> None:
    found = await rescued(sqlite_world, crew)
    assert found.killed == 1
    assert stray.wait(timeout=10) == -9
