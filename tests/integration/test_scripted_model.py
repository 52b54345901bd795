"""The real agent program, through its SDK, against the scripted model."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from claude_agent_sdk import ClaudeAgentOptions, ProcessError, ResultError, ResultMessage, query

from core.money import Nano, to_nano
from execution.rehearsal.model_server import ScriptedModel
from execution.rehearsal.my_dashboard import AUTHENTICATION, BOILERPLATE, CHARTS
from execution.rehearsal.plays import DRIVER_UPGRADE, LANDING_PAGE

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
        """An error result is first yielded and then raised: the value is what counts here."""
        result: ResultMessage | None = None
        with suppress(ResultError):
            async for message in query(prompt=prompt, options=self.options(**more)):
                if isinstance(message, ResultMessage):
                    result = message
        assert result is not None
        return result


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    (tmp_path / "tree").mkdir()
    async with ScriptedModel() as model:
        yield Program(model, tmp_path)


def reported(result: ResultMessage) -> Nano:
    return to_nano(result.total_cost_usd)


async def checked(tree: Path) -> tuple[int | None, str]:
    """What the check that the rehearsed agent wrote says about the tree."""
    check = await asyncio.create_subprocess_exec(
        "sh", "scripts/check.sh", cwd=tree, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await check.communicate()
    return check.returncode, said.decode()


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


async def test_the_three_tasks_of_the_dashboard_build_on_each_other(program: Program) -> None:
    for play in (BOILERPLATE, AUTHENTICATION, CHARTS):
        result = await program.run(play.phrase)
        assert not result.is_error
    app = (program.tree / "src/App.jsx").read_text()
    assert "<RequireUser>" in app
    assert "const PAGES = { Overview, Charts }" in app
    assert "<AuthProvider>" in (program.tree / "src/main.jsx").read_text()
    assert "## Charts" in (program.tree / "README.md").read_text()
    assert await checked(program.tree) == (0, "All imports resolve.\n")
    assert len(program.model.calls) == 3 + 4 + 4


async def test_the_check_of_the_dashboard_finds_a_missing_file(program: Program) -> None:
    await program.run(BOILERPLATE.phrase)
    (program.tree / "src/components/Header.jsx").unlink()
    assert await checked(program.tree) == (1, "src/App.jsx: cannot find ./components/Header.jsx\n")


async def test_the_landing_page_and_any_other_task_leave_files(program: Program) -> None:
    await program.run(LANDING_PAGE.phrase)
    assert (program.tree / "index.html").exists()
    for _ in range(2):  # the second time the note is there already
        result = await program.run("Paint the shed")
        assert not result.is_error
    assert (program.tree / "notes/paint-the-shed.md").read_text() == "# Task\n\nPaint the shed\n"


async def test_the_failing_task_spends_before_it_fails(program: Program) -> None:
    result = await program.run(DRIVER_UPGRADE.phrase)
    assert (result.is_error, result.api_error_status) == (True, 400)
    assert abs(reported(result) - program.model.served_nano()) <= ROUNDING
    assert program.model.served_nano() == 57_170_000


async def test_a_step_whose_tool_was_not_run_is_given_again_on_resume(program: Program) -> None:
    task = "[rehearse: calls 1 $0.60] [rehearse: write a.txt 1]"
    capped = await program.run(task, max_budget_usd=0.5)
    assert capped.subtype == "error_max_budget_usd"
    await program.run("Continue.", resume=capped.session_id)
    assert [call.position for call in program.model.calls] == [0, 0, 1, 2]
    assert (program.tree / "a.txt").exists()


async def test_a_killed_program_leaves_a_session_that_goes_on(program: Program) -> None:
    task = "[rehearse: write a.txt 1] [rehearse: hang x1] [rehearse: text survived]"
    session = str(uuid4())
    running = asyncio.create_task(program.run(task, session_id=session))
    await program.model.called(2)
    for child in psutil.Process().children():
        child.kill()
    with pytest.raises(ProcessError):
        await running
    result = await program.run("Continue.", resume=session)
    assert result.result == "survived"
