"""What a run writes about itself, off the event loop and behind the fence of its lease."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select

from core import charges, credit_windows, instructions, leases, settlement
from core.budget import BudgetManager
from core.charges import Charge, Usage
from core.clock import Clock
from core.database import Database
from core.leases import Claim
from core.models import Hold, Project, Run, RunPhase, Task, UsageMetric
from core.money import Nano
from core.scheduler import announce_charge
from core.settlement import Settled, Settlement
from core.states import Patience

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Store:
    """What every run of a daemon shares."""

    database: Database
    budget: BudgetManager
    patience: Patience
    clock: Clock


def facts_of(task: Task, run_id: int) -> dict[str, Any]:
    """What every log line about a run carries."""
    return {
        "task_id": task.id,
        "run_id": run_id,
        "project_id": task.project_id,
        "correlation_id": task.correlation_id,
    }


def storable(value: Any) -> Any:
    """Text as any database keeps it: what a model or a program said may hold NUL or half a
    character.
    """
    if not isinstance(value, str):
        return value
    return value.replace("\x00", "").encode(errors="replace").decode()


class RunRecord:
    """Every method that writes raises LeaseLost once the run belongs to somebody else."""

    def __init__(self, store: Store, claim: Claim) -> None:
        self.store = store
        self.claim = claim

    async def read(self) -> tuple[Task, Run]:
        return await asyncio.to_thread(self._read)

    async def enter(self, phase: RunPhase, **facts: Any) -> None:
        """Say what comes next before it begins, so that a crash tells how far the run was."""
        await self.note(phase=phase, **facts)
        log.debug("run.phase_entered", phase=phase.value)

    async def note(self, **facts: Any) -> None:
        await asyncio.to_thread(self._note, facts)

    async def grow_hold(self, target: Nano) -> Nano:
        """Ask for more money; answers what the run holds now."""
        return await asyncio.to_thread(self.store.budget.grow, self.claim.run_id, target)

    async def correct_credit_window(self, backend: str, resets_at: datetime) -> None:
        """The provider has said when its usage window ends."""
        await asyncio.to_thread(self._correct_credit_window, backend, resets_at)

    async def held(self) -> Nano:
        return await asyncio.to_thread(self._held)

    async def session_total(self, session_id: str) -> Nano:
        """What a conversation had cost when its last run was charged."""
        return await asyncio.to_thread(self._session_total, session_id)

    async def project_session(self, project_id: str) -> str | None:
        return await asyncio.to_thread(self._project_session, project_id)

    async def instructions_waiting(self) -> int:
        return await asyncio.to_thread(self._instructions_waiting)

    async def take_instructions(self) -> Sequence[str]:
        """What was said to the task and given to no agent yet; now this run's is told."""
        fresh, _ = await asyncio.to_thread(self._take_instructions)
        return fresh

    async def all_instructions(self) -> Sequence[str]:
        """All that was ever said to the task: an earlier run may have died before it listened."""
        _, ever = await asyncio.to_thread(self._take_instructions)
        return ever

    async def quote(self, usage: Usage) -> Charge:
        """What settling would charge now."""
        return await asyncio.to_thread(self._quote, usage)

    async def settle(self, how: Settlement) -> Settled:
        """Shielded: once begun, the record of a result is written whatever happens around it."""
        return await asyncio.shield(asyncio.to_thread(self._settle, how))

    # --- in a thread -------------------------------------------------------------------------

    def _read(self) -> tuple[Task, Run]:
        with self.store.database.read() as session:
            run = session.scalars(select(Run).where(Run.id == self.claim.run_id)).one()
            return session.scalars(select(Task).where(Task.id == run.task_id)).one(), run

    def _note(self, facts: dict[str, Any]) -> None:
        with self.store.database.write() as connection:
            kept = {name: storable(fact) for name, fact in facts.items()}
            leases.advance(connection, self.claim, **kept)

    def _correct_credit_window(self, backend: str, resets_at: datetime) -> None:
        now = self.store.clock.now()
        with self.store.database.write() as connection:
            credit_windows.correct_end(connection, backend, resets_at, now)

    def _held(self) -> Nano:
        with self.store.database.read() as session:
            amount = session.scalar(
                select(Hold.amount_nano).where(Hold.run_id == self.claim.run_id)
            )
            return Nano(amount or 0)

    def _session_total(self, session_id: str) -> Nano:
        with self.store.database.read() as session:
            total = session.scalar(
                select(UsageMetric.session_total_nano)
                .where(UsageMetric.session_id == session_id)
                .order_by(UsageMetric.id.desc())
                .limit(1)
            )
            return Nano(total or 0)

    def _project_session(self, project_id: str) -> str | None:
        with self.store.database.read() as session:
            return session.scalar(select(Project.session_id).where(Project.id == project_id))

    def _instructions_waiting(self) -> int:
        with self.store.database.read() as session:
            return instructions.waiting(session, self.claim.task_id)

    def _take_instructions(self) -> tuple[Sequence[str], Sequence[str]]:
        claim, now = self.claim, self.store.clock.now()
        with self.store.database.write() as connection:
            fresh = instructions.give(connection, claim.task_id, claim.run_id, now)
            return fresh, instructions.said_to(connection, claim.task_id)

    def _quote(self, usage: Usage) -> Charge:
        held = self._held()
        with self.store.database.read() as session:
            return charges.price(session, usage, held)

    def _settle(self, how: Settlement) -> Settled:
        how = replace(how, error_message=storable(how.error_message))
        with self.store.database.write(wakes=True) as connection:
            now = self.store.clock.now()
            settled = settlement.settle(connection, self.claim, how, self.store.patience, now)
        announce_charge(self.claim.task_id, settled.charge, how.usage)
        return settled
