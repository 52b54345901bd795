"""Keeps the home pages of the people who look at them up to date, and nobody else's.

One task publishes, so that two states of a page cannot overtake each other. A page is drawn again
when something has happened, at most once in `PACE` seconds for each person, and sent only when it
looks different; Slack's hash keeps a second daemon from being overwritten unseen.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from core import people
from core.home_view import home_view, reader_of
from core.windows import window_at
from interfaces.slack.connecting.identity import LOST, slack_word
from interfaces.slack.outgoing.household import Household
from interfaces.slack.rendering import pages
from interfaces.slack.rendering.blocks import Block

log = structlog.get_logger(__name__)

#: seconds between two looks at one person's page
PACE: Final = 10.0
#: how long after they opened it somebody's page is kept up to date
_LATELY: Final = timedelta(hours=24)
#: seconds after which it looks in any case
_LONGEST: Final = 900.0
#: the same while tasks run, whose cost grows, and after a page that Slack did not take
_SOON: Final = 60.0
_CONFLICT: Final = "hash_conflict"


@dataclass(slots=True)
class _Shown:
    """A page as it stands at Slack, as far as we know."""

    looked_at: float
    digest: str | None = None
    hash: str | None = None


class HomePages:
    def __init__(
        self,
        house: Household,
        client: AsyncWebClient,
        on_choice: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_choice` is told when somebody's morning has changed."""
        self._house = house
        self._client = client
        self.on_choice = on_choice
        self._awake = asyncio.Event()
        self._shown: dict[str, _Shown] = {}
        #: whose page is drawn without waiting for its turn
        self._at_once: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def house(self) -> Household:
        return self._house

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="slack-home")

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def wake(self) -> None:
        """Something has happened that a page may show."""
        self._awake.set()

    async def opened(self, user: str, shown_hash: str | None) -> None:
        """Somebody looks at their page; `shown_hash` names what they see, None: nothing yet."""
        known = self._shown.get(user)
        if known is None or known.hash is None or known.hash != shown_hash:
            self._shown[user] = _Shown(0.0, None, shown_hash)
            self._at_once.add(user)
        await self._house.threads.in_thread(self._note, user)
        self.wake()

    def chosen(self, user: str) -> None:
        """They have changed their settings and wait to see it."""
        self._at_once.add(user)
        self.on_choice()
        self.wake()

    async def _run(self) -> None:
        while True:
            self._awake.clear()
            seconds = await self._round()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._awake.wait()

    async def _round(self) -> float:
        """Bring every page up to date that may be; answers when to look again, in seconds."""
        pauses = [_LONGEST]
        try:
            lookers, to_edge = await self._house.threads.in_thread(self._look)
            pauses.append(to_edge)
            pauses += [await self._bring_up_to_date(user) for user in lookers]
        except Exception:
            log.exception("home.failed")
            pauses.append(PACE)
        return min(pauses)

    async def _bring_up_to_date(self, user: str) -> float:
        now = self._house.clock.monotonic()
        shown = self._shown.setdefault(user, _Shown(now - PACE))
        wait = shown.looked_at + PACE - now
        if user not in self._at_once and wait > 0:
            return wait
        self._at_once.discard(user)
        shown.looked_at = now
        page, is_live = await self._house.threads.in_thread(self._draw, user)
        digest = hashlib.sha256(json.dumps(page).encode()).hexdigest()
        if digest != shown.digest:
            if not await self._publish(user, page, shown):
                return _SOON
            shown.digest = digest
        return _SOON if is_live else _LONGEST

    async def _publish(self, user: str, page: Block, shown: _Shown) -> bool:
        """Over what we know to stand there; over anything once that turns out to be wrong."""
        for seen in (shown.hash, None):
            given = {"hash": seen} if seen else {}
            try:
                answer = await self._client.views_publish(user_id=user, view=page, **given)
            except LOST as error:
                word = slack_word(error)
                if word == _CONFLICT and seen:
                    continue
                log.warning("home.not_published", user=user, problem=word or type(error).__name__)
                return False
            shown.hash = _hash_of(answer.get("view"))
            return True
        return False

    # --- in a thread -------------------------------------------------------------------------

    def _look(self) -> tuple[list[str], float]:
        """Who has opened their page lately, and the seconds until a window begins."""
        house, now = self._house, self._house.clock.now()
        with house.database.read() as session:
            lookers = list(people.at_home_since(session, now - _LATELY, house.users))
        return lookers, self._until_edge(now)

    def _until_edge(self, now: datetime) -> float:
        window = window_at(now, self._house.conditions().policy.hours)
        return (window.ends_at - now).total_seconds()

    def _draw(self, user: str) -> tuple[Block, bool]:
        """The page, and whether something runs on it."""
        house = self._house
        given, now = house.conditions(), house.clock.now()
        with house.database.read() as session:
            reader = reader_of(session, user, house.admins, house.habits)
            view = home_view(session, reader, given, now)
        return pages.home(view), view.running.total > 0

    def _note(self, user: str) -> None:
        with self._house.database.write() as connection:
            people.opened_home(connection, user, self._house.clock.now())


def _hash_of(view: Any) -> str | None:
    return str(view["hash"]) if isinstance(view, dict) and view.get("hash") else None
