"""The real Claude program, the scripted model behind it."""

import asyncio
import os
import re
import struct
import zlib

import pytest
from structlog.testing import capture_logs

from core.errors import UnknownPrice
from core.money import to_nano
from execution.agent import CallBegun, CallMetered, Ending, Said, Session, Started, ToolUsed
from fixtures_claude import KEY, Bench, bench

__all__ = ["bench"]


async def test_finished_work_costs_what_the_model_served(bench: Bench) -> None:
    outcome = await bench.run("Chore [rehearse: write notes.txt hello] [rehearse: text All done.]")
    assert outcome.ending is Ending.FINISHED, outcome
    assert outcome.text == "All done."
    assert (bench.terms.cwd / "notes.txt").read_text() == "hello\n"
    assert outcome.reported_total == outcome.metered == bench.model.served_nano()
    assert [usage.cost_nano for usage in outcome.models] == [bench.model.served_nano()]
    assert outcome.num_turns >= 2
    assert outcome.error == ""


async def test_what_happens_is_reported_in_its_order(bench: Bench) -> None:
    outcome = await bench.run("Chore [rehearse: bash echo hi] [rehearse: text Fine.]")
    started, *rest = bench.events
    assert isinstance(started, Started)
    assert started.session_id == outcome.session_id
    one_call = [CallBegun, Said, ToolUsed, CallMetered]
    assert [type(event) for event in rest] == [*one_call, CallBegun, Said, CallMetered]
    assert bench.seen(ToolUsed) == [ToolUsed("Bash", "echo hi")]
    assert bench.seen(CallMetered)[-1].spent == outcome.metered


async def test_a_resumed_session_reports_its_whole_cost(bench: Bench) -> None:
    first = await bench.run("Chore [rehearse: text One.]")
    second = await bench.resume("More [rehearse: text Two.]", first)
    assert second.session_id == first.session_id
    assert second.reported_total == bench.model.served_nano()
    assert second.metered == bench.model.served_nano("More")


async def test_the_money_ends_after_one_call_too_many_at_most(bench: Bench) -> None:
    outcome = await bench.run("Chore [rehearse: loop $0.10]", max_cost=to_nano("0.35"))
    assert outcome.ending is Ending.MAX_COST, outcome
    assert outcome.reported_total == outcome.metered == bench.model.served_nano()
    assert to_nano("0.35") <= outcome.metered <= to_nano("0.45")


async def test_a_session_goes_on_when_there_is_money_again(bench: Bench) -> None:
    """The limit counts what the new process spends, not what the session had spent before; the
    answer that broke the limit is forgotten, so its call is made again.
    """
    text = "Chore [rehearse: calls 3 $0.10] [rehearse: write end.txt here] [rehearse: text Done.]"
    first = await bench.run(text, max_cost=to_nano("0.15"))
    assert first.ending is Ending.MAX_COST
    second = await bench.resume("Continue.", first, max_cost=to_nano("0.25"))
    assert second.ending is Ending.FINISHED, second
    assert (bench.terms.cwd / "end.txt").read_text() == "here\n"
    assert second.reported_total == bench.model.served_nano()
    assert second.metered == bench.model.served_nano() - first.metered
    assert [call.position for call in bench.model.calls] == [0, 1, 1, 2, 3, 4]


async def test_nothing_is_started_without_money(bench: Bench) -> None:
    outcome = await bench.run("Chore", max_cost=to_nano(0))
    assert (outcome.ending, bench.events, bench.model.calls) == (Ending.MAX_COST, [], [])


async def test_nothing_is_started_on_a_model_without_a_price(bench: Bench) -> None:
    with pytest.raises(UnknownPrice):
        await bench.run("Chore", model="claude-nobody-9")
    assert bench.events == []


async def test_turns_are_limited(bench: Bench) -> None:
    outcome = await bench.run("Chore [rehearse: loop $0.01]", max_turns=3)
    assert outcome.ending is Ending.MAX_TURNS
    assert len(bench.model.calls) == 3


@pytest.mark.parametrize(
    ("directive", "ending"),
    [
        ("401", Ending.AUTH),
        ("403", Ending.AUTH),
        ("429 3600", Ending.LIMIT),
        ("529", Ending.TRANSIENT),
        ("500", Ending.TRANSIENT),
        ("drop", Ending.TRANSIENT),
        ("400", Ending.FAILED),
        ("crash", Ending.CRASHED),
    ],
)
async def test_a_failure_is_classified(bench: Bench, directive: str, ending: Ending) -> None:
    outcome = await bench.run(f"Chore [rehearse: {directive}]")
    assert outcome.ending is ending, outcome
    assert outcome.error


