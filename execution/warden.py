"""Stands between the daemon and an agent program, so that no process outlives its run.

    python -I -S warden.py PARENT PID_FILE ALLOWED PROGRAM [ARGUMENT...]

It drops every environment variable that ALLOWED (names with commas between; `LC_*` means all that
begin so) does not name, starts PROGRAM with its own standard streams, passes SIGTERM and SIGINT on
and exits with its status. Whatever way that ends - the program leaves, the daemon asks, the
daemon is killed with SIGKILL - no descendant stays alive, those of `nohup` and `setsid` included:
on Linux orphans become children of this process, which kills until none is left. When this
process itself is killed with SIGKILL, the program dies with it.

Elsewhere than on Linux there is no such adoption: then the program's process group is killed, a
tool in a session of its own escapes, and the death of the daemon is noticed within a second.

Run as a script by path; it imports the standard library alone, and nothing imports it.
"""

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
#: sent by the kernel when the daemon (its thread that started us, to be exact) dies
ORPHANED = signal.SIGHUP

#: stands for ALLOWED after the environment was dropped, which happens once: an interpreter may set
#: variables of its own at every start (LC_CTYPE in the C locale)
DROPPED = "-"

#: seconds; how long the program may take to leave after SIGTERM
LEAVE_SECONDS = 0.4
#: what is left of it gets SIGTERM, and after this SIGKILL
GRACE_SECONDS = 0.2
#: SIGKILL is repeated for that long: only a process in the kernel's hands survives it
KILL_SECONDS = 3.0
#: how often a killed tree is looked at again, and elsewhere than on Linux the parent
LOOK_SECONDS = 0.02
PARENT_SECONDS = 1.0


def main() -> int:
    parent, pid_file, allowed, *command = sys.argv[1:]
    if allowed != DROPPED:
        drop_environment(allowed.split(","))
    with suppress(OSError):  # a terminal's Ctrl-C is for the daemon, which stops us in order
        os.setsid()
    adopts = prctl(PR_SET_CHILD_SUBREAPER, 1) and prctl(PR_SET_PDEATHSIG, ORPHANED)
    if os.getppid() != int(parent):  # it died before the line above could take effect
        return 128 + ORPHANED
    bell = Bell()
    announce(pid_file)
    child = start(command)
    try:
        return watch(child, bell, None if adopts else int(parent))
    finally:
        leave_nothing(child, bell)


def drop_environment(allowed: list[str]) -> None:
    """Starts this script anew when something has to go: /proc shows a process's environment as
    it was at its start, and what shall not be read must not stand there.
    """
    prefixes = tuple(name[:-1] for name in allowed if name.endswith("*"))
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in allowed or (prefixes and name.startswith(prefixes))
    }
    if len(kept) < len(os.environ):
        options = sys.orig_argv[: -len(sys.argv)]
        anew = [*options, *sys.argv[:3], DROPPED, *sys.argv[4:]]
        os.execve(sys.executable, anew, kept)  # noqa: S606 - no shell is the point


def prctl(option: int, value: int) -> bool:
    """False where there is no such call."""
    if not sys.platform.startswith("linux"):
        return False
    done: int = ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
    return done == 0


def announce(pid_file: str) -> None:
    """Whole or not at all: it is there before the program starts."""
    unfinished = f"{pid_file}.new"
    with open(unfinished, "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib costs 10 ms
        file.write(f"{os.getpid()}\n")
    os.replace(unfinished, pid_file)  # noqa: PTH105 - same


class Bell:
    """Signals as something one can wait for with a time limit, on every system."""

    def __init__(self) -> None:
        self._ear, mouth = os.pipe()
        os.set_blocking(self._ear, False)
        os.set_blocking(mouth, False)
        signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, ORPHANED):
            signal.signal(number, lambda *_: None)

    def heard(self, seconds: float | None) -> list[int]:
        """The signals that came, in their order; empty when none came in time."""
        select.select([self._ear], [], [], seconds)
        try:
            return list(os.read(self._ear, 512))
        except BlockingIOError:
            return []


def start(command: list[str]) -> int:
    warden = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        os.setpgid(0, 0)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == warden:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and children inherit
            os.execv(command[0], command)  # noqa: S606
    except OSError as error:
        os.write(2, f"{command[0]} cannot be started: {error}\n".encode())
    os._exit(127)


def watch(child: int, bell: Bell, parent: int | None) -> int:
    """The status to exit with. `parent` is given where its death has to be looked for."""
    leave_by = None
    while True:
        for number in bell.heard(_patience(leave_by, parent)):
            if number == ORPHANED:
                return 128 + ORPHANED
            if number == signal.SIGCHLD:
                status = reap().get(child)
                if status is not None:
                    return status
            else:
                with suppress(ProcessLookupError):
                    os.kill(child, number)
                if number == signal.SIGTERM and leave_by is None:
                    leave_by = time.monotonic() + LEAVE_SECONDS
        if leave_by is not None and time.monotonic() >= leave_by:
            return 128 + signal.SIGTERM
        if parent is not None and os.getppid() != parent:
            return 128 + ORPHANED


def _patience(leave_by: float | None, parent: int | None) -> float | None:
    if leave_by is not None:
        return max(0.0, leave_by - time.monotonic())
    return None if parent is None else PARENT_SECONDS


def reap() -> dict[int, int]:
    """Exit statuses, as a shell counts them, of the children that ended."""
    ended = {}
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            code = os.waitstatus_to_exitcode(status)
            ended[pid] = code if code >= 0 else 128 - code
    return ended


def leave_nothing(child: int, bell: Bell) -> None:
    begun = time.monotonic()
    end(child, signal.SIGTERM)
    while (took := time.monotonic() - begun) < KILL_SECONDS:
        reap()
        if not descendants():
            break
        bell.heard(LOOK_SECONDS)
        if took >= GRACE_SECONDS:
            end(child, signal.SIGKILL)
    end(child, signal.SIGKILL)


def end(child: int, number: int) -> None:
    with suppress(OSError):  # the group, for systems where its members cannot be listed
        os.killpg(child, number)
    for pid in descendants():
        with suppress(OSError):
            os.kill(pid, number)


def descendants() -> set[int]:
    """All living processes below this one; empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    below = [os.getpid()]
    while below:
        for pid in children.get(below.pop(), ()):
            found.add(pid)
            below.append(pid)
    return found


def _parents() -> Iterator[tuple[int, int]]:
    try:
        names = os.listdir("/proc")  # noqa: PTH208 - pathlib costs 10 ms
    except OSError:
        return
    for name in names:
        if name.isdecimal():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123
                # the name before ")" may hold anything; after it come state and parent
                state, parent = stat.read().rpartition(b")")[2].split()[:2]
                if state not in (b"Z", b"X"):
                    yield int(name), int(parent)


if __name__ == "__main__":
    sys.exit(main())
