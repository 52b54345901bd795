"""The same server on a thread of its own, for tests whose app is another process."""

import asyncio
import inspect
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from core.clock import Clock
from fake_slack.faults import Hold
from fake_slack.server import FakeSlack
from fake_slack.values import Json

Found = TypeVar("Found")

#: longer than anything takes; what waits has its own, shorter deadline
DEADLINE = 60.0
#: a process takes its time to start before it hears anything
PATIENCE = 30.0
OWN = {"_slack", "_loop", "_thread"}


class HeldCall:
    """`Hold` for callers outside the loop."""

    def __init__(self, slack: "FakeSlackThread", hold: Hold) -> None:
        self._slack, self._hold = slack, hold

    def reached(self) -> Json:
        """Wait for the call; answers its arguments."""
        return dict(self._slack.wait(self._hold._reached()))

    def release(self, after_work: bool = True) -> None:  # noqa: FBT001, FBT002 - reads well
        self._slack.do(lambda: self._hold.release(after_work=after_work))


class FakeSlackThread:
    """`FakeSlack` without `await`: same names, every call with a deadline, and it outlives the
    apps that come and go. Attributes are read and set as they are there. `begin` starts a call
    without waiting for it. Conditions for `until` run in the calling thread.
    """

    def __init__(self, clock: Clock | None = None, *, port: int = 0, seed: int = 0) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._slack = self.do(lambda: FakeSlack(clock, port=port, seed=seed))
        self.patience = PATIENCE

    def __enter__(self) -> Self:
        self.wait(self._slack.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.wait(self._slack.__aexit__(kind, error, trace))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def wait(self, work: Any) -> Any:
        return self._begin(work).result(DEADLINE)

    def do(self, work: Callable[[], Found]) -> Found:
        """In the server's own thread."""

        async def there() -> Found:
            return work()

        found: Found = self.wait(there())
        return found

    def _begin(self, work: Any) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def begin(self, name: str, *args: Any, **options: Any) -> "Future[Any]":
        """`begin("command", "/task", "x").result(10)`: many of them at once."""
        return self._begin(getattr(self._slack, name)(*args, **options))

    def hold(self, *args: Any, **options: Any) -> HeldCall:
        return HeldCall(self, self.do(lambda: self._slack.hold(*args, **options)))

    def until(self, holds: Callable[[], Found], what: str = "", seconds: float = PATIENCE) -> Found:
        deadline = time.monotonic() + seconds
        while not (found := holds()):
            left = deadline - time.monotonic()
            assert left > 0, f"waited {seconds:g} s for {what or holds}"
            self.wait(self._slack.next_change(left))
        return found

    def connected(self, count: int = 1, seconds: float = PATIENCE) -> None:
        self.wait(self._slack.connected(count, seconds))

    def settled(self, seconds: float = PATIENCE) -> None:
        self.wait(self._slack.settled(seconds))

    def __getattr__(self, name: str) -> Any:
        """Whatever the server has; what it does is done in its thread."""
        found = self.do(lambda: getattr(self._slack, name))
        if not inspect.ismethod(found):
            return found

        def call(*args: Any, **options: Any) -> Any:
            if inspect.iscoroutinefunction(found):
                return self.wait(found(*args, **options))
            return self.do(lambda: found(*args, **options))

        return call

    def __setattr__(self, name: str, value: Any) -> None:
        if name in OWN:
            object.__setattr__(self, name, value)
        else:
            self.do(lambda: setattr(self._slack, name, value))
