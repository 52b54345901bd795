"""Where a rehearsal takes place: a folder of its own, and a real daemon that works in it."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from core.clock import Clock
from core.credentials import SECRET_NAMES, UPSTREAM_NAMES
from core.database import Database
from core.errors import RehearsalFolderTaken
from core.migrate import migrate
from core.ownership import Ownership
from core.policy import BudgetPolicy
from core.settings import Settings, load_settings
from core.task_queue import TaskQueue
from interfaces.cli.rehearsal_programme import SIGN, config
from interfaces.cli.up import daemon_command

CONFIG: Final = "config.yaml"
DATABASE: Final = "sleepless_agent.db"
WORKSPACE: Final = "workspace"
DAEMON_LOG: Final = "daemon.log"
#: seconds; a drain takes less than one, for nothing runs then or an agent is at a turn soon
_DRAIN: Final = 30.0
#: what a service manager or a user's own set-up says to daemons is not meant for this one
_NOT_FOR_IT: Final = (
    *SECRET_NAMES,
    *UPSTREAM_NAMES,
    "CREDENTIALS_DIRECTORY",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
)


@dataclass(frozen=True, slots=True)
class Stage:
    folder: Path
    clock: Clock

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder / CONFIG, {})

    @property
    def policy(self) -> BudgetPolicy:
        return BudgetPolicy.of(self.settings.budget)

    @property
    def slots(self) -> int:
        return self.settings.scheduler.max_parallel_tasks

    @property
    def workspace(self) -> Path:
        return self.folder / WORKSPACE

    @property
    def daemon_log(self) -> Path:
        return self.folder / DAEMON_LOG

    @contextmanager
    def queue(self) -> Iterator[TaskQueue]:
        with Database(f"sqlite:///{self.folder / DATABASE}") as database:
            migrate(database, self.clock)
            yield TaskQueue(database, self.clock)

    @contextmanager
    def daemon(self) -> Iterator["Daemon"]:
        """It is stopped at the end of the block, whatever ends it."""
        command = daemon_command(Path(CONFIG))
        with self.daemon_log.open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=_environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # a terminal's Ctrl-C is for us: the daemon is stopped once and in order
                start_new_session=True,
            )
        daemon = Daemon(process)
        with _ended_by_signals():
            try:
                yield daemon
            finally:
                daemon.stop()


@dataclass(slots=True)
class Daemon:
    process: subprocess.Popen[bytes]
    #: what it ended with; None while it runs
    exit_code: int | None = field(default=None)

    def works_on(self, seconds: float) -> bool:
        """Gives it so much time; False at once when it has ended by itself."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def stop(self) -> None:
        """SIGTERM, as a service manager does it; being interrupted meanwhile asks a second time."""
        self.process.terminate()
        try:
            self.exit_code = self.process.wait(_DRAIN)
        except KeyboardInterrupt:
            self.process.terminate()
            self.exit_code = self.process.wait()
            raise
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.exit_code = self.process.wait()


def set_up(keep: Path | None, clock: Clock) -> Stage:
    """A fresh folder, or `keep` where it is empty or holds an earlier rehearsal.

    Raises RehearsalFolderTaken.
    """
    folder = _made(keep) if keep else Path(tempfile.mkdtemp(prefix="sleepless-rehearsal-"))
    stage = Stage(folder.resolve(), clock)
    (stage.folder / CONFIG).write_text(config(clock.now()), encoding="utf-8")
    return stage


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            _clear(folder)
    except OSError as error:
        raise RehearsalFolderTaken(path=folder, problem=error.strerror) from error
    if "?" in str(folder.resolve()):
        raise RehearsalFolderTaken(path=folder, problem="a database's address ends at the ?")
    return folder


def _clear(folder: Path) -> None:
    """Take an earlier rehearsal away: what it made, and nothing else."""
    if not _is_rehearsal(folder):
        raise RehearsalFolderTaken(path=folder, problem="it holds no rehearsal but other files")
    with Database(f"sqlite:///{folder / DATABASE}") as known, Ownership(known, folder / WORKSPACE):
        for path in _left_in(folder):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _left_in(folder: Path) -> list[Path]:
    """All but the lock files, which are never deleted (core/ownership.py)."""
    workspace = folder / WORKSPACE
    found = [folder / DAEMON_LOG, *folder.glob(f"{DATABASE}*")]
    found += [*workspace.glob("*"), *(workspace / ".sleepless").glob("*")]
    return [
        path
        for path in found
        if os.path.lexists(path) and path.suffix != ".lock" and path.name != ".sleepless"
    ]


def _is_rehearsal(folder: Path) -> bool:
    try:
        with (folder / CONFIG).open(encoding="utf-8") as file:
            return file.readline().rstrip("\n") == SIGN
    except (OSError, UnicodeDecodeError):
        return False


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Without the settings of the installation around it, and without any key."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith("SLEEPLESS_") and name not in _NOT_FOR_IT
    }


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and a closed terminal end the block as Ctrl-C does, so that no daemon is left."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
