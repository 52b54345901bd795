"""One daemon owns a SQLite database, and one a workspace; a second one is told who the first is.

The kernel's advisory lock on a file is the truth, and it ends with the process, whatever ends it;
what is written in the file is only for people. Lock files are never deleted: between unlinking and
locking, two daemons could each hold the lock of a file of the same name.
"""

import fcntl
import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from core.clock import Clock, SystemClock
from core.database import Database
from core.errors import DaemonAlreadyRunning

#: how long an owner-to-be tries, seconds
_PATIENCE = 0.1


@dataclass(frozen=True)
class Owner:
    pid: int
    host: str
    since: datetime
    database: str

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host} since {self.since:%Y-%m-%d %H:%M:%S} UTC"


class Ownership:
    """Taken at start and kept for life. Use it as a context manager, or acquire and release.

    Raises DaemonAlreadyRunning, and holds nothing, when either lock is somebody else's.
    """

    def __init__(
        self, database: Database, workspace_root: Path, clock: Clock | None = None
    ) -> None:
        self._database = _name(database)
        self._paths = [workspace_lock(workspace_root)]
        if database.path:  # daemons on PostgreSQL share their database
            self._paths.insert(0, database_lock(database.path))
        self._clock = clock or SystemClock()
        self._held: list[int] = []

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire(self) -> None:
        if self._held:
            return
        try:
            for path in self._paths:
                self._held.append(self._take(path))
        except DaemonAlreadyRunning:
            self.release()
            raise

    def release(self) -> None:
        while self._held:
            descriptor = self._held.pop()
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing is not enough while a fork has it too
            os.close(descriptor)

    def _take(self, path: Path) -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor)
            self._sign(descriptor)
        except BlockingIOError:
            owner = _read(descriptor)
            os.close(descriptor)
            raise DaemonAlreadyRunning(
                database=owner.database if owner else self._database,
                owner=owner or f"that holds {path}",
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _sign(self, descriptor: int) -> None:
        owner = Owner(os.getpid(), socket.gethostname(), self._clock.now(), self._database)
        line = json.dumps({**asdict(owner), "since": owner.since.isoformat()}) + "\n"
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, line.encode(), 0)


def _lock(descriptor: int) -> None:
    """A question (`who_owns`) holds the lock for microseconds; an owner holds it for life."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.002)
        else:
            return


def database_lock(path: Path) -> Path:
    resolved = path.resolve()
    return resolved.with_name(resolved.name + ".daemon.lock")


def workspace_lock(root: Path) -> Path:
    return root.resolve() / ".sleepless" / "daemon.lock"


def who_owns(path: Path) -> Owner | None:
    """The living owner of a lock file; None when nobody holds it. Asking never stops a daemon."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> Owner | None:
    """What the owner wrote; None in the instant between its locking and its writing."""
    with suppress(ValueError, KeyError, TypeError):
        facts = json.loads(os.pread(descriptor, 65536, 0))
        since = datetime.fromisoformat(facts["since"])
        return Owner(int(facts["pid"]), facts["host"], since, facts["database"])
    return None


def _name(database: Database) -> str:
    return str(database.path.resolve()) if database.path else database.url.render_as_string()
