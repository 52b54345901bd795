"""The work step: an agent at a task, for as long as there is money held for it.

The program is started with what the run holds as its cap. Before its next call could pass the hold,
the hold grows; when the program reaches the cap it was started with, it is started again on the
same session with the larger one. When the hold cannot grow the agent is stopped at its turn
(docs/budget.md, rule 5).
"""

from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from core.charges import ModelUsage, Usage
from core.errors import LeaseLost, UnknownPrice
from core.models import RunOutcome, Task
from core.money import ZERO, Nano, shown, usd
from execution import brief, prices
from execution.agent import (
    AgentBackend,
    AgentEvent,
    AgentOutcome,
    CallBegun,
    CallMetered,
    Ending,
    LimitReported,
    Session,
    Started,
    StopReason,
    StopSignal,
    Terms,
    Watch,
)
from execution.record import RunRecord
from execution.run_log import RunLog

log = structlog.get_logger(__name__)

_GO_ON = "Go on where you stopped."

#: what the end of the last leg means for the run, where no stop of ours comes first
_OUTCOMES = {
    Ending.FINISHED: RunOutcome.COMPLETED,
    Ending.MAX_TURNS: RunOutcome.FAILED,
    Ending.TIMED_OUT: RunOutcome.TIMED_OUT,
    Ending.IDLE: RunOutcome.TIMED_OUT,
    Ending.LIMIT: RunOutcome.LIMITED,
    Ending.TRANSIENT: RunOutcome.TRANSIENT,
    Ending.AUTH: RunOutcome.FAILED,
    Ending.NO_SESSION: RunOutcome.FAILED,
    Ending.FAILED: RunOutcome.FAILED,
    Ending.CRASHED: RunOutcome.CRASHED,
}
#: what our own stop means for the run
STOPPED_AS = {
    StopReason.CANCELLED: RunOutcome.CANCELLED,
    StopReason.DRAIN: RunOutcome.DRAINED,
    StopReason.LEASE_LOST: RunOutcome.CANCELLED,  # never written: the fence is before it
}

_WORDS = {
    RunOutcome.CANCELLED: "It was cancelled while it ran; its work is kept on its branch.",
    RunOutcome.DRAINED: "The service was stopped; it goes on at the next start.",
    RunOutcome.OUT_OF_BUDGET: (
        "The budget has no room for its next call; it goes on when there is money."
    ),
}


@dataclass(frozen=True, slots=True)
class Worked:
    """What came of the work, all legs together."""

    outcome: RunOutcome
    usage: Usage
    text: str
    session_id: str | None
    error_class: str | None = None
    error: str | None = None
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What the work may cost, and what to do when the conversation to resume is gone."""

    #: what the task's own cap leaves for this run; None: no cap
    cap: Nano | None
    text_without_session: str
    brief_without_session: str

    def without_session(self, terms: Terms) -> Terms:
        return replace(terms, session=None, brief=self.brief_without_session)


@dataclass(slots=True)
class _Money:
    """What the run holds and has spent; `cap` is what the task's own cap leaves for this run."""

    held: Nano
    cap: Nano | None
    earlier_legs: Nano = ZERO
    this_leg: Nano = ZERO
    #: what the next call will cost, if it is like the last one; zero before the first
    next_call: Nano = ZERO

    @property
    def spent(self) -> Nano:
        return Nano(self.earlier_legs + self.this_leg)

    @property
    def left(self) -> Nano:
        return Nano(max(0, self.held - self.spent))

    @property
    def covers_calls_to_come(self) -> bool:
        """Two: measured, the next call has begun by the time a stop arrives. So the stop is asked
        for while that one still fits.
        """
        return self.spent + 2 * self.next_call <= self.held

    @property
    def target(self) -> Nano:
        """Doubling keeps restarts few; the task's cap is never passed."""
        wish = max(self.spent + 2 * self.next_call, self.held * 2)
        return Nano(wish if self.cap is None else min(wish, self.cap))

    @property
    def limit_met(self) -> RunOutcome:
        at_cap = self.cap is not None and self.held >= self.cap
        return RunOutcome.CAPPED if at_cap else RunOutcome.OUT_OF_BUDGET


