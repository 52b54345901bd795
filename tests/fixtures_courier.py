"""A courier on a real database and the fake Slack, in time that moves when a test says so."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import select, update

from conftest import StoppedClock
from core import event_cursor, outbox
from core.leases import Claim
from core.models import Message, MessageKind, MessageState, Run, Task
from core.outbox import Letter
from core.task_queue import Wishes
from core.task_view import task_view
from fake_slack import FakeSlack, SlackMessage
from fixtures_heart import World
from interfaces.slack.incoming.desk import Desk
from interfaces.slack.outgoing.courier import Courier
from interfaces.slack.outgoing.equipment import Equipment

LANES = 2


@dataclass(eq=False)
class _Nap:
    event: asyncio.Event
    ends_at: float
    over: asyncio.Event = field(default_factory=asyncio.Event)


class VirtualPauses:
    """Lanes sleep until the clock is moved, and the test knows when they all do."""

    def __init__(self, clock: StoppedClock) -> None:
        self._clock = clock
        self._naps: list[_Nap] = []
        self._change = asyncio.Event()

    async def until(self, event: asyncio.Event, seconds: float) -> None:
        nap = _Nap(event, self._clock.monotonic() + seconds)
        self._naps.append(nap)
        self._change.set()
        waits = [asyncio.ensure_future(each.wait()) for each in (nap.event, nap.over)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._naps.remove(nap)
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def settled(self, lanes: int = LANES) -> None:
        """Nothing is left to do before the clock moves on."""
        async with asyncio.timeout(20):
            while not self._all_asleep(lanes):
                self._change.clear()
                await self._change.wait()

    def _all_asleep(self, lanes: int) -> bool:
        now = self._clock.monotonic()
        asleep = [nap for nap in self._naps if not nap.event.is_set() and nap.ends_at > now]
        return len(asleep) == lanes

    def rouse(self) -> None:
        """Whoever's time has come."""
        for nap in self._naps:
            if nap.ends_at <= self._clock.monotonic():
                nap.over.set()

    async def advance(self, seconds: float) -> None:
        self._clock.advance(seconds=seconds)
        self.rouse()
        await self.settled()


@dataclass
class Rounds:
    """What a test of the courier plays with."""

    world: World
    slack: FakeSlack
    client: AsyncWebClient
    desk: Desk
    pauses: VirtualPauses
    refused: list[str] = field(default_factory=list)
    couriers: list[Courier] = field(default_factory=list)

    @property
    def clock(self) -> StoppedClock:
        return self.world.clock

    def equipment(self, **changes: Any) -> Equipment:
        world = self.world

        def view_of(task_id: int) -> Any:
            return task_view(world.queue, world.policy, world.slots, task_id)

        given: dict[str, Any] = {
            "client": self.client,
            "database": world.database,
            "threads": self.desk,
            "view_of": view_of,
            "clock": world.clock,
            "on_refused": self.refused.append,
        }
        return Equipment(**given | changes)

    async def start(self, **changes: Any) -> Courier:
        courier = Courier(self.equipment(**changes), self.pauses)
        await courier.start()
        self.couriers.append(courier)
        return courier

    async def started(self, **changes: Any) -> Courier:
        courier = await self.start(**changes)
        await self.pauses.settled()
        return courier

    async def crash(self) -> None:
        """As a kill would: what is under way is cut off, nothing is tidied up."""
        await self.couriers.pop()._end_lanes()

    async def woken(self) -> None:
        self.couriers[-1].wake()
        await self.pauses.settled()

    async def pass_by(self, seconds: float, step: float = 1.0) -> None:
        for _ in range(round(seconds / step)):
            await self.pauses.advance(step)

    # --- the queue ---------------------------------------------------------------------------

    def add(self, text: str = "Say hello", channel: str = "C1", **wishes: Any) -> Task:
        wishes = {"requested_by": "U1", "slack_channel": channel} | wishes
        return self.world.queue.add_task(text, wishes=Wishes(**wishes))

    def begin(self) -> Claim:
        return self.world.start()

    def end(self, claim: Claim, **how: Any) -> None:
        self.world.finish(claim, "0.10", **how)

    def meter(self, run_id: int, nano: int) -> None:
        with self.world.database.write() as connection:
            connection.execute(update(Run).where(Run.id == run_id).values(metered_nano=nano))

    def put(self, key: str, channel: str = "C1", **more: Any) -> None:
        given: dict[str, Any] = {"payload": {"text": f"text of {key}"}} | more
        letter = Letter(key, MessageKind.REPLY, channel, **given)
        with self.world.database.write() as connection:
            outbox.put(connection, letter, self.clock.now())

    def row(self, key: str) -> Message:
        with self.world.database.read() as session:
            return session.scalars(select(Message).where(Message.key == key)).one()

    def rows(self, state: MessageState) -> list[str]:
        with self.world.database.read() as session:
            return list(session.scalars(select(Message.key).where(Message.state == state)))

    # --- the conversations -------------------------------------------------------------------

    def keyed(self, key: str) -> list[SlackMessage]:
        """Every message that stands anywhere for this letter."""
        everything = [each for channel in self.slack.messages.values() for each in channel]
        return [m for m in everything if not m.deleted and _key(m) == key]

    def one(self, key: str) -> SlackMessage:
        (found,) = self.keyed(key)
        return found

    def calls(self, method: str) -> list[Any]:
        return [call for call in self.slack.calls if call.method == method]

    async def until(self, holds: Callable[[], Any], what: str = "") -> Any:
        return await self.slack.until(holds, what)


def _key(message: SlackMessage) -> str | None:
    return ((message.metadata or {}).get("event_payload") or {}).get("key")


def begin_reading(world: World) -> None:
    with world.database.write() as connection:
        event_cursor.lead(connection, "test", None, world.clock.now())


@asynccontextmanager
async def opened(world: World) -> AsyncIterator[Rounds]:
    """No courier yet; the cursor stands before everything a test does."""
    begin_reading(world)
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(FakeSlack(world.clock))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        for user in ("U1", "U2"):
            slack.add_user(user)
        for channel in ("C1", "C2"):
            slack.add_channel(channel, members={"U1", "U2"})
        client = AsyncWebClient(slack.bot_token, slack.api_url, session=session, retry_handlers=[])
        client.proxy = None
        desk = Desk()
        stack.push_async_callback(desk.drain, 1.0)
        made = Rounds(world, slack, client, desk, VirtualPauses(world.clock))
        yield made
        for courier in made.couriers:
            await courier._end_lanes()


@pytest.fixture
async def rounds(sqlite_world: World) -> AsyncIterator[Rounds]:
    async with opened(sqlite_world) as made:
        yield made
