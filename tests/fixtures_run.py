"""Runs without an agent program: a backend that plays legs by the script, real for all above it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from core.charges import ModelUsage
from core.leases import Claim
from core.money import Nano, to_nano
from core.settings import Settings
from execution.agent import (
    AgentEvent,
    AgentOutcome,
    CallMetered,
    Ending,
    Started,
    Terms,
    Watch,
)
from execution.assignment import Crew
from execution.record import RunRecord, Store
from execution.workspaces import Workspaces
from fixtures_heart import World

MODEL = "claude-sonnet-5-5"
STARTED = Started("session-1", 4711, 1.0)

Leg = Callable[[Terms, Watch], Awaitable[AgentOutcome]]


@dataclass
class ScriptedBackend:
    """Answers each start with the next leg, and remembers what it was given."""

    legs: list[Leg]
    name: str = "claude"
    terms: list[Terms] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    async def execute_task(
        self,
        task_id: int,  # noqa: ARG002 - the protocol's
        description: str,
        project_id: str | None = None,  # noqa: ARG002 - same
        project_name: str | None = None,  # noqa: ARG002 - same
        *,
        terms: Terms,
        watch: Watch,
    ) -> AgentOutcome:
        self.terms.append(terms)
        self.texts.append(description)
        return await self.legs.pop(0)(terms, watch)


def called(*dollars: str) -> list[AgentEvent]:
    """Calls of these prices, one after the other."""
    events: list[AgentEvent] = []
    spent = 0
    for price in dollars:
        spent += to_nano(price)
        events.append(CallMetered(ModelUsage(MODEL, to_nano(price)), Nano(spent)))
    return events


def leg(ending: Ending, *events: AgentEvent, files: str = "", text: str = "Done.") -> Leg:
    """Reports the events until it is told to stop, leaves a file, and ends so."""

    async def play(terms: Terms, watch: Watch) -> AgentOutcome:
        spent = Nano(0)
        for event in events:
            await watch.report(event)
            spent = event.spent if isinstance(event, CallMetered) else spent
            if watch.stop.reason:
                return AgentOutcome(Ending.STOPPED, session_id="session-1", metered=spent)
        if files:
            (terms.cwd / files).write_text("made by a leg\n")
        total = Nano(spent + (terms.session.total_cost if terms.session else 0))
        return AgentOutcome(
            ending,
            text=text,
            session_id="session-1",
            reported_total=total,
            metered=spent,
            num_turns=len(events),
            duration_ms=2000,
        )

    return play


def store_of(world: World) -> Store:
    budget = world.scheduler.budget_manager
    return Store(world.database, budget, world.patience, world.clock)


def record_of(world: World, claim: Claim) -> RunRecord:
    return RunRecord(store_of(world), claim)


def crew_of(backend: ScriptedBackend, root: Path, **sections: object) -> Crew:
    settings = Settings.model_validate({"workspace": {"root": root}, **sections})
    return Crew(settings, Workspaces(root), backend, f"test-{root.parent.name}")


def terms_for(place: Path) -> Terms:
    return Terms(
        cwd=place,
        session_dir=place,
        model=MODEL,
        max_cost=Nano(0),
        max_turns=50,
        timeout_seconds=60,
        idle_seconds=30,
        brief="the brief",
        run_id=1,
    )
