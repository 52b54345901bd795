from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core import instructions
from core.charges import ModelUsage
from core.leases import Claim
from core.models import RunOutcome
from core.money import ZERO, Nano
from execution.agent import (
    AgentOutcome,
    CallBegun,
    Ending,
    Session,
    StopReason,
    StopSignal,
)
from execution.run_log import RunLog
from execution.work import Plan, Work, Worked, expected_next
from fixtures_heart import World, nano
from fixtures_run import (
    MODEL,
    STARTED,
    Leg,
    ScriptedBackend,
    called,
    leg,
    record_of,
    terms_for,
)

SESSION = Session("session-0", nano("1.00"))


class Bench:
    """One claimed task in the day window of $1.00, with $0.50 held."""

    def __init__(self, world: World, place: Path, *legs: Leg, cap: str | None = None) -> None:
        self.world = world
        wishes: dict[str, Any] = {} if cap is None else {"max_cost": nano(cap)}
        self.task = world.add("the task", **wishes)
        self.claim: Claim = world.start()
        self.backend = ScriptedBackend(list(legs))
        self.stop = StopSignal()
        self._log = RunLog(place / "run.jsonl", world.clock)
        record = record_of(world, self.claim)
        self._work = Work(self.backend, record, self._log, self.stop)
        self._plan = Plan(None if cap is None else nano(cap), "whole text", "with digest")
        self.terms = terms_for(place)

    async def do(self, session: Session | None = None) -> Worked:
        terms = replace(self.terms, session=session)
        try:
            return await self._work.do(self.task, "text", terms, self._plan)
        finally:
            self._log.close()


async def test_work_that_ends_by_itself_is_summed_up(sqlite_world: World, tmp_path: Path) -> None:
    bench = Bench(sqlite_world, tmp_path, leg(Ending.FINISHED, STARTED, *called("0.10", "0.05")))
    worked = await bench.do()
    assert (worked.outcome, worked.error, worked.text) == (RunOutcome.COMPLETED, None, "Done.")
    assert worked.usage.metered == nano("0.15")
    assert worked.session_id == "session-1"
    assert bench.backend.terms[0].max_cost == nano("0.50")


async def test_the_hold_grows_before_calls_are_paid_from_it(
    sqlite_world: World, tmp_path: Path
) -> None:
    bench = Bench(sqlite_world, tmp_path, leg(Ending.FINISHED, STARTED, *called("0.20", "0.20")))
    assert (await bench.do()).outcome is RunOutcome.COMPLETED
    assert sqlite_world.open_holds() == [nano("1.00")]


async def test_an_agent_is_stopped_while_the_call_under_way_still_fits(
    sqlite_world: World, tmp_path: Path
) -> None:
    bench = Bench(sqlite_world, tmp_path, leg(Ending.FINISHED, STARTED, *called(*["0.30"] * 9)))
    worked = await bench.do()
    assert worked.outcome is RunOutcome.OUT_OF_BUDGET
    assert worked.usage.metered == nano("0.60"), "one more, already begun, makes 0.90"
    assert bench.stop.reason is StopReason.BUDGET
    assert "goes on when there is money" in (worked.error or "")


async def test_a_tasks_own_cap_is_no_matter_of_the_budget(
    sqlite_world: World, tmp_path: Path
) -> None:
    legs = [leg(Ending.FINISHED, STARTED, *called(*["0.10"] * 9))]
    worked = await Bench(sqlite_world, tmp_path, *legs, cap="0.30").do()
    assert worked.outcome is RunOutcome.CAPPED
    assert worked.usage.metered == nano("0.20")
    assert "--max-cost" in (worked.error or "")


async def test_a_program_at_its_own_limit_is_started_again_in_its_session(
    sqlite_world: World, tmp_path: Path
) -> None:
    first = leg(Ending.MAX_COST, STARTED, *called("0.40"))
    second = leg(Ending.FINISHED, STARTED, *called("0.05"))
    sqlite_world.configure(daily=nano("100.00"))
    bench = Bench(sqlite_world, tmp_path, first, second)
    worked = await bench.do()
    assert worked.outcome is RunOutcome.COMPLETED
    assert bench.backend.texts == ["text", "Go on where you stopped."]
    assert bench.backend.terms[1].session == Session("session-1", nano("0.40"))
    assert bench.backend.terms[1].max_cost == nano("1.20") - nano("0.40")
    assert worked.usage.metered == nano("0.45")


def said(world: World, task_id: int, text: str) -> None:
    with world.database.write() as connection:
        instructions.say(connection, task_id, text, "U1", f"key of {text}", world.clock.now())


async def test_what_is_said_while_the_agent_works_is_the_next_thing_it_is_told(
    sqlite_world: World, tmp_path: Path
) -> None:
    first = leg(Ending.FINISHED, STARTED, *called("0.10"))
    second = leg(Ending.FINISHED, STARTED, *called("0.05"), text="Done as you said.")
    bench = Bench(sqlite_world, tmp_path, first, second)
    said(sqlite_world, bench.task.id, "Use pytest.")
    said(sqlite_world, bench.task.id, "And type hints.")
    worked = await bench.do()
    assert worked.outcome is RunOutcome.COMPLETED
    assert worked.text == "Done as you said."
    assert "Use pytest.\n\nAnd type hints." in bench.backend.texts[1]
    assert bench.backend.terms[1].session == Session("session-1", nano("0.10"))
    assert worked.usage.metered == nano("0.15")
    with sqlite_world.database.read() as session:
        assert instructions.waiting(session, bench.task.id) == 0


