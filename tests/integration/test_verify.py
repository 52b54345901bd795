"""The check that decides whether work is done, with real shells and real processes."""

import asyncio
import os
import secrets
from pathlib import Path

import psutil
import pytest

from core.errors import WorkspaceError
from execution.verify import Refuted, Verdict, Verified, VerifyTimedOut, verify


@pytest.fixture
def mark() -> str:
    return f"test-{secrets.token_hex(8)}"


async def checked(command: str, cwd: Path, mark: str, seconds: float = 30) -> Verdict:
    return await verify(command, cwd, timeout_seconds=seconds, env={"SLEEPLESS_RUN": mark})


def marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SLEEPLESS_RUN") == mark:
                found.append(process)
        except psutil.Error:
            continue
    return [p for p in found if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


async def test_a_green_command_verifies_the_work(tmp_path: Path, mark: str) -> None:
    (tmp_path / "a").write_text("there\n")
    assert await checked("cat a && test -f a", tmp_path, mark) == Verified("there\n")


async def test_a_red_command_refutes_it_with_its_exit_code_and_both_streams(
    tmp_path: Path, mark: str
) -> None:
    verdict = await checked("echo out; echo err >&2; exit 3", tmp_path, mark)
    assert verdict == Refuted(3, "out\nerr\n")


async def test_a_command_ended_by_a_signal_is_refuted_with_its_number(
    tmp_path: Path, mark: str
) -> None:
    assert await checked("kill -SEGV $$", tmp_path, mark) == Refuted(-11, "")


async def test_endless_output_neither_blocks_nor_fills_memory(tmp_path: Path, mark: str) -> None:
    before = psutil.Process().memory_info().rss
    command = "head -c 200000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 1"
    verdict = await checked(command, tmp_path, mark)
    assert isinstance(verdict, Refuted)
    assert len(verdict.output) == 20_000
    assert verdict.output.endswith("x\nthe end\n")
    assert psutil.Process().memory_info().rss - before < 50_000_000


async def test_output_that_is_no_text_is_shown_as_far_as_it_goes(tmp_path: Path, mark: str) -> None:
    assert await checked("printf 'a\\377b'", tmp_path, mark) == Verified("a�b")


async def test_a_command_past_its_deadline_is_ended_with_all_its_children(
    tmp_path: Path, mark: str
) -> None:
    verdict = await checked("echo begun; sleep 600 & sleep 600", tmp_path, mark, seconds=0.5)
    assert verdict == VerifyTimedOut(0.5, "begun\n")
    assert marked(mark) == []


async def test_what_a_green_command_leaves_in_the_background_is_ended(
    tmp_path: Path, mark: str
) -> None:
    assert await checked("sleep 600 & echo ok", tmp_path, mark) == Verified("ok\n")
    assert marked(mark) == []


async def test_a_child_that_moved_to_a_session_of_its_own_is_ended(
    tmp_path: Path, mark: str
) -> None:
    verdict = await checked("setsid sleep 600 & setsid -f sleep 601; echo ok", tmp_path, mark)
    assert verdict == Verified("ok\n")
    assert marked(mark) == []


async def test_a_child_that_shed_its_mark_does_not_hold_up_the_answer(
    tmp_path: Path, mark: str
) -> None:
    seconds = str(100_000 + secrets.randbelow(900_000))
    verdict = await checked(f"env -i setsid -f sleep {seconds}; echo ok", tmp_path, mark)
    assert verdict == Verified("ok\n")
    for process in psutil.process_iter(["cmdline"]):
        if process.info["cmdline"] == ["sleep", seconds]:
            process.kill()


async def test_cancelling_leaves_nothing_alive(tmp_path: Path, mark: str) -> None:
    pipe = tmp_path / "begun"
    os.mkfifo(pipe)
    work = asyncio.create_task(
        checked("setsid -f sleep 600; echo > begun; sleep 600", tmp_path, mark)
    )
    await asyncio.to_thread(pipe.read_bytes)
    assert len(marked(mark)) >= 2
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert marked(mark) == []


async def test_the_command_sees_four_names_of_the_environment_and_no_secret(
    tmp_path: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    verdict = await checked("env | cut -d= -f1 | sort", tmp_path, mark)
    seen = set(verdict.output.split()) - {"PWD", "_", "SHLVL", "OLDPWD"}  # the shell's own
    assert seen == {"PATH", "HOME", "LANG", "SLEEPLESS_RUN"}


async def test_nothing_waits_for_input(tmp_path: Path, mark: str) -> None:
    assert await checked("cat; echo done", tmp_path, mark) == Verified("done\n")


async def test_a_missing_folder_is_said_by_name(tmp_path: Path, mark: str) -> None:
    with pytest.raises(WorkspaceError, match=r"nowhere.*cannot be started"):
        await checked("true", tmp_path / "nowhere", mark)
