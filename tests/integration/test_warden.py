"""The warden as a process: what it hands on, and that nothing below it survives."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from execution.launcher import WARDEN, launcher
from execution.strays import MARKER, kill_strays, marker, strays
from fixtures_claude import STUBBORN

SECONDS = 3.0


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[str]:
    name = f"warden-{tmp_path.name}"
    yield name
    assert strays(name) == []


@pytest.fixture(autouse=True)
def _counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coverage cannot look into an isolated interpreter; the executor's tests start that one."""
    monkeypatch.setattr("execution.launcher.ISOLATED", ())


COUNTING = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
ALLOWED = ("PATH", MARKER, "LC_*", "EMPTY", "COVERAGE_*")


def environment(instance: str, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], MARKER: marker(7, instance), **COUNTING, **more}


def script(place: Path, text: str) -> Path:
    path = place / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


def run(place: Path, instance: str, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    program = script(place, text)
    with launcher(place / "legs", program, ALLOWED) as started_by:
        return subprocess.run(
            [started_by.path, *words],
            env=environment(instance, LC_ALL="C", EMPTY="", SECRET="s", EMPTYING="e"),
            capture_output=True,
            input="from the daemon",
            text=True,
            timeout=SECONDS,
            check=False,
        )


def test_streams_arguments_and_status_pass_through(tmp_path: Path, instance: str) -> None:
    done = run(tmp_path, instance, 'cat; echo "[$*]"; echo no >&2; exit 7', "a b", "--c=d")
    assert (done.returncode, done.stdout, done.stderr) == (
        7,
        "from the daemon[a b --c=d]\n",
        "no\n",
    )


def test_a_signal_becomes_the_status_a_shell_gives_it(tmp_path: Path, instance: str) -> None:
    assert run(tmp_path, instance, "kill -9 $$").returncode == 137


def test_only_what_is_allowed_is_in_the_environment(tmp_path: Path, instance: str) -> None:
    """In the warden's own as well, which a process of the same user may read."""
    done = run(tmp_path, instance, "env; cat /proc/$PPID/environ")
    assert "SECRET" not in done.stdout
    assert "EMPTYING" not in done.stdout
    assert done.stdout.count("LC_ALL=C") == 2
    assert done.stdout.count("EMPTY=") == 2


def test_a_program_that_is_not_there_is_said_so(tmp_path: Path, instance: str) -> None:
    with launcher(tmp_path, tmp_path / "missing", ALLOWED) as started_by:
        done = subprocess.run(
            [started_by.path], env=environment(instance), capture_output=True, check=False
        )
    assert done.returncode == 127
    assert b"missing cannot be started" in done.stderr


def test_the_launcher_is_gone_afterwards(tmp_path: Path) -> None:
    with launcher(tmp_path / "legs", Path("/bin/true"), ALLOWED) as started_by:
        assert started_by.warden() is None
        started_by.terminate()  # which does nothing yet
    assert list((tmp_path / "legs").iterdir()) == []


def test_what_the_program_leaves_behind_is_killed(tmp_path: Path, instance: str) -> None:
    assert run(tmp_path, instance, f"{STUBBORN}\nexit 3").returncode == 3


@pytest.mark.parametrize("polite", ["", "trap : TERM INT"])
def test_a_terminated_warden_takes_everything_along(
    tmp_path: Path, instance: str, polite: str
) -> None:
    program = script(tmp_path, f"{polite}\n{STUBBORN}\necho up\nwhile :; do sleep 60; done")
    with (
        launcher(tmp_path / "legs", program, ALLOWED) as started_by,
        subprocess.Popen(
            [started_by.path], env=environment(instance), stdout=subprocess.PIPE
        ) as warden,
    ):
        assert warden.stdout is not None
        assert warden.stdout.readline() == b"up\n"
        known = started_by.warden()
        assert known is not None
        assert known.pid == warden.pid
        started_by.terminate()
        assert warden.wait(SECONDS) == 143


def test_an_interrupt_is_handed_on_and_ends_nothing_by_itself(
    tmp_path: Path, instance: str
) -> None:
    program = script(tmp_path, "trap 'echo heard; exit 5' INT\necho up\nread line")
    with (
        launcher(tmp_path / "legs", program, ALLOWED) as started_by,
        subprocess.Popen(
            [started_by.path],
            env=environment(instance),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as warden,
    ):
        assert warden.stdout is not None
        assert warden.stdout.readline() == b"up\n"
        warden.send_signal(signal.SIGINT)
        assert warden.stdout.readline() == b"heard\n"
        assert warden.wait(SECONDS) == 5


def test_a_warden_whose_parent_is_gone_starts_nothing(tmp_path: Path, instance: str) -> None:
    words = [sys.executable, "-I", "-S", str(WARDEN), "1", str(tmp_path / "pid"), f"PATH,{MARKER}"]
    done = subprocess.run(
        [*words, "/bin/echo", "up"], env=environment(instance), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (129, b"")


def test_without_the_kernels_help_the_group_is_killed(tmp_path: Path, instance: str) -> None:
    """As on macOS: no prctl, no /proc."""
    elsewhere = (
        "import os, runpy, sys; sys.platform = 'darwin'; list_all = os.listdir\n"
        "def listdir(path='.'):\n"
        "    if path == '/proc': raise FileNotFoundError\n"
        "    return list_all(path)\n"
        "os.listdir = listdir; sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    program = script(tmp_path, "sleep 60 & echo up; wait")
    place = str(tmp_path / "pid")
    arguments = [str(WARDEN), str(os.getpid()), place, f"PATH,{MARKER},LC_CTYPE", str(program)]
    with subprocess.Popen(
        [sys.executable, "-I", "-c", elsewhere, *arguments],
        env=environment(instance, LC_CTYPE="C.UTF-8"),
        stdout=subprocess.PIPE,
    ) as warden:
        assert warden.stdout is not None
        assert warden.stdout.readline() == b"up\n"
        group = psutil.Process(warden.pid).children(recursive=True)
        warden.terminate()
        assert warden.wait(SECONDS) == 143
        assert psutil.wait_procs(group, SECONDS)[1] == []


def test_strays_are_found_by_their_mark_and_by_descent(instance: str) -> None:
    command = ["sh", "-c", "env -i sleep 60 & echo up; wait"]
    with (
        subprocess.Popen(command, env=environment(instance), stdout=subprocess.PIPE) as stray,
        subprocess.Popen(["sleep", "60"], env=environment(f"not-{instance}")) as stranger,
    ):
        assert stray.stdout is not None
        assert stray.stdout.readline() == b"up\n"
        assert kill_strays(instance, run_id=8) == []
        assert len(killed := kill_strays(instance)) == 2
        assert stray.pid in killed
        assert stray.wait(SECONDS) == -signal.SIGKILL
        assert stranger.poll() is None
        stranger.kill()
