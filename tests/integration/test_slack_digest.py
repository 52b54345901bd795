"""The morning digest: at everybody's own hour, once, whatever is restarted in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import select, text
from structlog.testing import capture_logs

from core import people
from core.database import Database
from core.models import Message, MessageKind
from core.people import Habits
from core.quiet_night import Conditions
from core.task_view import task_view
from fake_slack import FakeSlack
from fixtures_fake_slack import slack
from fixtures_heart import World, at
from interfaces.slack.incoming.desk import Desk
from interfaces.slack.outgoing.courier import Courier
from interfaces.slack.outgoing.digest import MorningDigest
from interfaces.slack.outgoing.equipment import Equipment
from interfaces.slack.outgoing.household import Household

__all__ = ["slack"]

HABITS = Habits(time(8), ZoneInfo("UTC"))
PATIENCE = 20.0


@dataclass
class Mornings:
    """A digest service on a world, as often started as a test wants."""

    world: World
    house: Household
    desk: Desk

    def meet(self, user: str, zone: str | None = "UTC", since: datetime | None = None) -> None:
        with self.world.database.write() as connection:
            people.remember(connection, user, user, zone, since or at("00:00", day=-9))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[tuple[MorningDigest, asyncio.Event]]:
        told = asyncio.Event()
        service = MorningDigest(self.house, told.set)
        await service.start()
        try:
            yield service, told
        finally:
            await service.stop()

    async def letters_after(self, moment: datetime) -> list[Message]:
        """What stands in the outbox once a service has looked at that time."""
        self.world.clock.set(moment)
        await self.desk.in_thread(MorningDigest(self.house)._tell_everybody_due)
        return self.letters()

    def letters(self) -> list[Message]:
        with self.world.database.read() as session:
            told = select(Message).where(Message.kind == MessageKind.DIGEST).order_by(Message.id)
            return list(session.scalars(told))

    def keys(self) -> list[str]:
        return [letter.key for letter in self.letters()]


def household(world: World, desk: Desk) -> Household:
    given = Conditions(world.policy, world.slots)
    users = frozenset({"U1", "U2", "U3"})
    return Household(
        world.database, world.clock, desk, lambda: given, HABITS, users, frozenset({"U9"})
    )


@pytest.fixture
async def mornings(world: World) -> AsyncIterator[Mornings]:
    desk = Desk()
    yield Mornings(world, household(world, desk), desk)
    await desk.drain(5)


async def test_everybody_is_told_once_a_day_at_their_own_hour(mornings: Mornings) -> None:
    mornings.meet("U1", "Europe/Berlin")
    mornings.meet("U2", "America/New_York")
    assert await mornings.letters_after(at("06:59")) == []
    await mornings.letters_after(at("07:00"))
    assert mornings.keys() == ["digest:U1:2026-03-10"]
    await mornings.letters_after(at("11:59"))
    assert len(mornings.keys()) == 1
    await mornings.letters_after(at("12:00"))
    assert mornings.keys() == ["digest:U1:2026-03-10", "digest:U2:2026-03-10"]
    assert [letter.channel for letter in mornings.letters()] == ["U1", "U2"]
    await mornings.letters_after(at("07:00", day=1))
    assert mornings.keys()[-1] == "digest:U1:2026-03-11"


async def test_only_who_is_on_the_list_and_wants_it_is_told(mornings: Mornings) -> None:
    for user in ("U1", "U2", "U666"):
        mornings.meet(user)
    with mornings.world.database.write() as connection:
        people.want_digest(connection, "U2", HABITS, at("00:00"), wanted=False)
    await mornings.letters_after(at("09:00"))
    assert mornings.keys() == ["digest:U1:2026-03-10"]


async def test_a_daemon_that_was_down_tells_it_the_same_day_and_not_yesterdays(
    mornings: Mornings,
) -> None:
    mornings.meet("U1")
    await mornings.letters_after(at("08:00", day=-4))
    await mornings.letters_after(at("23:50"))
    await mornings.letters_after(at("00:10", day=1))
    assert mornings.keys() == ["digest:U1:2026-03-06", "digest:U1:2026-03-10"]


async def test_two_daemons_at_the_same_moment_tell_it_once(mornings: Mornings) -> None:
    mornings.meet("U1")
    mornings.world.clock.set(at("08:00"))
    other = Database(mornings.world.database.url.render_as_string(hide_password=False))
    services = [
        MorningDigest(mornings.house),
        MorningDigest(replace(mornings.house, database=other)),
    ]
    with other:
        looks = (mornings.desk.in_thread(each._tell_everybody_due) for each in services * 5)
        await asyncio.gather(*looks)
    assert mornings.keys() == ["digest:U1:2026-03-10"]


async def test_the_day_is_noted_in_the_transaction_of_the_letter(mornings: Mornings) -> None:
    mornings.meet("U1")
    await mornings.letters_after(at("08:00"))
    with mornings.world.database.read() as session:
        person = people.find(session, "U1")
    assert person is not None
    assert person.digested_on == "2026-03-10"


async def test_a_digest_begins_where_the_last_one_ended(mornings: Mornings) -> None:
    world = mornings.world
    mornings.meet("U1")
    await mornings.letters_after(at("08:00"))
    for wall, title in (("07:59", "told before"), ("08:00", "told now"), ("09:00", "later")):
        world.clock.set(at(wall))
        world.add(title, requested_by="U1")
        world.finish(world.start(), "0.01")
    first, second = await mornings.letters_after(at("08:00", day=1))
    assert "told before" not in str(second.payload)
    assert "told now" in str(second.payload)
    assert "later" in str(second.payload)
    assert "2 done" in str((second.payload or {})["text"])
    assert "nothing ran" in str((first.payload or {})["text"])


async def test_the_first_digest_begins_with_the_last_night(mornings: Mornings) -> None:
    world = mornings.world
    mornings.meet("U1")
    for moment, title in ((at("19:59", day=-1), "by day"), (at("20:00", day=-1), "by night")):
        world.clock.set(moment)
        world.add(title, requested_by="U1")
        world.finish(world.start(), "0.01")
    (letter,) = await mornings.letters_after(at("08:00"))
    assert "by night" in str(letter.payload)
    assert "by day" not in str(letter.payload)


async def test_after_a_long_time_off_a_day_is_told_and_not_a_week(mornings: Mornings) -> None:
    world = mornings.world
    mornings.meet("U1")
    await mornings.letters_after(at("08:00", day=-6))
    for moment, title in ((at("07:59", day=-1), "long ago"), (at("08:01", day=-1), "a day ago")):
        world.clock.set(moment)
        world.add(title, requested_by="U1")
        world.finish(world.start(), "0.01")
    letter = (await mornings.letters_after(at("08:00")))[-1]
    assert "a day ago" in str(letter.payload)
    assert "long ago" not in str(letter.payload)


async def test_a_day_of_twenty_five_hours_loses_none_of_them(mornings: Mornings) -> None:
    world = mornings.world
    mornings.meet("U1", "Europe/Berlin", datetime(2026, 1, 1, tzinfo=UTC))
    saturday, sunday = datetime(2026, 10, 24, 6, tzinfo=UTC), datetime(2026, 10, 25, 7, tzinfo=UTC)
    await mornings.letters_after(saturday)
    world.clock.set(saturday + timedelta(minutes=1))
    world.add("in the first hour", requested_by="U1")
    world.finish(world.start(), "0.01")
    letter = (await mornings.letters_after(sunday))[-1]
    assert letter.key == "digest:U1:2026-10-25"
    assert "in the first hour" in str(letter.payload)


async def test_an_hour_in_a_spring_gap_and_one_that_comes_twice_are_told_once(
    mornings: Mornings,
) -> None:
    mornings.meet("U1", "Europe/Berlin", datetime(2026, 1, 1, tzinfo=UTC))
    with mornings.world.database.write() as connection:
        people.choose_hour(connection, "U1", time(2, 30), datetime(2026, 1, 1, tzinfo=UTC))
    for hours in range(26):
        await mornings.letters_after(datetime(2026, 3, 28, 22, tzinfo=UTC) + timedelta(hours=hours))
    for hours in range(26):
        await mornings.letters_after(
            datetime(2026, 10, 24, 22, tzinfo=UTC) + timedelta(hours=hours)
        )
    told = [(letter.key, letter.created_at) for letter in mornings.letters()]
    assert told[0][0] == "digest:U1:2026-03-28"  # of the day that is about to end
    assert told[1] == ("digest:U1:2026-03-29", datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    autumn = [each for each in told if each[0] == "digest:U1:2026-10-25"]
    assert autumn == [("digest:U1:2026-10-25", datetime(2026, 10, 25, 1, 0, tzinfo=UTC))]


async def test_it_sleeps_until_the_next_hour_of_anybody(mornings: Mornings) -> None:
    mornings.meet("U1", "Europe/Berlin")
    mornings.meet("U2")
    mornings.world.clock.set(at("06:50"))
    look = MorningDigest(mornings.house)._tell_everybody_due
    assert await mornings.desk.in_thread(look) == (600.0, 0)
    mornings.world.clock.set(at("07:59:59"))
    assert await mornings.desk.in_thread(look) == (1.0, 1)
    mornings.world.clock.set(at("20:00"))
    assert await mornings.desk.in_thread(look) == (900.0, 1)


async def test_a_running_service_looks_again_when_somebody_has_chosen_another_hour(
    mornings: Mornings,
) -> None:
    mornings.meet("U1")
    mornings.world.clock.set(at("06:00"))
    async with mornings.running() as (service, told):
        with mornings.world.database.write() as connection:
            people.choose_hour(connection, "U1", time(5, 30), at("06:00"))
        service.wake()
        async with asyncio.timeout(PATIENCE):
            await told.wait()
    assert mornings.keys() == ["digest:U1:2026-03-10"]


async def test_one_persons_trouble_is_not_everybodys(mornings: Mornings) -> None:
    mornings.meet("U1")
    mornings.meet("U2")
    with mornings.world.database.write() as connection:
        spoilt = "UPDATE chat_people SET digested_on = 'yesterday' WHERE user_id = 'U1'"
        connection.execute(text(spoilt))
    with capture_logs() as logs:
        await mornings.letters_after(at("08:00"))
    assert mornings.keys() == ["digest:U2:2026-03-10"]
    assert [each["user"] for each in logs if each["event"] == "digest.failed"] == ["U1"]


async def test_it_arrives_in_slack_as_a_direct_message_once(
    slack: FakeSlack, sqlite_world: World
) -> None:
    world, desk = sqlite_world, Desk()
    mornings = Mornings(world, household(world, desk), desk)
    mornings.meet("U1")
    world.clock.set(at("21:00", day=-1))
    world.add("Add a login", requested_by="U1")
    world.finish(world.start(), "0.42")
    world.clock.set(at("08:00"))
    client = AsyncWebClient(slack.bot_token, slack.api_url, retry_handlers=[])
    client.proxy = None

    equipment = Equipment(
        client,
        world.database,
        desk,
        lambda task: task_view(world.queue, world.policy, world.slots, task),
        world.clock,
    )
    courier = Courier(equipment)
    service = MorningDigest(mornings.house, courier.wake)
    await courier.start()
    await service.start()
    try:
        channel = slack.dm_channel("U1")
        await slack.until(lambda: slack.messages.get(channel), "the digest", PATIENCE)
        service.wake()
        courier.wake()
    finally:
        await service.stop()
        await courier.stop()
        await desk.drain(5)
    (message,) = slack.messages[channel]
    assert message.text == "Good morning: 1 done"
    assert "Add a login" in str(message.blocks)
