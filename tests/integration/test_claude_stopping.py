"""However a run of the real program is cut short, it ends in time and leaves no process."""

import asyncio
import time
from typing import Any

import psutil
import pytest

from execution.agent import (
    AgentEvent,
    AgentOutcome,
    CallMetered,
    Ending,
    Started,
    StopReason,
    StopSignal,
    ToolUsed,
)
from fixtures_claude import STUBBORN, Bench, bench, beyond_the_daemon

__all__ = ["bench"]

#: seconds
PROMPTLY = 2.0


async def stopped(bench: Bench, running: asyncio.Task[AgentOutcome]) -> AgentOutcome:
    begun = time.monotonic()
    bench.stop.ask(StopReason.CANCELLED)
    outcome = await running
    assert bench.alive() == []
    assert time.monotonic() - begun < PROMPTLY
    assert outcome.ending is Ending.STOPPED, outcome
    return outcome


async def with_a_tool_at_work(bench: Bench, command: str) -> asyncio.Task[AgentOutcome]:
    gate = bench.gate("gate")
    text = f"Chore [rehearse: bash echo up > gate; {command}] [rehearse: text Done.]"
    running = asyncio.create_task(bench.run(text))
    assert await asyncio.to_thread(gate.read_text) == "up\n"
    return running


async def test_a_run_is_stopped_in_the_middle_of_an_answer(bench: Bench) -> None:
    running = asyncio.create_task(bench.run("Chore [rehearse: hang]"))
    await bench.model.called(2)
    outcome = await stopped(bench, running)
    assert outcome.metered >= bench.model.calls[0].cost
    assert outcome.reported_total is not None


async def test_a_run_is_stopped_while_a_tool_works(bench: Bench) -> None:
    outcome = await stopped(bench, await with_a_tool_at_work(bench, "sleep 60"))
    assert outcome.reported_total == outcome.metered == bench.model.served_nano()


async def test_a_tool_that_refuses_to_go_is_killed(bench: Bench) -> None:
    await stopped(bench, await with_a_tool_at_work(bench, f"{STUBBORN} sleep 60"))


async def test_a_stopped_session_goes_on(bench: Bench) -> None:
    running = asyncio.create_task(bench.run("Chore [rehearse: hang x1] [rehearse: text Done.]"))
    await bench.model.called(2)
    first = await stopped(bench, running)
    bench.stop = StopSignal()
    second = await bench.resume("Continue.", first)
    assert (second.ending, second.text) == (Ending.FINISHED, "Done.")


async def test_a_run_is_stopped_before_it_has_begun(bench: Bench) -> None:
    bench.stop.ask(StopReason.DRAIN)
    outcome = await bench.run("Chore [rehearse: hang]")
    assert outcome.ending is Ending.STOPPED
    assert bench.model.calls == []


async def test_a_run_is_stopped_while_the_program_starts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stop(event: AgentEvent) -> None:
        assert isinstance(event, Started)
        bench.stop.ask(StopReason.DRAIN)
        await asyncio.Event().wait()

    monkeypatch.setattr(bench, "report", stop)
    outcome = await bench.run("Chore [rehearse: hang]")
    assert outcome.ending is Ending.STOPPED
    assert bench.alive() == []
    assert bench.model.calls == []


async def test_a_silent_run_counts_as_hung(bench: Bench) -> None:
    outcome = await bench.run("Chore [rehearse: hang]", idle_seconds=1.5)
    assert outcome.ending is Ending.IDLE
    assert outcome.metered >= bench.model.served_nano()


async def test_a_run_has_a_limit_of_time(bench: Bench) -> None:
    patient = {"timeout_seconds": 3.0, "max_turns": 10_000}  # a busy machine starts it late
    outcome = await bench.run("Chore [rehearse: loop $0.0001]", **patient)
    assert outcome.ending is Ending.TIMED_OUT
    assert outcome.reported_total


async def test_a_finished_run_does_not_wait_for_a_server_in_the_background(bench: Bench) -> None:
    """As long as it is silent for; its work is done and counts."""
    bench.gate("gate")  # which nobody opens
    outcome = await bench.run("Do it in the background", idle_seconds=1.5)
    assert (outcome.ending, outcome.text) == (Ending.FINISHED, "It runs.")


async def test_a_cancelled_caller_leaves_no_process(bench: Bench) -> None:
    running = await with_a_tool_at_work(bench, f"{STUBBORN} sleep 60")
    begun = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert bench.alive() == []
    assert time.monotonic() - begun < PROMPTLY


async def test_a_report_that_fails_is_the_callers_and_ends_the_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(event: AgentEvent) -> None:
        if isinstance(event, ToolUsed):
            raise ZeroDivisionError

    monkeypatch.setattr(bench, "report", refuse)
    with pytest.raises(ZeroDivisionError):
        await bench.run("Chore [rehearse: bash sleep 60]")
    assert bench.alive() == []


async def test_what_a_tool_leaves_running_dies_with_the_run(bench: Bench) -> None:
    outcome = await bench.run(f"Chore [rehearse: bash {STUBBORN}] [rehearse: text Done.]")
    assert outcome.ending is Ending.FINISHED
    assert bench.alive() == []


async def test_a_killed_program_is_a_crash(bench: Bench) -> None:
    running = await with_a_tool_at_work(bench, "sleep 60")
    (started,) = bench.seen(Started)
    (program,) = psutil.Process(started.pid).children()
    program.kill()
    outcome = await running
    assert outcome.ending is Ending.CRASHED
    assert outcome.reported_total is None
    assert outcome.metered == bench.model.served_nano()
    assert [usage.cost_nano for usage in outcome.models] == [outcome.metered]


async def test_a_killed_warden_takes_the_program_along(bench: Bench) -> None:
    running = await with_a_tool_at_work(bench, f"{STUBBORN} sleep 60")
    (started,) = bench.seen(Started)
    psutil.Process(started.pid).kill()
    assert (await running).ending is Ending.CRASHED
    assert bench.alive() == []


async def test_nothing_survives_a_killed_daemon(bench: Bench) -> None:
    gate = bench.gate("gate")
    text = f"Chore [rehearse: bash {STUBBORN} echo up > gate; sleep 60]"
    with beyond_the_daemon(bench, text) as daemon:
        assert await asyncio.to_thread(gate.read_text) == "up\n"
        orphans = [process for process in bench.alive() if process.pid != daemon.pid]
        assert len(orphans) >= 4  # warden, program, tool, what the tool left behind
        daemon.kill()
        await asyncio.to_thread(psutil.wait_procs, orphans, PROMPTLY)
        assert bench.alive() == []  # a zombie that init has not reaped yet is no process alive


async def test_the_price_of_each_call_is_reported_as_it_ends(bench: Bench) -> None:
    running = asyncio.create_task(bench.run("Chore [rehearse: calls 2 $0.25] [rehearse: hang]"))
    await bench.until(CallMetered, 2)
    reported: list[Any] = bench.seen(CallMetered)
    await stopped(bench, running)
    assert [event.spent for event in reported[:2]] == [250_000_000, 500_000_000]
