"""The daemon as a real process in a folder of its own, told and watched from outside."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
import yaml
from sqlalchemy import select

from core.database import Database
from core.models import Event, Hold, HoldState, Run, Task, TaskPriority, TaskStatus, UsageMetric
from core.money import Nano, to_nano
from core.task_queue import TaskQueue, Wishes
from execution.rehearsal.model_server import ScriptedModel
from execution.run_log import log_path
from source_tree import ROOT

#: longer than anything takes on a machine that does other things, too
PATIENCE = 30.0
#: what a real one looks like, for the tests that look for it where it must not be
KEY = "sk-ant-api03-e2e-0123456789abcdefghijklmnop"
#: of the test's own environment, beside what coverage needs to measure the daemon, too
PASSED_ON = re.compile(r"PATH|HOME|LANG|TMPDIR|COV.*")

Found = TypeVar("Found")


def until(holds: Callable[[], Found], what: str = "", seconds: float = PATIENCE) -> Found:
    """Look until it holds; the condition ends the wait, never the clock."""
    look, deadline = threading.Event(), time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what or holds}"
        look.wait(0.01)
    return found


class Daemon:
    """One life of the process."""

    def __init__(self, folder: Path, number: int, environ: Mapping[str, str]) -> None:
        self._ears = tempfile.mkdtemp(prefix="sd-")  # a socket's path must be short
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.bind(f"{self._ears}/notify")
        self._ear.settimeout(0.1)
        self.told: list[str] = []
        self._log = folder / f"daemon-{number}.log"
        self.begun_at = time.time()
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "daemon.py"), "--config", "config.yaml"],
                cwd=folder,
                env=_environment(NOTIFY_SOCKET=f"{self._ears}/notify", **environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def text(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]

    def lines(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == event]

    def until_logged(self, event: str) -> dict[str, Any]:
        return until(lambda: self.lines(event), f"{event} in\n{self.text}")[0]

    def until_told(self, line: str) -> str:
        """Wait for a line to systemd that begins so; answers the whole line."""
        return until(lambda: self._heard(line), f"{line!r}, heard {self.told}")

    def until_ready(self) -> "Daemon":
        self.until_told("READY=1")
        return self

    def _heard(self, start: str) -> str:
        with suppress(TimeoutError):
            self.told += self._ear.recv(4096).decode().splitlines()
        found = [line for line in self.told if line.startswith(start)]
        assert found or self.process.poll() is None, self.text
        return found[0] if found else ""

    def exit_code(self, seconds: float = PATIENCE) -> int:
        return self.process.wait(timeout=seconds)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.exit_code()

    def kill(self) -> None:
        """As a power cut would."""
        self.signal(signal.SIGKILL)
        self.exit_code()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._ear.close()
        shutil.rmtree(self._ears)


class Home:
    """A folder with a configuration, a database and a workspace, and the daemons that live in it
    one after the other.
    """

    def __init__(
        self, folder: Path, stack: ExitStack, measured: Callable[[str, object], None]
    ) -> None:
        self.folder = folder
        #: figures go into the report of the tests: `pytest --junitxml=FILE`
        self.measured = measured
        self.root = folder / "workspace"
        self.database = Database(f"sqlite:///{folder / 'sleepless_agent.db'}")
        self.queue = TaskQueue(self.database)
        self._stack = stack
        self._started = 0
        self.configure()

    def configure(self, **sections: Any) -> None:
        """On top of a rehearsal with plenty of money, by day and by night."""
        base: dict[str, Any] = {
            "agent": {"backend": "rehearsal"},
            "budget": {"daily_budget_usd": 200, "night_quota_percent": 50},
            "logging": {"format": "json"},
        }
        (self.folder / "config.yaml").write_text(yaml.safe_dump(base | sections))

    def start(self, **environ: str) -> Daemon:
        """It goes its way; nothing is waited for."""
        self._started += 1
        daemon = Daemon(self.folder, self._started, environ)
        self._stack.callback(daemon.end)
        return daemon

    # --- what people do ----------------------------------------------------------------------

    def add(
        self,
        text: str,
        project: str | None = None,
        priority: TaskPriority = TaskPriority.SERIOUS,
        *,
        max_cost: str | None = None,
    ) -> int:
        wishes = Wishes(max_cost=None if max_cost is None else to_nano(max_cost))
        return self.queue.add_task(text, priority, project, wishes=wishes).id

    def task(self, task_id: int) -> Task:
        return self.queue.get_task(task_id)

    def until_status(self, task_id: int, status: TaskStatus, runs: int = 0) -> Task:
        """The task once it is there, with that many runs behind it."""

        def arrived() -> bool:
            ended = [run for run in self.queue.runs_of(task_id) if run.outcome]
            return self.task(task_id).status is status and len(ended) >= runs

        until(arrived, f"task {task_id} to be {status}")
        return self.task(task_id)

    # --- what the database says --------------------------------------------------------------

    def run(self, task_id: int) -> Run:
        """The last one."""
        return self.queue.runs_of(task_id)[-1]

    def rows(self, model: type[Found], *where: Any) -> Sequence[Found]:
        with self.database.read() as session:
            return session.scalars(select(model).where(*where)).all()

    def charges(self, task_id: int) -> Sequence[UsageMetric]:
        return self.rows(UsageMetric, UsageMetric.task_id == task_id)

    def cost(self, task_id: int) -> Nano:
        return Nano(sum(charge.cost_nano or 0 for charge in self.charges(task_id)))

    def events(self, type_: str) -> Sequence[Event]:
        return self.rows(Event, Event.type == type_)

    def run_log(self, run: Run) -> str:
        return log_path(self.root, run.id).read_text(encoding="utf-8")

    # --- what git says -----------------------------------------------------------------------

    def git(self, name: str, *arguments: str) -> str:
        git_dir = self.root / ".sleepless" / "git" / f"{name}.git"
        command = ["git", f"--git-dir={git_dir}", *arguments]
        answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
        return answer.stdout.strip()

    def landed(self, name: str) -> list[str]:
        """The Task-Id's on main's own line, newest first."""
        trailer = "%(trailers:key=Task-Id,valueonly,separator=%x20)"
        lines = self.git(name, "log", "--first-parent", f"--format={trailer}", "main")
        return [line for line in lines.splitlines() if line]

    def file(self, name: str, path: str, branch: str = "main") -> str:
        return self.git(name, "show", f"{branch}:{path}")

    def branch_files(self, name: str, branch: str) -> list[str]:
        return self.git(name, "ls-tree", "-r", "--name-only", branch).splitlines()

    # --- what the machine says ---------------------------------------------------------------

    def strays(self) -> list[psutil.Process]:
        """Whatever runs in here that is no daemon."""
        daemons = str(ROOT / "daemon.py")
        return [p for p in psutil.process_iter() if _lives_in(p, self.folder, daemons)]

    def assert_sound(self) -> None:
        """What must hold whenever no daemon works: nothing charged twice, nothing held or owned
        by nobody, no process left.
        """
        runs = self.rows(Run)
        charged = [charge.run_id for charge in self.rows(UsageMetric) if charge.run_id]
        assert sorted(charged) == sorted(run.id for run in runs)
        assert [run.id for run in runs if run.outcome is None] == []
        assert [hold.run_id for hold in self.rows(Hold, Hold.state == HoldState.HELD)] == []
        assert self.rows(Task, Task.status == TaskStatus.IN_PROGRESS) == []
        assert until(lambda: [True] if not self.strays() else [], "processes to end", 2.0)


def _environment(**environ: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    return own | environ


def _lives_in(process: psutil.Process, folder: Path, daemons: str) -> bool:
    try:
        inside = Path(process.cwd()).is_relative_to(folder)
        return inside and daemons not in process.cmdline() and process.status() != "zombie"
    except (psutil.Error, OSError):
        return False


class OutsideModel:
    """A model that outlives the daemon, as the real one does; it knows what it has sold."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._model = ScriptedModel()
        self._do(self._model.start()).result(PATIENCE)

    @property
    def environ(self) -> dict[str, str]:
        return {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": self._model.url}

    def _do(self, work: Any) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def until_called(self, count: int, marker: str) -> None:
        self._do(self._model.called(count, marker)).result(PATIENCE)

    def sold(self, marker: str = "") -> Nano:
        return self._model.served_nano(marker)

    def release(self) -> None:
        """Answers that hang come to their end."""
        self._loop.call_soon_threadsafe(self._model.release)

    def end(self) -> None:
        self._do(self._model.stop()).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def home(tmp_path: Path, sqlite_template: Path, request: pytest.FixtureRequest) -> Iterator[Home]:
    """Nothing that was started in it outlives the test."""
    shutil.copy(sqlite_template, tmp_path / "sleepless_agent.db")
    figures = request.node.user_properties
    with ExitStack() as stack:
        made = Home(tmp_path, stack, lambda name, value: figures.append((name, value)))
        stack.callback(made.database.close)
        yield made
    for stray in made.strays():
        stray.kill()


@pytest.fixture
def model() -> Iterator[OutsideModel]:
    made = OutsideModel()
    yield made
    made.end()
