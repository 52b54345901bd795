"""Who people are and where their day begins: asked of Slack once a day, kept in chat_people.

What is known costs one read and no write. Where Slack does not answer, what was known before goes
on, and the budget's zone stands in for what never was; nobody waits long for it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from weakref import WeakValueDictionary
from zoneinfo import ZoneInfo

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from core import people
from core.clock import Clock
from core.database import Database
from core.models import Person
from interfaces.slack.connecting.identity import LOST, slack_word
from interfaces.slack.outgoing.equipment import Threads
from interfaces.slack.rendering.facts import readable

log = structlog.get_logger(__name__)

_FRESH: Final = timedelta(days=1)
#: seconds that a request waits for Slack to say who somebody is
_PATIENCE: Final = 2.0
#: seconds until somebody who could not be looked up is looked up again
_PAUSE: Final = 600.0
_NAME_CHARS: Final = 80


@dataclass(frozen=True, slots=True)
class Known:
    zone: ZoneInfo
    name: str
    default_project: str | None


class People:
    def __init__(
        self,
        client: AsyncWebClient,
        database: Database,
        clock: Clock,
        default_zone: ZoneInfo,
        threads: Threads,
    ) -> None:
        self._client = client
        self._database = database
        self._clock = clock
        self._default_zone = default_zone
        self._threads = threads
        #: told when somebody is new here or their day begins at another time
        self.on_change: Callable[[], None] = lambda: None
        #: one question at a time for each person, however many of their commands come at once
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._failed: dict[str, float] = {}

    async def about(self, user: str) -> Known:
        person = await self._fresh(user)
        name = person.name if person else user
        chosen = person.default_project if person else None
        return Known(people.zone_of(person, self._default_zone), name, chosen)

    async def zone(self, user: str) -> ZoneInfo:
        return (await self.about(user)).zone

    async def name(self, user: str) -> str:
        return (await self.about(user)).name

    async def seen(self, user: str) -> None:
        """They use the chat: from now on they are told of their mornings."""
        await self._fresh(user)

    async def _fresh(self, user: str) -> Person | None:
        person = await self._threads.in_thread(self._find, user)
        if not self._is_due(user, person):
            return person
        lock = self._asking.setdefault(user, asyncio.Lock())
        async with lock:
            person = await self._threads.in_thread(self._find, user)
            if self._is_due(user, person):
                person = await self._look_up(user, person)
        return person

    def _is_due(self, user: str, person: Person | None) -> bool:
        if person and person.looked_up_at and self._clock.now() - person.looked_up_at < _FRESH:
            return False
        failed_at = self._failed.get(user)
        return failed_at is None or self._clock.monotonic() - failed_at >= _PAUSE

    async def _look_up(self, user: str, known: Person | None) -> Person | None:
        try:
            async with asyncio.timeout(_PATIENCE):
                told = (await self._client.users_info(user=user)).get("user") or {}
        except LOST as error:
            if user not in self._failed:
                problem = slack_word(error) or type(error).__name__
                zone = people.zone_of(known, self._default_zone).key
                log.warning("slack.person_unknown", user=user, problem=problem, zone=zone)
            self._failed[user] = self._clock.monotonic()
            return known or await self._threads.in_thread(self._meet, user)
        self._failed.pop(user, None)
        person = await self._threads.in_thread(self._remember, user, told)
        if known is None or known.timezone != person.timezone:
            self.on_change()
        return person

    # --- in a thread -------------------------------------------------------------------------

    def _find(self, user: str) -> Person | None:
        with self._database.read() as session:
            return people.find(session, user)

    def _meet(self, user: str) -> Person | None:
        with self._database.write() as connection:
            people.meet(connection, user, self._clock.now())
            return people.find(connection, user)

    def _remember(self, user: str, told: dict[str, Any]) -> Person:
        timezone = told.get("tz")
        with self._database.write() as connection:
            kept = readable(str(timezone)) if timezone else None
            people.remember(connection, user, _name(told) or user, kept, self._clock.now())
            person = people.find(connection, user)
        assert person is not None  # noqa: S101 - it was written in this transaction
        if kept and people.zone_of(person, _NOWHERE) is _NOWHERE:
            log.warning("slack.zone_unknown", user=user, zone=kept[:_NAME_CHARS])
        return person


#: no zone that a person may have
_NOWHERE: Final = ZoneInfo.no_cache("UTC")


def _name(told: dict[str, Any]) -> str:
    profile = told.get("profile") or {}
    names = (profile.get("display_name"), told.get("real_name"), told.get("name"))
    name = next((str(each) for each in names if each), "")
    return " ".join(readable(name).split())[:_NAME_CHARS]
