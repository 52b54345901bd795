"""The protocol between a run and an agent program, in words of our own.

A backend starts or resumes a session, reports what it sees while it works, stops when told to,
and answers with one value. Nothing above a backend imports its SDK.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from core.charges import ModelUsage
from core.money import ZERO, Nano


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation that can be resumed, and what it had cost when it was last left."""

    id: str
    #: agents report the total of the whole session; a run is charged the difference to this
    total_cost: Nano


@dataclass(frozen=True, slots=True)
class Terms:
    """Under what conditions an agent works on one task."""

    cwd: Path
    #: where the program keeps its sessions; one folder a project, outside the tree
    session_dir: Path
    model: str
    #: the most this process may spend, from the hold
    max_cost: Nano
    max_turns: int
    #: wall clock for the whole leg
    timeout_seconds: float
    #: longest silence before the program counts as hung
    idle_seconds: float
    #: rules and context appended to the program's own system prompt
    brief: str
    session: Session | None = None
    run_id: int = 0


@dataclass(frozen=True, slots=True)
class Started:
    """The program runs: from now on money may be spent."""

    session_id: str
    pid: int
    pid_started_at: float


@dataclass(frozen=True, slots=True)
class CallBegun:
    """The model answers a call: from now on it is paid, whether or not its end is seen."""

    #: the sum of this leg with what is known of this call: its input
    spent: Nano


@dataclass(frozen=True, slots=True)
class CallMetered:
    """One call to the model is answered; `spent` is the sum of this leg so far."""

    usage: ModelUsage
    spent: Nano


@dataclass(frozen=True, slots=True)
class ToolUsed:
    name: str
    #: one line for people: a path, a command
    target: str


@dataclass(frozen=True, slots=True)
class Said:
    text: str


@dataclass(frozen=True, slots=True)
class LimitReported:
    """The provider's own usage window, from its rate-limit events."""

    #: five_hour, seven_day …
    window: str
    status: str
    resets_at: datetime | None
    utilization: float | None


AgentEvent = Started | CallBegun | CallMetered | ToolUsed | Said | LimitReported


class StopReason(StrEnum):
    CANCELLED = "cancelled"  # a person asked
    DRAIN = "drain"  # the daemon shuts down
    BUDGET = "budget"  # the hold cannot grow
    LEASE_LOST = "lease_lost"  # somebody else owns the task


class StopSignal:
    """Asks a working agent to stop at its next turn; the first reason given stays."""

    def __init__(self) -> None:
        self.reason: StopReason | None = None
        self._asked = asyncio.Event()

    def ask(self, reason: StopReason) -> None:
        if self.reason is None:
            self.reason = reason
            self._asked.set()

    async def asked(self) -> StopReason:
        await self._asked.wait()
        assert self.reason is not None  # noqa: S101 - set before the event, by ask()
        return self.reason


class Ending(StrEnum):
    """How a leg of work ended, read from the program's own record (never from its words)."""

    FINISHED = "finished"
    STOPPED = "stopped"  # our StopSignal; its reason says why
    MAX_COST = "max_cost"
    MAX_TURNS = "max_turns"
    TIMED_OUT = "timed_out"
    IDLE = "idle"
    LIMIT = "limit"  # the provider's usage limit
    TRANSIENT = "transient"  # overload, lost connection: worth another try
    AUTH = "auth"  # the credentials are refused
    NO_SESSION = "no_session"  # the session to resume is gone
    FAILED = "failed"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class AgentOutcome:
    ending: Ending
    text: str = ""
    session_id: str | None = None
    #: the session's total as reported; None when no result message came
    reported_total: Nano | None = None
    #: the sum of what was metered from the stream during this leg
    metered: Nano = ZERO
    #: per model, as reported for the whole session (cumulative) or metered when nothing came
    models: tuple[ModelUsage, ...] = ()
    num_turns: int = 0
    duration_ms: int = 0
    duration_api_ms: int = 0
    error: str = ""
    resets_at: datetime | None = None
    #: tools the agent asked for and was refused: never fatal, always worth showing
    denials: tuple[str, ...] = ()


Report = Callable[[AgentEvent], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Watch:
    """What the caller wants to hear, and how it stops the work."""

    report: Report
    stop: StopSignal = field(default_factory=StopSignal)


class AgentBackend(Protocol):
    name: str

    async def execute_task(
        self,
        task_id: int,
        description: str,
        project_id: str | None = None,
        project_name: str | None = None,
        *,
        terms: Terms,
        watch: Watch,
    ) -> AgentOutcome:
        """Work on the task until it ends one way or another; answers for all an agent can do wrong.

        Raises UnknownPrice and AgentUnavailable before anything is started. Cancelling the caller
        leaves no process behind.
        """
        ...
