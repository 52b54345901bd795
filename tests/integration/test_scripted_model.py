"""The real agent program, through its SDK, against the scripted model."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import ClaudeAgentOptions, ResultError, ResultMessage, query

from core.money import Nano, to_nano
from execution.rehearsal.model_server import ScriptedModel

#: the program adds floats where the server adds integers
ROUNDING = Nano(10)


@dataclass
class Program:
    """Starts the bundled program on prompts; sessions and files live below `home`."""

    model: ScriptedModel
    home: Path

    @property
    def tree(self) -> Path:
        return self.home / "tree"

    def env(self) -> dict[str, str]:
        return {
            "ANTHROPIC_BASE_URL": self.model.url,
            "ANTHROPIC_API_KEY": "rehearsal",
            "CLAUDE_CONFIG_DIR": str(self.home / "sessions"),
            "CLAUDE_CODE_TMPDIR": str(self.home),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "2",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            **({"IS_SANDBOX": "1"} if os.getuid() == 0 else {}),
        }

    def options(self, **more: Any) -> ClaudeAgentOptions:
        return ClaudeAgentOptions(
            cwd=self.tree,
            model="claude-sonnet-5-5",
            permission_mode="bypassPermissions",
            setting_sources=[],
            system_prompt={"type": "preset", "preset": "claude_code"},
            tools=["Read", "Write", "Edit", "Bash", "Glob", "Grep"],
            env=self.env(),
            **more,
        )

    async def run(self, prompt: str, **more: Any) -> ResultMessage:
        results: list[ResultMessage] = []
        try:
            async for message in query(prompt=prompt, options=self.options(**more)):
                if isinstance(message, ResultMessage):
                    results.append(message)
        except ResultError:  # raised after the error result was yielded
            assert results
        return results[-1]


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    (tmp_path / "tree").mkdir()
    async with ScriptedModel() as model:
        yield Program(model, tmp_path)


def reported(result: ResultMessage) -> Nano:
    return to_nano(result.total_cost_usd)


async def test_the_program_says_what_the_script_says(program: Program) -> None:
    result = await program.run("Say it [rehearse: text Good morning]")
    assert (result.subtype, result.is_error, result.result) == ("success", False, "Good morning")
    assert len(program.model.calls) == 1


async def test_a_file_is_written_where_the_program_works(program: Program) -> None:
    result = await program.run(r"[rehearse: write docs/hello.md # Hello\nyou] [rehearse: text]")
    assert (program.tree / "docs/hello.md").read_text() == "# Hello\nyou\n"
    assert not result.is_error


async def test_the_program_and_the_server_count_the_same_dollars(program: Program) -> None:
    result = await program.run("[rehearse: calls 3 $0.123456789] [rehearse: text]")
    assert abs(reported(result) - program.model.served_nano()) <= ROUNDING
    priced = [call.cost for call in program.model.calls[:3]]
    assert priced == [pytest.approx(123_456_789, abs=100)] * 3


async def test_an_endless_loop_is_stopped_by_the_cap(program: Program) -> None:
    result = await program.run("Refactor [rehearse: loop $0.12]", max_budget_usd=0.5)
    assert result.subtype == "error_max_budget_usd"
    assert abs(reported(result) - program.model.served_nano()) <= ROUNDING
    assert program.model.served_nano() == 600_000_000


async def test_a_resumed_session_goes_on_at_the_step_where_it_stood(program: Program) -> None:
    task = "[rehearse: write a.txt 1] [rehearse: text half] [rehearse: write b.txt 2]"
    first = await program.run(task)
    assert not (program.tree / "b.txt").exists()
    await program.run("Continue.", resume=first.session_id)
    assert (program.tree / "b.txt").read_text() == "2\n"
    assert [call.position for call in program.model.calls] == [0, 1, 2, 3]


async def test_a_new_prompt_in_an_old_session_begins_its_own_play(program: Program) -> None:
    first = await program.run("[rehearse: write a.txt 1]")
    second = await program.run("Now [rehearse: text more]", resume=first.session_id)
    assert second.result == "more"
    assert program.model.calls[-1].position == 0


async def test_a_usage_limit_ends_the_run_at_once(program: Program) -> None:
    result = await program.run("[rehearse: 429 3600]")
    assert (result.is_error, result.api_error_status) == (True, 429)
    assert len(program.model.calls) == 1


async def test_an_overload_that_passes_is_survived(program: Program) -> None:
    result = await program.run("[rehearse: 529 x1] [rehearse: text through]")
    assert result.result == "through"
    assert [call.status for call in program.model.calls] == [529, 200]
