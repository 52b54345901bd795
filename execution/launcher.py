"""A file that starts an agent program under its warden, for those who take one executable."""

import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

WARDEN: Final = Path(__file__).with_name("warden.py").resolve()
#: nothing of the daemon's environment or site-packages has a say in it, and it starts in 10 ms
ISOLATED = ("-I", "-S")


@dataclass(frozen=True, slots=True)
class Launcher:
    """For one start of the program."""

    path: Path
    pid_file: Path

    def warden(self) -> "Warden | None":
        """None when it has not begun yet, or is gone."""
        with suppress(OSError, ValueError, psutil.Error):
            pid = int(self.pid_file.read_text(encoding="ascii"))
            return Warden(pid, psutil.Process(pid).create_time())
        return None

    def terminate(self) -> None:
        """The whole tree is gone within a second; asking again does no harm."""
        if warden := self.warden():
            with suppress(OSError):
                os.kill(warden.pid, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Warden:
    pid: int
    #: a process id comes back; together with this it names one process
    started_at: float


@contextmanager
def launcher(directory: Path, program: Path, allowed: Iterable[str]) -> Iterator[Launcher]:
    """Lies in `directory` while the block lasts. The program gets the `allowed` part of the
    environment it is started with; this process is the parent whose death ends it.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    place = Path(tempfile.mkdtemp(prefix="leg-", dir=directory))
    try:
        yield _written(place, program, allowed)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _written(place: Path, program: Path, allowed: Iterable[str]) -> Launcher:
    made = Launcher(place / "agent", place / "pid")
    words = [sys.executable, *ISOLATED, str(WARDEN), str(os.getpid()), str(made.pid_file)]
    command = shlex.join([*words, ",".join(allowed), str(program)])
    made.path.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
    made.path.chmod(0o700)
    return made
