"""Wake-ups: a task added by any process starts within milliseconds, without a poll.

On SQLite a datagram to a socket beside the database, sent after the commit; on PostgreSQL
LISTEN/NOTIFY. A wake-up carries nothing and may be lost: the daemon's slow safety poll catches
what a wake-up did not announce.
"""

import asyncio
import hashlib
import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

#: the kernel's limit for a socket's path, bytes (sockaddr_un, the smaller of Linux and macOS)
_MAX_SOCKET_PATH = 103


def socket_path(database: Path) -> Path:
    """Beside the database, or under the temporary folder when that path is too long."""
    beside = database.resolve().with_name(database.name + ".wake")
    if len(os.fsencode(beside)) <= _MAX_SOCKET_PATH:
        return beside
    digest = hashlib.sha256(os.fsencode(beside)).hexdigest()[:24]
    return Path(tempfile.gettempdir()) / f"sleepless-{digest}.wake"


class Bell:
    """Tells the daemon of a database, if there is one, to look."""

    def __init__(self, database: Path) -> None:
        # once, not at every ring: following links costs twice what ringing does
        self._address = str(socket_path(database))

    def ring(self) -> None:
        """Costs microseconds and never fails."""
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as caller:
            caller.setblocking(False)
            caller.sendto(b"!", self._address)


class DatagramListener:
    """Calls back in the event loop for every wake-up of a SQLite database."""

    def __init__(self, database: Path, on_wake: Callable[[], None]) -> None:
        self._path = socket_path(database)
        self._on_wake = on_wake
        self._socket: socket.socket | None = None

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(self._path))
        asyncio.get_running_loop().add_reader(self._socket, self._drain)

    async def stop(self) -> None:
        if self._socket:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            self._path.unlink(missing_ok=True)

    def _drain(self) -> None:
        """Many rings, one look."""
        assert self._socket  # noqa: S101 - the reader is registered only while it is open
        with suppress(BlockingIOError):
            while True:
                self._socket.recv(64)
        self._on_wake()
