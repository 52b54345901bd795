"""A project's own check decides whether work is done, not the agent's word.

The command is a line of shell, because it comes from the operator's configuration, where people
write `make lint && pytest -q`; no text of a task, a repository or a model ever reaches it. What it
runs is the agent's work all the same: so it gets a scrubbed environment, a bounded voice, a
deadline, and nothing of it outlives the answer.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import structlog

from core.errors import WorkspaceError
from execution.strays import MARKER

log = structlog.get_logger(__name__)

#: what a reader, human or model, is shown of the end of the output
TAIL_CHARS = 20_000
#: bytes that hold TAIL_CHARS of any text
TAIL_BYTES = 4 * TAIL_CHARS
CHUNK_BYTES = 65_536
INHERITED = ("PATH", "HOME", "LANG")
#: a process may fork while the others are being killed
SWEEPS = 10
SWEEP_SECONDS = 0.5
#: to empty the pipe after the last writer is gone
LAST_WORDS_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Verified:
    output: str


@dataclass(frozen=True, slots=True)
class Refuted:
    #: as the shell reports it; negative: the signal that ended it
    exit_code: int
    #: the end of stdout and stderr together
    output: str


@dataclass(frozen=True, slots=True)
class VerifyTimedOut:
    timeout_seconds: float
    output: str


Verdict = Verified | Refuted | VerifyTimedOut


async def verify(
    command: str, cwd: Path, *, timeout_seconds: float, env: Mapping[str, str]
) -> Verdict:
    """`env` is what the command sees beside PATH, HOME and LANG; give SLEEPLESS_RUN a value that
    is this run's alone. Cancelling leaves no process behind either.
    """
    async with _Tail.listening() as tail, _running(command, cwd, env, tail) as process:
        try:
            async with asyncio.timeout(timeout_seconds):
                exit_code = await process.wait()
        except TimeoutError:
            exit_code = None
    match exit_code:
        case None:
            return VerifyTimedOut(timeout_seconds, tail.text)
        case 0:
            return Verified(tail.text)
        case _:
            return Refuted(exit_code, tail.text)


class _Tail:
    """The end of what is written to a pipe of our own. (asyncio's pipes would do for the bytes,
    but would keep `wait()` waiting for whatever the command left running in the background.)
    """

    def __init__(self) -> None:
        self._kept = bytearray()
        self.reading, self.writing = os.pipe()

    @classmethod
    @asynccontextmanager
    async def listening(cls) -> AsyncIterator["_Tail"]:
        tail = cls()
        reader = asyncio.StreamReader(limit=CHUNK_BYTES)
        pipe = os.fdopen(tail.reading, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        listener = asyncio.create_task(tail._listen(reader), name="verify-output")
        try:
            yield tail
            tail.stop_writing()
            # a process that shed session and mark may hold its end open for ever
            await asyncio.wait({listener}, timeout=LAST_WORDS_SECONDS)
        finally:
            tail.stop_writing()
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
            transport.close()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            self._kept += chunk
            del self._kept[:-TAIL_BYTES]

    def stop_writing(self) -> None:
        if self.writing >= 0:
            os.close(self.writing)
            self.writing = -1

    @property
    def text(self) -> str:
        return self._kept.decode("utf-8", "replace")[-TAIL_CHARS:]


@asynccontextmanager
async def _running(
    command: str, cwd: Path, env: Mapping[str, str], tail: _Tail
) -> AsyncIterator[asyncio.subprocess.Process]:
    own = {name: os.environ[name] for name in INHERITED if name in os.environ}
    try:
        process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", command),
            cwd=cwd,
            env=own | dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=tail.writing,
            stderr=tail.writing,
            start_new_session=True,
        )
    except OSError as error:
        problem = f"its verify command cannot be started: {error}"
        raise WorkspaceError(path=cwd, problem=problem) from error
    tail.stop_writing()
    try:
        yield process
    finally:
        await _end(process, env.get(MARKER))


async def _end(process: asyncio.subprocess.Process, marker: str | None) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    # the sweep reads every process of the machine: off the loop, and to its end when cancelled
    await asyncio.shield(asyncio.to_thread(_sweep, process.pid, marker))
    await asyncio.shield(process.wait())


def _sweep(session: int, marker: str | None) -> None:
    """End what the command left behind: its session, and whoever left that but bears the mark."""
    for _ in range(SWEEPS):
        left = [p for p in psutil.process_iter() if _belongs(p, session, marker)]
        if not left:
            return
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=SWEEP_SECONDS)
    log.warning("verify.processes_left", session=session, marker=marker)


def _belongs(process: psutil.Process, session: int, marker: str | None) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if os.getsid(process.pid) == session:
            return True
        return marker is not None and process.environ().get(MARKER) == marker
    except (psutil.Error, OSError):
        return False