async def test_an_instruction_there_is_no_money_for_keeps_the_task_from_being_done(
    sqlite_world: World, tmp_path: Path
) -> None:
    bench = Bench(sqlite_world, tmp_path, leg(Ending.FINISHED, STARTED, *called("0.40")))
    sqlite_world.configure(daily=nano("5.00"))
    said(sqlite_world, bench.task.id, "One more thing.")
    worked = await bench.do()
    assert worked.outcome is RunOutcome.OUT_OF_BUDGET
    with sqlite_world.database.read() as session:
        assert instructions.waiting(session, bench.task.id) == 1


async def test_turns_and_time_are_the_runs_and_not_each_legs(
    sqlite_world: World, tmp_path: Path
) -> None:
    sqlite_world.configure(daily=nano("100.00"))
    first = leg(Ending.MAX_COST, STARTED, *called("0.40"))
    bench = Bench(sqlite_world, tmp_path, first, leg(Ending.FINISHED, STARTED))
    await bench.do()
    assert [terms.max_turns for terms in bench.backend.terms] == [50, 48]
    assert [terms.timeout_seconds for terms in bench.backend.terms] == [60, 58]


async def test_a_program_that_meets_its_limit_without_a_call_is_not_started_for_ever(
    sqlite_world: World, tmp_path: Path
) -> None:
    bench = Bench(sqlite_world, tmp_path, leg(Ending.MAX_COST, STARTED))
    assert (await bench.do()).outcome is RunOutcome.OUT_OF_BUDGET


async def test_a_session_that_is_gone_is_replaced_with_what_is_known(
    sqlite_world: World, tmp_path: Path
) -> None:
    async def gone(*_: object) -> AgentOutcome:
        return AgentOutcome(Ending.NO_SESSION)

    bench = Bench(sqlite_world, tmp_path, gone, leg(Ending.FINISHED, STARTED))
    worked = await bench.do(SESSION)
    assert worked.outcome is RunOutcome.COMPLETED
    assert bench.backend.texts == ["text", "whole text"]
    assert (bench.backend.terms[1].session, bench.backend.terms[1].brief) == (None, "with digest")


async def test_a_stop_before_the_start_of_the_program_costs_nothing(
    sqlite_world: World, tmp_path: Path
) -> None:
    async def not_even_started(*_: object) -> AgentOutcome:
        return AgentOutcome(Ending.STOPPED)

    bench = Bench(sqlite_world, tmp_path, not_even_started)
    bench.stop.ask(StopReason.DRAIN)
    worked = await bench.do(SESSION)
    assert worked.outcome is RunOutcome.DRAINED
    assert not worked.usage.agent_started
    assert worked.session_id == "session-0", "to be gone on with"


async def test_a_run_that_is_no_longer_ours_stops_its_agent(
    sqlite_world: World, tmp_path: Path
) -> None:
    bench = Bench(sqlite_world, tmp_path, leg(Ending.FINISHED, STARTED, *called("0.10")))
    sqlite_world.finish(bench.claim)
    await bench.do()
    assert bench.stop.reason is StopReason.LEASE_LOST


async def test_a_call_is_written_down_when_it_begins(sqlite_world: World, tmp_path: Path) -> None:
    events = [STARTED, *called("0.10"), CallBegun(nano("0.13"))]
    bench = Bench(sqlite_world, tmp_path, leg(Ending.CRASHED, *events))
    worked = await bench.do()
    assert worked.outcome is RunOutcome.CRASHED
    _, run = await record_of(sqlite_world, bench.claim).read()
    assert run.metered_nano == nano("0.13")
    assert (run.session_id, run.pid) == ("session-1", 4711)


@pytest.mark.parametrize(
    ("ending", "outcome", "error_class", "words"),
    [
        (Ending.MAX_TURNS, RunOutcome.FAILED, "max_turns", "max_turns"),
        (Ending.TIMED_OUT, RunOutcome.TIMED_OUT, "timed_out", "worked for 60 s"),
        (Ending.IDLE, RunOutcome.TIMED_OUT, "timed_out", "silent for 30 s"),
        (Ending.LIMIT, RunOutcome.LIMITED, "limited", "ended with: limit"),
        (Ending.TRANSIENT, RunOutcome.TRANSIENT, "transient", "transient"),
        (Ending.AUTH, RunOutcome.FAILED, "auth", "auth"),
        (Ending.CRASHED, RunOutcome.CRASHED, "crashed", "crashed"),
    ],
)
async def test_every_ending_has_its_outcome_and_its_words(
    sqlite_world: World,
    tmp_path: Path,
    ending: Ending,
    outcome: RunOutcome,
    error_class: str,
    words: str,
) -> None:
    worked = await Bench(sqlite_world, tmp_path, leg(ending, STARTED, text="")).do()
    assert (worked.outcome, worked.error_class) == (outcome, error_class)
    assert words in (worked.error or "")


async def test_a_task_whose_cap_is_used_up_starts_no_program(
    sqlite_world: World, tmp_path: Path
) -> None:
    sqlite_world.add("the task", max_cost=nano("0.30"))
    sqlite_world.finish(sqlite_world.start(), "0.30", RunOutcome.DRAINED)
    bench = Bench(sqlite_world, tmp_path)
    worked = await bench.do()
    assert worked.outcome is RunOutcome.CAPPED
    assert not worked.usage.agent_started
    assert bench.backend.terms == []


def test_a_cached_conversation_is_read_again_for_less() -> None:
    call = ModelUsage(MODEL, nano("1.00"), 100, 50, 200_000, 50_000)
    assert ZERO < expected_next(call) < nano("0.10")


def test_without_a_cache_the_next_call_costs_as_much_as_the_last() -> None:
    assert expected_next(ModelUsage(MODEL, Nano(7), input_tokens=9)) == 7
    assert expected_next(ModelUsage("no-such-model", Nano(7), cache_read_tokens=9)) == 7
