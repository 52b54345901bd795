"""The real program as a process: bytes, pipes, signals, terminals."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.credits import credit_status
from core.database import Database
from core.migrate import migrate
from core.policy import BudgetPolicy
from core.scheduler import SmartScheduler
from core.settings import load_settings
from core.task_queue import TaskQueue
from fixtures_heart import World
from interfaces.credits_text import credits_text
from source_tree import ROOT

PROGRAM = [sys.executable, "-m", "interfaces.cli.app"]
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": os.environ.get("HOME", "/"),
    "PYTHONPATH": str(ROOT),
}


def run(folder: Path, *words: str | bytes, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*PROGRAM, *words],
        cwd=folder,
        env=ENVIRONMENT | more,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=30,
    )


@contextmanager
def started(folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*PROGRAM, *words],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[TaskQueue]:
    with Database(f"sqlite:///{tmp_path / 'sleepless_agent.db'}") as database:
        migrate(database)
        yield TaskQueue(database, SystemClock())


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_the_bytes_of_credits_are_those_of_the_text_whatever_the_locale(
    tmp_path: Path, queue: TaskQueue, encoding: str
) -> None:
    task = queue.add_task("work")
    SmartScheduler(queue).record_task_usage(task.id, "0.55")
    settings = load_settings(environ={})
    status = credit_status(queue, BudgetPolicy.of(settings.budget), 3)
    done = run(tmp_path, "credits", PYTHONIOENCODING=encoding)
    assert done.stdout == f"{credits_text(status)}\n".encode()
    assert (done.stderr, done.returncode) == (b"", 0)


def test_a_task_typed_in_a_shell_is_stored_to_the_letter(tmp_path: Path) -> None:
    script = f"{' '.join(PROGRAM)} task Run mkdir -p build/out then compile --project='My App'"
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=True
    )
    assert done.stdout == b"1\n"
    with Database(f"sqlite:///{tmp_path / 'sleepless_agent.db'}") as database:
        task = TaskQueue(database).get_task(1)
    assert (task.description, task.project_id) == ("Run mkdir -p build/out then compile", "my-app")


def test_a_folder_with_modules_of_the_same_names_shadows_nothing(
    tmp_path: Path, queue: TaskQueue
) -> None:
    """The daemon is started by its path, so a project's own `core` cannot take its place."""
    (tmp_path / "daemon.py").write_text("print('the wrong daemon')")
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").write_text("raise RuntimeError('the wrong core')")
    script = "from interfaces.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, "--config", "nope.yaml", "up"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert b"wrong" not in done.stdout + done.stderr
    assert done.returncode == 2
    assert b"nope.yaml" in done.stderr


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path, queue: TaskQueue) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [*PROGRAM, "tasks"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=writes,
        stderr=subprocess.PIPE,
        check=False,
        timeout=30,
    )
    os.close(writes)
    assert (done.stderr, done.returncode) == (b"", 141)


def test_ctrl_c_ends_a_wait_with_130(tmp_path: Path, queue: TaskQueue) -> None:
    with started(tmp_path, "task", "work", "--wait") as process:
        assert process.stderr is not None
        assert process.stdout is not None
        assert process.stderr.readline().startswith(b"note: no daemon is running")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130
        assert b"Traceback" not in process.stderr.read()


def test_waiting_ends_when_the_task_does(tmp_path: Path, queue: TaskQueue) -> None:
    with started(tmp_path, "task", "work", "--wait") as process:
        assert process.stderr is not None
        process.stderr.readline()
        queue.cancel_task(1)
        assert process.wait(timeout=10) == 1


def test_following_a_log_shows_what_is_added_and_ends_with_the_run(
    tmp_path: Path, sqlite_world: World
) -> None:
    sqlite_world.add()
    claim = sqlite_world.start()
    log = tmp_path / "workspace" / ".sleepless" / "logs" / f"run_{claim.run_id}.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text('{"kind": "said", "text": "first"}\n')
    with started(tmp_path, "tasks", "log", "1", "--follow", "--json") as process:
        assert process.stdout is not None
        assert b"first" in process.stdout.readline()
        with log.open("a") as file:
            file.write('{"kind": "said", "text": "second"}\n')
        assert b"second" in process.stdout.readline()
        sqlite_world.finish(claim)
        assert process.wait(timeout=10) == 0


def test_a_terminal_gets_words_and_a_pipe_the_id(tmp_path: Path, queue: TaskQueue) -> None:
    ours, theirs = pty.openpty()
    subprocess.run(
        [*PROGRAM, "task", "work"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=theirs,
        check=True,
        timeout=30,
    )
    os.close(theirs)
    assert os.read(ours, 4096).startswith(b"Task 1 is queued.")
    os.close(ours)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["credits"], 0),
        (["tasks", "--json"], 0),
        (["sql", "SELECT nonsense"], 1),
        (["task", "--nope"], 2),
        ([b"task", b"\xff\xfe"], 2),
        (["tasks", "show", "7"], 3),
        (["sql", "DELETE FROM tasks"], 4),
    ],
)
def test_exit_codes_are_those_of_the_contract(
    tmp_path: Path, queue: TaskQueue, words: list[str | bytes], code: int
) -> None:
    done = run(tmp_path, *words)
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == (code != 0)
    assert b"Traceback" not in done.stderr
