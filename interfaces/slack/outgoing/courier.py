"""The courier: what happened becomes messages, each of them once, and cards that tell the truth.

Two lanes run side by side: letters (events are read, messages posted) and cards (edited). Each is
one task that does one thing after the other, so a lane needs no locks. They look when woken, when
something falls due, and every few seconds in case a wake-up got lost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final, Protocol

import structlog

from core import event_cursor, outbox
from core.failpoints import reached
from core.logs import new_correlation_id
from interfaces.slack.outgoing.editing import Editor
from interfaces.slack.outgoing.equipment import Equipment, Permit
from interfaces.slack.outgoing.planning import read_on
from interfaces.slack.outgoing.sending import Sender

log = structlog.get_logger(__name__)

#: seconds until a look that nobody asked for
SAFETY_LOOK: Final = 5.0
#: where several daemons share a database: how long one that died keeps the others waiting
LEASE: Final = timedelta(seconds=60)
#: seconds between renewals, so that a lease that is held always outlasts a call to Slack
RENEWAL: Final = 15.0
#: seconds that the last messages and cards get at the end
LAST_WORDS: Final = 4.0
#: what sent messages said is kept for this long
KEPT: Final = timedelta(days=30)
_DAY: Final = 24 * 3600.0


class Pauses(Protocol):
    async def until(self, event: asyncio.Event, seconds: float) -> None:
        """Return once the event is set or so many seconds have passed."""
        ...


class RealPauses:
    async def until(self, event: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()


class Courier:
    """Start it before people can ask for anything: their tasks' cards come from events that are
    read from its first start on.
    """

    def __init__(self, equipment: Equipment, pauses: Pauses | None = None) -> None:
        self._with = equipment
        self._pauses = pauses or RealPauses()
        self._owner = new_correlation_id()
        self._permit = Permit(equipment.clock, equipment.on_refused)
        self._sender = Sender(equipment, self._owner, self._permit)
        self._editor = Editor(equipment, self._permit)
        self._letters, self._cards = asyncio.Event(), asyncio.Event()
        self._stopping = False
        self._lanes: list[asyncio.Task[None]] = []
        #: a SQLite file has one daemon; no lease is needed
        self._lease = None if equipment.database.is_sqlite else LEASE
        self._leads, self._renew_at, self._prune_at = False, 0.0, 0.0

    async def start(self) -> None:
        await self._lead()
        lanes = ((self._letters, self._letters_round), (self._cards, self._cards_round))
        for awake, round_ in lanes:
            lane = asyncio.create_task(self._run(awake, round_), name=f"courier-{round_.__name__}")
            self._lanes.append(lane)

    def wake(self) -> None:
        """Something may have happened; costs nothing, from the loop."""
        self._letters.set()

    async def stop(self) -> None:
        """End the lanes; what is due by now still goes out, as far as a few seconds suffice."""
        self._stopping = True
        self._letters.set()
        self._cards.set()
        try:
            async with asyncio.timeout(LAST_WORDS):
                await asyncio.gather(*self._lanes)
                await self._last_words()
        except TimeoutError:
            log.warning("slack.last_words_cut_off", seconds=LAST_WORDS)
        except Exception:
            log.exception("slack.courier_stumbled")
        await self._end_lanes()

    async def _end_lanes(self) -> None:
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)
        self._lanes.clear()

    async def _last_words(self) -> None:
        if self._leads:
            await self._letters_round()
            await self._editor.refresh(running=False, last=True)
            await self._with.write(event_cursor.resign, self._owner, self._with.now())

    async def _run(self, awake: asyncio.Event, round_: Callable[[], Awaitable[float]]) -> None:
        while not self._stopping:
            awake.clear()
            try:
                seconds = await round_()
            except Exception:
                # a locked database, say: the next look finds everything as it was left
                log.exception("slack.courier_stumbled")
                seconds = SAFETY_LOOK
            if not self._stopping:
                await self._pauses.until(awake, seconds)

    async def _letters_round(self) -> float:
        """Read, plan and send; the seconds until the next look."""
        if not await self._lead():
            return SAFETY_LOOK
        seen = await self._with.read(outbox.glance)
        if seen.unread:
            await self._plan()
        wait = await self._sender.deliver() if seen.unread or seen.due_at else None
        if seen.unread or seen.due_at or seen.stale:
            self._cards.set()
        await self._prune()
        return await self._next_look(wait)

    async def _plan(self) -> None:
        further, more = self._with.further, True
        while more:
            read = await self._with.write(read_on, self._owner, further, self._with.now())
            more = read == event_cursor.BATCH
        reached("chat.planned")

    async def _next_look(self, wait: float | None) -> float:
        """When the pace allows the next letter, or the next one falls due."""
        due_at = await self._with.read(outbox.next_due_at, self._with.now())
        left = (due_at - self._with.now()).total_seconds() if due_at else SAFETY_LOOK
        return min(left, SAFETY_LOOK if wait is None else wait, SAFETY_LOOK)

    async def _cards_round(self) -> float:
        if not self._leads:
            return SAFETY_LOOK
        seen = await self._with.read(outbox.glance)
        wait = await self._editor.refresh(running=seen.running)
        return SAFETY_LOOK if wait is None else min(wait, SAFETY_LOOK)

    async def _lead(self) -> bool:
        """Whether this daemon delivers; renewed in time."""
        now = self._with.clock.monotonic()
        if not self._leads or (self._lease is not None and now >= self._renew_at):
            self._renew_at = now + RENEWAL
            led, self._leads = self._leads, False
            self._leads = await self._with.write(
                event_cursor.lead, self._owner, self._lease, self._with.now()
            )
            if self._leads is not led:
                log.info("slack.delivers" if self._leads else "slack.delivers_no_more")
        return self._leads

    async def _prune(self) -> None:
        now = self._with.clock.monotonic()
        if now >= self._prune_at:
            self._prune_at = now + _DAY
            await self._with.write(outbox.prune, self._with.now() - KEPT)