class Work:
    """The work of one run."""

    def __init__(
        self, backend: AgentBackend, record: RunRecord, run_log: RunLog, stop: StopSignal
    ) -> None:
        self._backend = backend
        self._record = record
        self._log = run_log
        self._stop = stop
        self._money = _Money(ZERO, None)
        self._legs: list[AgentOutcome] = []
        self._started = False

    async def do(self, task: Task, text: str, terms: Terms, plan: Plan) -> Worked:
        self._money = _Money(await self._record.held(), plan.cap)
        if self._money.held == ZERO:
            return _nothing_left(terms)
        while True:
            leg = await self._leg(task, text, self._rest_of(terms))
            if leg.ending is Ending.NO_SESSION and terms.session:
                log.warning("session.lost", session_id=terms.session.id)
                text, terms = plan.text_without_session, plan.without_session(terms)
            elif leg.ending is Ending.MAX_COST and leg.session_id and await self._can_go_on():
                text, terms = _GO_ON, _in_session_of(leg, terms)
            elif leg.ending is Ending.FINISHED and leg.session_id and await self._is_told_more():
                if not await self._can_afford_more():
                    return self._worked(replace(leg, ending=Ending.MAX_COST), terms)
                said = await self._record.take_instructions()
                text, terms = brief.told_meanwhile(said), _in_session_of(leg, terms)
            else:
                return self._worked(leg, terms)

    def _rest_of(self, terms: Terms) -> Terms:
        """Limits are the run's: what its earlier legs have used up is gone."""
        seconds = sum(leg.duration_ms for leg in self._legs) / 1000
        turns = sum(leg.num_turns for leg in self._legs)
        return replace(
            terms,
            max_cost=self._money.left,
            max_turns=max(1, terms.max_turns - turns),
            timeout_seconds=max(0.0, terms.timeout_seconds - seconds),
        )

    async def _leg(self, task: Task, text: str, terms: Terms) -> AgentOutcome:
        watch = Watch(self._hear, self._stop)
        leg = await self._backend.execute_task(
            task.id, text, task.project_id, task.project_name, terms=terms, watch=watch
        )
        self._money.earlier_legs = Nano(self._money.earlier_legs + leg.metered)
        self._money.this_leg = ZERO
        self._legs.append(leg)
        return leg

    async def _hear(self, event: AgentEvent) -> None:
        self._log.event(event)
        try:
            await self._note(event)
        except LeaseLost:
            self._stop.ask(StopReason.LEASE_LOST)

    async def _note(self, event: AgentEvent) -> None:
        match event:
            case Started():
                self._started = True
                await self._record.note(
                    session_id=event.session_id, pid=event.pid, pid_started_at=event.pid_started_at
                )
            case CallBegun(spent=spent):  # so that a kill in the middle of it is charged
                metered = self._money.earlier_legs + spent
                await self._record.note(metered_nano=metered)
            case CallMetered():
                self._money.this_leg = event.spent
                self._money.next_call = expected_next(event.usage)
                await self._record.note(metered_nano=self._money.spent)
                if not await self._can_afford_more():
                    self._stop.ask(StopReason.BUDGET)
            case LimitReported(window="five_hour", resets_at=datetime() as resets_at):
                await self._record.correct_credit_window(self._backend.name, resets_at)

    async def _can_afford_more(self) -> bool:
        """Grow the hold before calls are paid from it."""
        if not self._money.covers_calls_to_come:
            self._money.held = await self._record.grow_hold(self._money.target)
        return self._money.covers_calls_to_come

    async def _can_go_on(self) -> bool:
        """The program met the cap it was started with: is there money for another leg?"""
        saw_calls = self._money.next_call > ZERO  # else every leg would end like this one
        return self._stop.reason is None and saw_calls and await self._can_afford_more()

    async def _is_told_more(self) -> bool:
        """Has somebody said something to the task while its agent worked?"""
        return self._stop.reason is None and await self._record.instructions_waiting() > 0

    def _worked(self, last: AgentOutcome, terms: Terms) -> Worked:
        outcome = self._outcome_of(last)
        session_id = last.session_id or (terms.session.id if terms.session else None)
        finished = outcome is RunOutcome.COMPLETED
        return Worked(
            outcome=outcome,
            usage=self._usage(last, session_id),
            text=last.text,
            session_id=session_id,
            error_class=None if finished else _error_class(outcome, last),
            error=None if finished else self._explain(outcome, last, terms),
            resets_at=last.resets_at,
        )

    def _outcome_of(self, last: AgentOutcome) -> RunOutcome:
        if last.ending is Ending.MAX_COST:
            return self._money.limit_met
        if last.ending is Ending.STOPPED and self._stop.reason is StopReason.BUDGET:
            return self._money.limit_met
        if last.ending is Ending.STOPPED and self._stop.reason:
            return STOPPED_AS[self._stop.reason]
        return _OUTCOMES[last.ending]

    def _usage(self, last: AgentOutcome, session_id: str | None) -> Usage:
        return Usage(
            session_total_usd=None if last.reported_total is None else usd(last.reported_total),
            session_id=session_id,
            metered=self._money.spent,
            agent_started=self._started,
            duration_ms=sum(leg.duration_ms for leg in self._legs),
            duration_api_ms=sum(leg.duration_api_ms for leg in self._legs),
            num_turns=sum(leg.num_turns for leg in self._legs),
            models=last.models,
            rehearsal=self._backend.name == "rehearsal",
        )

    def _explain(self, outcome: RunOutcome, last: AgentOutcome, terms: Terms) -> str:
        """One sentence for the person who finds this in the morning, with the next step."""
        match outcome:
            case RunOutcome.CAPPED:
                cap = shown(self._money.cap or ZERO)
                return (
                    f"It met its cap: {shown(self._money.spent)} of {cap} are spent and the next"
                    " call would not fit. Its work is kept; `sleepless tasks retry ID --max-cost"
                    " USD` goes on from there."
                )
            case RunOutcome.TIMED_OUT if last.ending is Ending.IDLE:
                return f"The agent was silent for {terms.idle_seconds:g} s and was stopped."
            case RunOutcome.TIMED_OUT:
                return f"The agent worked for {terms.timeout_seconds:g} s and was stopped."
            case _:
                said = last.error or last.text or f"The agent ended with: {last.ending.value}."
                return _WORDS.get(outcome, said)


