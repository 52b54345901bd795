"""The lane of the cards: each shows its task's present state, one edit after the other.

Nothing is queued: a card is drawn when its turn has come, from what the database says then, so a
state that has passed is never shown and an older one cannot overwrite a newer one. An edit whose
answer got lost may still be on its way; the card is edited once more when it cannot be any longer.

A card that somebody deleted is given up; its thread's posts then go to the conversation.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from core import outbox
from core.errors import TaskNotFound
from core.models import Message, TaskStatus
from interfaces.slack.outgoing.drawing import Drawn, draw
from interfaces.slack.outgoing.equipment import Equipment, Permit
from interfaces.slack.outgoing.pace import CARD_GAP, Closed, EditPace, Haste, Patience
from interfaces.slack.outgoing.posting import Posting
from interfaces.slack.outgoing.sessions import Sessions
from interfaces.slack.outgoing.trouble import Meaning, Trouble

log = structlog.get_logger(__name__)

#: seconds between looks at all cards of tasks that are not over: why a task waits changes silently
SWEEP: Final = 60.0
#: seconds after which a request whose answer got lost can no longer be on its way
SURELY_OVER: Final = 60.0
#: seconds until a card that Slack refuses for an unknown reason is tried again
REFUSED_PAUSE: Final = 60.0
#: open cards looked at in one go
SOME: Final = 50
OVER: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})
_METHOD: Final = "chat.update"


@dataclass(slots=True)
class _Memory:
    """What this process knows of a card beside its row."""

    status: TaskStatus | None = None
    #: edit it once more at this time, whatever is known of what it shows
    again_at: float | None = None
    #: an edit's answer got lost since the last one that succeeded
    in_doubt: bool = False
    not_before: float = 0.0


class Editor:
    def __init__(self, equipment: Equipment, permit: Permit) -> None:
        self._with = equipment
        self._permit = permit
        self._posting = Posting(equipment.client)
        self._sessions = Sessions(equipment.client, equipment.clock)
        self._pace, self._closed, self._patience = EditPace(), Closed(), Patience()
        self._memories: dict[int, _Memory] = {}
        self._sweep_at, self._swept = 0.0, 0

    async def refresh(self, *, running: bool, last: bool = False) -> float | None:
        """Draw what is stale and, with `running`, what may have grown; answers the seconds until
        there is something to do again, None: nothing waits. `last`: now or never.
        """
        cards = await self._candidates(running=running)
        waits = [await self._carefully(card, last=last) for card in cards if self._permit.holds()]
        if self._permit.holds():
            await self._sessions.tell()
        waits += [CARD_GAP] if running else []
        return min((wait for wait in waits if wait), default=None)

    async def _candidates(self, *, running: bool) -> list[Message]:
        """The stale ones first, and whoever was edited longest ago."""
        now = self._with.clock.monotonic()
        doubtful = [number for number, each in self._memories.items() if _is_up(each, now)]
        found = {card.id: card for card in await self._sweep(now)}
        wanted = await self._with.read(outbox.cards_to_draw, doubtful, running=running)
        found |= {card.id: card for card in wanted}
        return sorted(found.values(), key=self._turn)

    async def _sweep(self, now: float) -> Sequence[Message]:
        """Now and then all open cards, some at a time."""
        if now < self._sweep_at:
            return ()
        cards, self._swept = await self._with.read(outbox.open_cards, self._swept, SOME)
        self._sweep_at = now if self._swept else now + SWEEP
        return cards

    def _turn(self, card: Message) -> tuple[bool, float]:
        return not _is_stale(card), self._pace.edited_at(card.id)

    async def _carefully(self, card: Message, *, last: bool) -> float:
        """One card that cannot be drawn must not keep the others from it."""
        try:
            return await self._refresh(card, last=last)
        except TaskNotFound:
            await self._give_up(card, "task_not_found")
        except Exception:
            log.exception("slack.card_stumbled", key=card.key)
            self._memory(card).not_before = self._with.clock.monotonic() + REFUSED_PAUSE
        return 0.0

    async def _refresh(self, card: Message, *, last: bool) -> float:
        """Zero, or the seconds until it may be edited."""
        memory, now = self._memory(card), self._with.clock.monotonic()
        if wait := self._blocked(memory, now):
            return wait
        drawn = await self._with.threads.in_thread(self._draw, card)
        self._sessions.follow(card, drawn.status)
        if drawn.digest != card.shown or _is_up(memory, now):
            haste = Haste.STATE if last else _haste(card, drawn, memory)
            if wait := self._pace.wait(card.id, now, haste):
                return wait
            self._pace.note(card.id, now, haste)
            trouble = await self._posting.edit(card, drawn.content)
            if trouble is not None:
                return await self._trouble(card, memory, trouble)
            self._succeeded(memory)
        await self._shows(card, drawn, memory)
        return 0.0

    def _draw(self, card: Message) -> Drawn:
        return draw(self._with.view_of(card.task_id or 0))

    def _blocked(self, memory: _Memory, now: float) -> float:
        closed = self._closed.wait(_METHOD, now)
        return max(self._patience.wait(now), closed, memory.not_before - now, 0.0)

    def _succeeded(self, memory: _Memory) -> None:
        self._patience.answered()
        over = self._with.clock.monotonic() + SURELY_OVER
        memory.again_at, memory.in_doubt = over if memory.in_doubt else None, False

    async def _shows(self, card: Message, drawn: Drawn, memory: _Memory) -> None:
        """Note what it shows; the session is told before, so that a crash between repeats both."""
        await self._sessions.tell()
        memory.status = drawn.status
        if drawn.digest != card.shown or _is_stale(card):
            await self._with.write(outbox.shown, card.id, drawn.digest, card.wanted_seq)
            log.debug("slack.card_shown", key=card.key, status=drawn.status)
        if drawn.status in OVER and memory.again_at is None:
            self._forget(card)

    async def _trouble(self, card: Message, memory: _Memory, trouble: Trouble) -> float:
        log.warning("slack.edit_refused", key=card.key, error=trouble.word)
        now = self._with.clock.monotonic()
        match trouble.meaning:
            case Meaning.UNKNOWN:
                memory.in_doubt = True
                # whatever it shows by now, it is drawn again
                await self._with.write(outbox.shown, card.id, None, card.shown_seq)
                return self._patience.lost(now, random.random())  # noqa: S311 - jitter, no secret
            case Meaning.UNREACHED:
                return self._patience.lost(now, random.random())  # noqa: S311 - jitter, no secret
            case Meaning.TOO_FAST:
                self._closed.close(_METHOD, trouble.wait, now)
                return trouble.wait
            case Meaning.TOKEN:
                self._permit.withdraw(trouble.word)
            case Meaning.NO_MESSAGE | Meaning.NO_PLACE | Meaning.NO_THREAD:
                await self._give_up(card, trouble.word)
            case _:
                memory.not_before = now + REFUSED_PAUSE
        return 0.0

    async def _give_up(self, card: Message, word: str) -> None:
        log.warning("slack.card_given_up", key=card.key, error=word)
        await self._with.write(outbox.give_up, card.id, word)
        self._forget(card)

    def _memory(self, card: Message) -> _Memory:
        return self._memories.setdefault(card.id, _Memory())

    def _forget(self, card: Message) -> None:
        self._memories.pop(card.id, None)
        self._pace.forget(card.id)


def _haste(card: Message, drawn: Drawn, memory: _Memory) -> Haste:
    if drawn.status is not memory.status:
        return Haste.STATE
    return Haste.NEWS if _is_stale(card) else Haste.FIGURES


def _is_stale(card: Message) -> bool:
    return card.wanted_seq > card.shown_seq


def _is_up(memory: _Memory, now: float) -> bool:
    return memory.again_at is not None and now >= memory.again_at
