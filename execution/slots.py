"""The daemon's slots: as many runs at once as configured, each one looked after to its end."""

from collections.abc import Awaitable, Callable, Coroutine
from collections.abc import Set as AbstractSet
from typing import Any

import structlog

from core.errors import LeaseLost
from core.leases import Claim
from core.settlement import Settled
from execution.agent import StopReason, StopSignal
from execution.assignment import Crew
from execution.record import RunRecord, Store
from execution.run import RunInProgress

log = structlog.get_logger(__name__)


class Slots:
    """Runs live in the owner's task group; a run's own failure never reaches it."""

    def __init__(self, store: Store, crew: Crew, on_free: Callable[[], None]) -> None:
        self._store = store
        self._crew = crew
        self._on_free = on_free
        self._stops: dict[Claim, StopSignal] = {}
        self._draining = False

    @property
    def busy(self) -> int:
        return len(self._stops)

    @property
    def claims(self) -> frozenset[Claim]:
        return frozenset(self._stops)

    def execute(self, claim: Claim) -> Coroutine[Any, Any, None]:
        """A newly claimed run, the whole way. The slot is taken by the call, not by the await."""
        return self._look_after(claim, self._take(claim), lambda run: run.go())

    def take_up(self, claim: Claim) -> Coroutine[Any, Any, None]:
        """A run whose work was done when its daemon died."""
        return self._look_after(claim, self._take(claim), lambda run: run.take_up())

    def stop(self, task_id: int, reason: StopReason) -> None:
        for claim, signal in self._stops.items():
            if claim.task_id == task_id:
                signal.ask(reason)

    def drain(self) -> None:
        """Stop all there are and all that are yet to come."""
        self._draining = True
        for signal in self._stops.values():
            signal.ask(StopReason.DRAIN)

    def stop_lost(self, asked_for: AbstractSet[Claim], held: AbstractSet[tuple[int, int]]) -> None:
        """Stop what the database says is somebody else's by now: `held` are (task, epoch) of ours,
        `asked_for` the claims there were before it was asked. One made since is not in its answer.
        """
        for claim in asked_for & self._stops.keys():
            if (claim.task_id, claim.epoch) not in held:
                self._stops[claim].ask(StopReason.LEASE_LOST)

    def _take(self, claim: Claim) -> StopSignal:
        signal = self._stops[claim] = StopSignal()
        if self._draining:
            signal.ask(StopReason.DRAIN)
        return signal

    async def _look_after(
        self,
        claim: Claim,
        signal: StopSignal,
        way: Callable[[RunInProgress], Awaitable[Settled]],
    ) -> None:
        run = RunInProgress(self._crew, RunRecord(self._store, claim), signal)
        try:
            await self._guarded(run, way)
        finally:
            del self._stops[claim]
            self._on_free()

    @staticmethod
    async def _guarded(
        run: RunInProgress, way: Callable[[RunInProgress], Awaitable[Settled]]
    ) -> None:
        try:
            try:
                await way(run)
            except LeaseLost:
                raise
            except Exception as error:
                log.exception("run.failed_unforeseen", error=str(error))
                await run.give_up(error)
        except LeaseLost as lost:
            log.warning("run.lease_lost", problem=str(lost))