def _in_session_of(leg: AgentOutcome, terms: Terms) -> Terms:
    assert leg.session_id is not None  # noqa: S101 - asked by the callers
    return replace(terms, session=Session(leg.session_id, leg.reported_total or ZERO))


def expected_next(call: ModelUsage) -> Nano:
    """What a next call like this one costs. Where the provider caches, all that was sent so far is
    read from the cache; where it does not, it is paid again in full.
    """
    cached = call.cache_read_tokens + call.cache_write_tokens
    if not cached:
        return call.cost_nano
    try:
        return prices.cost_of(
            call.model,
            input_tokens=0,
            output_tokens=call.output_tokens,
            cache_read_tokens=cached + call.input_tokens,
        )
    except UnknownPrice:
        return call.cost_nano


def _nothing_left(terms: Terms) -> Worked:
    return Worked(
        outcome=RunOutcome.CAPPED,
        usage=Usage(agent_started=False),
        text="",
        session_id=terms.session.id if terms.session else None,
        error_class=RunOutcome.CAPPED.value,
        error="Its cap is used up; `sleepless tasks retry ID --max-cost USD` raises it.",
    )


def _error_class(outcome: RunOutcome, last: AgentOutcome) -> str:
    """The agent's own failure by its own name, ours by ours."""
    return last.ending.value if outcome is RunOutcome.FAILED else outcome.value
