"""How a service is told to end: the first signal asks, the second one insists."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

log = structlog.get_logger(__name__)

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Termination:
    """The first SIGTERM or SIGINT drains, a second one stops at once. SIGTERM is what systemd and
    people stop services with: a clean drain is success, a forced stop is 128 + the signal.
    """

    def __init__(self, drain: Callable[[], None]) -> None:
        self._drain = drain
        self._main: asyncio.Task[None] | None = None
        self._asked = False
        self.exit_code = 0

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._handle, number)

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    async def stoppable(self, work: Coroutine[Any, Any, None]) -> None:
        self._main = asyncio.create_task(work, name="daemon")
        try:
            await self._main
        except asyncio.CancelledError:
            log.warning("daemon.stopped_now", exit_code=self.exit_code)

    def _handle(self, number: signal.Signals) -> None:
        if self._asked and self._main:
            self.exit_code = 128 + number
            self._main.cancel()
        self._asked = True
        self._drain()
