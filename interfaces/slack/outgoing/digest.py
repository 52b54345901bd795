"""The morning digest: one message for each person, at their hour, once.

It sleeps until the next hour that is due among all people, and looks again when people change. The
letter and the note that the day is told are one transaction, under a key that names person and day:
neither a restart nor a second daemon tells it twice.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection, select

from core import outbox, people
from core.models import Message, MessageKind, Person
from core.night_report import NightReport, last_night, night_report
from core.outbox import Letter
from core.people import Due
from core.quiet_night import Conditions
from interfaces.slack.outgoing.household import Household
from interfaces.slack.rendering import bulletins

log = structlog.get_logger(__name__)

#: seconds after which it looks again in any case: a machine may have been suspended
_LONGEST: Final = 900.0
#: seconds until somebody whose digest could not be made is tried again
_AGAIN: Final = 60.0
_DAY: Final = timedelta(days=1)


class MorningDigest:
    def __init__(self, house: Household, on_letters: Callable[[], None] = lambda: None) -> None:
        """`on_letters` is told when there is something to send."""
        self._house = house
        self._on_letters = on_letters
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="slack-digest")

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def wake(self) -> None:
        """Somebody is new, or has chosen another hour."""
        self._awake.set()

    async def _run(self) -> None:
        while True:
            self._awake.clear()
            seconds, told = await self._house.threads.in_thread(self._tell_everybody_due)
            if told:
                self._on_letters()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._awake.wait()

    # --- in a thread -------------------------------------------------------------------------

    def _tell_everybody_due(self) -> tuple[float, int]:
        """For how many seconds nothing is due now, and how many were told."""
        try:
            now, readers = self._house.clock.now(), self._readers()
        except Exception:
            log.exception("digest.failed")
            return _AGAIN, 0
        looks = [self._tell_when_due(each, now) for each in readers]
        seconds = min([_LONGEST, *(look[0] for look in looks)])
        return seconds, sum(look[1] for look in looks)

    def _readers(self) -> list[Person]:
        with self._house.database.read() as session:
            known = people.among(session, self._house.users)
            return [person for person in known if person.digest_wanted]

    def _tell_when_due(self, person: Person, now: datetime) -> tuple[float, bool]:
        """One person's trouble is not everybody's."""
        told = False
        try:
            due = people.next_digest(person, self._house.habits, now)
            if due.at <= now:
                told = self._tell(person, due)
                person.digested_on = due.day.isoformat()
                due = people.next_digest(person, self._house.habits, now)
        except Exception:
            log.exception("digest.failed", user=person.user_id)
            return _AGAIN, False
        return max(0.0, (due.at - now).total_seconds()), told

    def _tell(self, person: Person, due: Due) -> bool:
        house, given = self._house, self._house.conditions()
        with house.database.write() as connection:
            # once alone among writers: whatever ended before is in the report
            until = house.clock.now()
            since = _since(connection, person, given, (due, until), house)
        with house.database.read() as session:
            report = night_report(session, person.user_id, given, since, until)
        with house.database.write(wakes=True) as connection:
            told = self._put(connection, person.user_id, due, report)
        if told:
            log.info("digest.told", user=person.user_id, day=due.day.isoformat())
        return told

    def _put(self, connection: Connection, user: str, due: Due, report: NightReport) -> bool:
        """False: another daemon was faster, or the person has just turned it off."""
        person = people.find(connection, user)
        if person is None or not person.digest_wanted:
            return False
        key, payload = _key(user, due.day.isoformat()), bulletins.digest(report)
        letter = Letter(key, MessageKind.DIGEST, user, payload=payload)
        people.note_digest(connection, user, due.day, self._house.clock.now())
        return outbox.put(connection, letter, report.until) is not None


def _key(user: str, day: str) -> str:
    return f"digest:{user}:{day}"


def _since(
    connection: Connection,
    person: Person,
    given: Conditions,
    times: tuple[Due, datetime],
    house: Household,
) -> datetime:
    """Where the last digest ended, at most a day ago; the first one begins with the last night.

    A day of theirs, which may have 25 hours, and never less than 24.
    """
    due, until = times
    a_day_ago = min(until - _DAY, people.due_on(due.day - _DAY, person, house.habits))
    last = connection.scalar(
        select(Message.created_at).where(
            Message.key == _key(person.user_id, person.digested_on or "")
        )
    )
    return max(a_day_ago, last or last_night(given.policy, until).starts_at)
