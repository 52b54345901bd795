"""Answers that fail, get lost or are held back, and the pace that Slack allows."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fake_slack.values import Json, Refused, When, always

BURST = 5
UPDATES_PER_MINUTE = 50
MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Fault:
    method: str
    left: int
    when: When
    refusal: Refused | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def meets(self, method: str, args: Json) -> bool:
        return self.left > 0 and self.method == method and self.when(args)


class Hold:
    """Catches the next call of a method, before any work is done for it.

    `await hold.reached` waits for that call and answers its arguments. `release(after_work=True)`
    lets it do its work and answer; `release(after_work=False)` drops it with nothing done. A test
    that kills the caller first and releases then has killed it "after the work, before the
    answer", or "before the work", without a race.
    """

    def __init__(self, method: str, when: When, seconds: float = 10.0) -> None:
        self.method, self.when, self.seconds = method, when, seconds
        self.args: Json = {}
        self._arrived, self._released = asyncio.Event(), asyncio.Event()
        self._work = True

    @property
    def reached(self) -> "asyncio.Task[Json]":
        return asyncio.ensure_future(self._reached())

    async def _reached(self) -> Json:
        try:
            async with asyncio.timeout(self.seconds):
                await self._arrived.wait()
        except TimeoutError:
            message = f"waited {self.seconds:g} s for a call of {self.method}"
            raise AssertionError(message) from None
        return self.args

    def release(self, after_work: bool = True) -> None:  # noqa: FBT001, FBT002 - reads well
        self._work = after_work
        self._released.set()

    async def stand(self, args: Json) -> bool:
        """Stay until released; says whether to do the work."""
        self.args = args
        self._arrived.set()
        await self._released.wait()
        return self._work


class Faults:
    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lost: list[Fault] = []
        self._holds: list[Hold] = []
        self._standing: set[Hold] = set()

    def fail(self, method: str, times: int, refusal: Refused, when: When = always) -> None:
        self._faults.append(Fault(method, times, when, refusal))

    def lose_answer(self, method: str, times: int, when: When = always) -> None:
        self._lost.append(Fault(method, times, when))

    def hold(self, method: str, when: When = always) -> Hold:
        made = Hold(method, when)
        self._holds.append(made)
        return made

    def release_all(self) -> None:
        for hold in self._standing:
            hold.release(after_work=False)

    def strike(self, method: str, args: Json) -> None:
        """Raise what was ordered for this call."""
        for fault in self._faults:
            if fault.refusal and fault.meets(method, args):
                fault.left -= 1
                raise fault.refusal

    def swallows(self, method: str, args: Json) -> bool:
        for fault in self._lost:
            if fault.meets(method, args):
                fault.left -= 1
                return True
        return False

    async def stand(self, method: str, args: Json) -> bool:
        """Whether the work is to be done, said once nothing holds it any more."""
        for hold in self._holds:
            if hold.method == method and hold.when(args):
                self._holds.remove(hold)
                with self._keeping(hold):
                    return await hold.stand(args)
        return True

    @contextmanager
    def _keeping(self, hold: Hold) -> Iterator[None]:
        self._standing.add(hold)
        try:
            yield
        finally:
            self._standing.discard(hold)


class Pace:
    """One message a second and channel with bursts of five; fifty edits a minute altogether."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[float, datetime]] = {}
        self._updates: deque[datetime] = deque()

    def check(self, method: str, args: Json, now: datetime) -> None:
        if method in {"chat.postMessage", "chat.postEphemeral"}:
            self._post(str(args.get("channel")), now)
        elif method == "chat.update":
            self._update(now)

    def _post(self, channel: str, now: datetime) -> None:
        tokens, since = self._tokens.get(channel, (float(BURST), now))
        tokens = min(BURST, tokens + (now - since).total_seconds())
        if tokens < 1:
            raise ratelimited(1)
        self._tokens[channel] = tokens - 1, now

    def _update(self, now: datetime) -> None:
        while self._updates and now - self._updates[0] >= MINUTE:
            self._updates.popleft()
        if len(self._updates) >= UPDATES_PER_MINUTE:
            raise ratelimited(int((self._updates[0] + MINUTE - now).total_seconds()) + 1)
        self._updates.append(now)


def ratelimited(retry_after: int) -> Refused:
    return Refused("ratelimited", 429, retry_after=retry_after)
