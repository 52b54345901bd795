"""Rescues what a dead daemon left behind: its processes, its charges, its work.

A run that was cut off before or during its work is charged what is known, keeps its work on its
branch and waits in the queue with its conversation; one that was cut off after it is taken up by
this daemon where it stood. Nobody's age decides: a run is an orphan because its owner is gone.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from core import leases
from core.admission import Worker
from core.errors import SleeplessError
from core.leases import Claim
from core.models import Run, RunOutcome, RunPhase
from core.settlement import Settlement
from execution.assignment import Crew
from execution.record import RunRecord, Store, facts_of
from execution.result import announce_end, usage_so_far
from execution.strays import kill_strays

log = structlog.get_logger(__name__)

#: the work is done and paid for; what is left is ours to do
_AFTER_WORK = frozenset({RunPhase.VERIFYING, RunPhase.LANDING, RunPhase.SETTLING})


@dataclass(frozen=True, slots=True)
class Rescue:
    """What was found at start."""

    #: to be taken up where they stood, already under our lease
    to_take_up: Sequence[Claim]
    settled: int
    killed: int


async def rescue(store: Store, crew: Crew, worker: Worker) -> Rescue:
    """Call before anything is claimed."""
    killed = await asyncio.to_thread(kill_strays, crew.instance)
    orphans = await asyncio.to_thread(_orphans, store, worker)
    to_take_up = []
    for run in orphans:
        claim = await asyncio.to_thread(_adopt, store, run, worker)
        if run.phase in _AFTER_WORK:
            to_take_up.append(claim)
        else:
            await _settle(store, crew, run, claim)
    found = Rescue(to_take_up, len(orphans) - len(to_take_up), len(killed))
    if orphans or killed:
        log.warning(
            "orphans.rescued",
            settled=found.settled,
            taken_up=len(to_take_up),
            killed_processes=found.killed,
        )
    return found


def _orphans(store: Store, worker: Worker) -> Sequence[Run]:
    """Where this daemon owns the database alone, every open run not its own is an orphan."""
    lapsed_before = None if store.database.is_sqlite else store.clock.now()
    with store.database.write() as connection:
        return leases.orphans(connection, worker.name, lapsed_before)


def _adopt(store: Store, run: Run, worker: Worker) -> Claim:
    with store.database.write() as connection:
        return leases.adopt(connection, run, worker.name, worker.lease, store.clock.now())


async def _settle(store: Store, crew: Crew, run: Run, claim: Claim) -> None:
    record = RunRecord(store, claim)
    task, _ = await record.read()
    with structlog.contextvars.bound_contextvars(**facts_of(task, run.id)):
        kept = await asyncio.to_thread(_keep_work, crew, run)
        usage, problem = usage_so_far(run), f"The daemon died while {run.phase.value}; {kept}."
        settled = await record.settle(
            Settlement(
                outcome=RunOutcome.CRASHED,
                usage=usage,
                error_class=RunOutcome.CRASHED.value,
                error_message=problem,
                session_id=run.session_id,
            )
        )
        announce_end(RunOutcome.CRASHED, usage, settled, error=problem)


def _keep_work(crew: Crew, run: Run) -> str:
    """Commit what the agent left on the run's branch; a tree that resists is left as it is, for
    the next run to find.
    """
    if run.workspace_path is None:
        return "no work had begun"
    try:
        workspace = crew.workspaces.open(run.task_id, run.project_id)
        with workspace.occupied():
            workspace.leave()
    except SleeplessError as error:
        log.warning("work.left_in_place", run_id=run.id, problem=str(error))
        return "its work is still in the workspace"
    return f"its work is kept on {run.branch}"