async def test_an_api_that_recovers_is_no_failure(bench: Bench) -> None:
    outcome = await bench.run("Chore [rehearse: 529 x1] [rehearse: text Fine.]")
    assert (outcome.ending, outcome.text) == (Ending.FINISHED, "Fine.")


async def test_a_session_that_is_gone_is_said_so(bench: Bench) -> None:
    gone = Session("2f6e2f4e-7c1a-4d5a-9a55-0f8d0a3f5c11", to_nano(1))
    outcome = await bench.run("Chore [rehearse: text Hi.]", session=gone)
    assert outcome.ending is Ending.NO_SESSION, outcome
    assert bench.model.calls == []


@pytest.mark.parametrize("text", ["@/etc/passwd", "/help", "/exit"])
async def test_a_tasks_text_stays_text(bench: Bench, text: str) -> None:
    await bench.run(text)
    assert [call.prompt for call in bench.model.calls][:1] == [text]


async def test_the_agent_sees_nothing_of_the_daemons_environment(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in its own environment nor in that of the processes right above it."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-not-for-agents")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for agents either")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "not for agents as well")
    above = "/proc/$(ps -o ppid= $PPID | tr -d ' ')/environ"
    script = f"(env; cat /proc/$PPID/environ {above}) > seen.txt"
    await bench.run(f"Chore [rehearse: bash {script}]")
    seen = (bench.terms.cwd / "seen.txt").read_text()
    assert seen.count(f"SLEEPLESS_RUN=3:{bench.instance}") == 3
    assert "not for agents" not in seen
    assert "xoxb" not in seen


async def test_the_agents_git_knows_who_commits(bench: Bench) -> None:
    script = "git init -q && git commit -qm x --allow-empty && git log --format=%an > who.txt"
    await bench.run(f"Chore [rehearse: bash {script}]")
    assert (bench.terms.cwd / "who.txt").read_text() == "Sleepless agent\n"


async def test_a_large_tool_result_is_read(bench: Bench) -> None:
    (bench.terms.cwd / "big.png").write_bytes(noise(800))
    outcome = await bench.run("Look at the picture")
    assert (outcome.ending, outcome.text) == (Ending.FINISHED, "Seen."), outcome


def noise(side: int) -> bytes:
    """A picture that nothing can compress: 1.9 MB for 800 pixels."""
    rows = b"".join(b"\0" + os.urandom(3 * side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


async def test_a_sub_agents_calls_are_counted(bench: Bench) -> None:
    """Their streams are not shown; what was said is, and the program's own total is exact."""
    outcome = await bench.run("Please delegate this")
    assert (outcome.ending, outcome.text) == (Ending.FINISHED, "They found it."), outcome
    assert outcome.reported_total == bench.model.served_nano()
    assert len(bench.seen(CallMetered)) >= len(bench.model.calls) == 5
    assert outcome.metered >= outcome.reported_total * 8 // 10


async def test_work_in_the_background_is_waited_for(bench: Bench) -> None:
    gate = bench.gate("gate")
    running = asyncio.create_task(bench.run("Do it in the background"))
    await bench.until(CallMetered, 2)
    await asyncio.to_thread(gate.write_text, "go")
    outcome = await running
    assert (outcome.ending, outcome.text) == (Ending.FINISHED, "It is over."), outcome
    assert (bench.terms.cwd / "heard").exists()
    assert outcome.reported_total == outcome.metered == bench.model.served_nano()


def test_the_programs_version_is_known_without_starting_it(bench: Bench) -> None:
    program = bench.executor.check()
    assert program.path.is_file()
    assert re.fullmatch(r"\d+\.\d+\.\d+", program.version)


def test_a_projects_workspace_is_logged_by_its_name(bench: Bench) -> None:
    with capture_logs() as logs:
        first = bench.executor.create_task_workspace(1, "my-project")
        assert bench.executor.create_task_workspace(2, "my-project") == first
        assert bench.executor.create_task_workspace(2) != first
    told = [entry["event"] for entry in logs if entry["log_level"] == "info"]
    assert told.count("Using project workspace 'my-project'") == 2


async def test_the_key_is_in_no_outcome_and_no_log(bench: Bench) -> None:
    """Nor in the files the program keeps, or the argument list that everybody may see."""
    with capture_logs() as logs:
        script = "echo $ANTHROPIC_API_KEY >&2; cat /proc/*/cmdline > commands.txt; exit 1"
        outcome = await bench.run(f"Chore [rehearse: bash {script}] [rehearse: 401]")
    assert outcome.ending is Ending.AUTH
    assert KEY not in repr(outcome.error)
    assert KEY not in repr(logs)
    assert KEY not in (bench.terms.cwd / "commands.txt").read_text()
