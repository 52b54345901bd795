"""Wake-ups on PostgreSQL: LISTEN. A file of its own: importing the driver takes a tenth of a
second, which no command on a SQLite file should pay.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from psycopg import AsyncConnection, OperationalError


class NotifyListener:
    """Calls back for every notification, on a connection of its own. When that is lost, the
    daemon's safety poll finds the work.
    """

    def __init__(self, url: str, on_wake: Callable[[], None]) -> None:
        self._url = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._on_wake = on_wake
        self._connection: AsyncConnection[tuple[object, ...]] | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._connection = await AsyncConnection.connect(self._url, autocommit=True)
        await self._connection.execute("LISTEN sleepless")
        self._reader = asyncio.create_task(self._read(self._connection), name="notify-listener")

    async def stop(self) -> None:
        if self._reader:
            self._reader.cancel()
            with suppress(asyncio.CancelledError, OperationalError):
                await self._reader
        if self._connection:
            await self._connection.close()
        self._reader = self._connection = None

    async def _read(self, connection: AsyncConnection[tuple[object, ...]]) -> None:
        with suppress(OperationalError):  # a lost server: the safety poll goes on
            async for _ in connection.notifies():
                self._on_wake()
