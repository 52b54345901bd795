"""Who people are: asked of Slack once a day, kept, never waited for long; and when they wake up."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import Engine, event
from structlog.testing import capture_logs

from conftest import StoppedClock
from core import people
from core.database import Database
from core.models import Person
from core.people import Habits
from fake_slack import FakeSlack
from fixtures_fake_slack import client, slack
from fixtures_heart import World, at
from interfaces.slack.incoming.desk import Desk
from interfaces.slack.incoming.people import People

__all__ = ["client", "slack"]

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
EIGHT = Habits(time(8), UTC_ZONE)


@pytest.fixture
async def house(
    slack: FakeSlack, client: AsyncWebClient, database: Database, clock: StoppedClock
) -> AsyncIterator[People]:
    desk = Desk()
    yield People(client, database, clock, UTC_ZONE, desk)
    await desk.drain(5)


def row(database: Database, user: str) -> Person | None:
    with database.read() as session:
        return people.find(session, user)


def lookups(slack: FakeSlack) -> int:
    return [call.method for call in slack.calls].count("users.info")


async def test_a_person_is_looked_up_once_a_day_and_a_hit_writes_nothing(
    house: People, slack: FakeSlack, database: Database, clock: StoppedClock
) -> None:
    assert await house.zone("U1") == BERLIN
    assert (await house.name("U1"), lookups(slack)) == ("ada", 1)
    before = row(database, "U1")

    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        clock.advance(hours=23)
        assert await house.zone("U1") == BERLIN
        await house.seen("U1")
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert {each.split()[0] for each in statements} == {"SELECT"}
    after = row(database, "U1")
    assert before is not None
    assert after is not None
    assert before.updated_at == after.updated_at

    clock.advance(hours=2)
    await house.seen("U1")
    assert lookups(slack) == 2


async def test_many_commands_at_once_ask_slack_once(house: People, slack: FakeSlack) -> None:
    zones = await asyncio.gather(*(house.zone("U1") for _ in range(50)))
    assert set(zones) == {BERLIN}
    assert lookups(slack) == 1


async def test_who_is_not_found_gets_the_budgets_zone_and_it_is_said_once(
    house: People, slack: FakeSlack, database: Database, clock: StoppedClock
) -> None:
    with capture_logs() as logs:
        assert await house.zone("U404") == UTC_ZONE
        assert await house.name("U404") == "U404"
        clock.advance(minutes=11)
        assert await house.zone("U404") == UTC_ZONE
    told = [each for each in logs if each["event"] == "slack.person_unknown"]
    assert [each["problem"] for each in told] == ["user_not_found"]
    assert lookups(slack) == 2
    assert row(database, "U404")


async def test_while_slack_does_not_answer_what_was_known_goes_on(
    house: People, slack: FakeSlack, clock: StoppedClock
) -> None:
    await house.zone("U1")
    clock.advance(days=2)
    slack.fail("users.info", error="internal_error")
    assert await house.zone("U1") == BERLIN
    clock.advance(minutes=9)
    assert await house.zone("U1") == BERLIN
    assert lookups(slack) == 2  # a person who fails is left alone for ten minutes
    clock.advance(minutes=2)
    await house.zone("U1")
    assert lookups(slack) == 3


@pytest.mark.parametrize("tz", ["Mars/Olympus", "", "../etc/passwd", "Europe", "a\x00b", "x" * 500])
async def test_a_zone_that_is_none_is_survived(house: People, slack: FakeSlack, tz: str) -> None:
    told = {"tz": tz, "name": "ada\x00", "profile": {"display_name": ""}}
    person = house._remember("U1", told)
    assert person.name == "ada"
    assert await house.zone("U1") == UTC_ZONE
    assert lookups(slack) == 0


async def test_who_is_new_or_has_moved_is_told_to_whoever_plans_mornings(
    house: People, slack: FakeSlack, clock: StoppedClock
) -> None:
    changes: list[int] = []
    house.on_change = lambda: changes.append(1)
    await house.seen("U1")
    assert len(changes) == 1
    clock.advance(days=2)
    await house.seen("U1")
    assert len(changes) == 1
    slack.users["U1"].tz = "Asia/Tokyo"
    clock.advance(days=2)
    await house.seen("U1")
    assert len(changes) == 2


# --- what they choose, and when their morning is --------------------------------------------------


def test_choices_are_kept_when_slack_is_asked_again(world: World) -> None:
    now = world.clock.now()
    world.add(project="my-app")
    with world.database.write() as connection:
        people.remember(connection, "U1", "ada", "Europe/Berlin", now)
        assert people.choose_project(connection, "U1", "my-app", now)
        assert not people.choose_project(connection, "U1", "no-such", now)
        people.choose_hour(connection, "U1", time(6, 30), now)
        people.opened_home(connection, "U1", now)
        people.remember(connection, "U1", "Ada", "Asia/Tokyo", now)
    person = row(world.database, "U1")
    assert person
    assert (person.name, person.timezone, person.digest_at) == ("Ada", "Asia/Tokyo", "06:30")
    assert (person.default_project, person.home_opened_at) == ("my-app", now)
    with world.database.read() as session:
        assert people.at_home_since(session, now, ["U1", "U2"]) == ["U1"]
        assert people.at_home_since(session, now + timedelta(seconds=1), ["U1"]) == []
        assert [each.user_id for each in people.among(session, {"U1", "U9"})] == ["U1"]


def test_who_asks_for_the_digest_in_the_afternoon_is_told_tomorrow(world: World) -> None:
    world.clock.set(at("07:00"))
    with world.database.write() as connection:
        people.meet(connection, "U1", at("07:00"))
        people.want_digest(connection, "U1", EIGHT, at("07:10"), wanted=False)
        people.want_digest(connection, "U1", EIGHT, at("15:00"), wanted=True)
    person = row(world.database, "U1")
    assert person is not None
    assert person.digest_wanted
    assert people.next_digest(person, EIGHT, at("15:00")).at == at("08:00", day=1)


def person(zone: str | None = "UTC", at_: str | None = None, **facts: Any) -> Person:
    known = {"created_at": datetime(2026, 1, 1, tzinfo=UTC), "digested_on": None}
    return Person(user_id="U1", timezone=zone, digest_at=at_, **{**known, **facts})


def test_a_digest_is_due_at_the_persons_hour_in_their_zone() -> None:
    now = datetime(2026, 3, 10, 3, 0, tzinfo=UTC)
    tokyo, los_angeles = person("Asia/Tokyo"), person("America/Los_Angeles")
    assert people.next_digest(tokyo, EIGHT, now).at == datetime(2026, 3, 9, 23, tzinfo=UTC)
    due = people.next_digest(los_angeles, EIGHT, now)
    assert (due.at, due.day) == (datetime(2026, 3, 9, 15, tzinfo=UTC), date(2026, 3, 9))


def test_an_hour_that_was_missed_is_made_up_for_on_the_same_day_only() -> None:
    missed = person(digested_on="2026-03-08")
    assert people.next_digest(missed, EIGHT, at("23:59")).at == at("08:00")
    assert people.next_digest(missed, EIGHT, at("00:00", day=1)).at == at("08:00", day=1)


def test_who_is_new_after_todays_hour_is_told_tomorrow() -> None:
    fresh = person(created_at=at("15:00"))
    assert people.next_digest(fresh, EIGHT, at("15:00")).at == at("08:00", day=1)


def test_who_flies_west_is_told_once_for_each_date() -> None:
    told = person("America/Los_Angeles", digested_on="2026-03-11")  # of the morning in Auckland
    due = people.next_digest(told, EIGHT, datetime(2026, 3, 10, 20, tzinfo=UTC))
    assert due.day == date(2026, 3, 12)


def test_an_hour_that_the_clocks_skip_is_the_first_instant_after_it() -> None:
    due = people.due_on(date(2026, 3, 29), person("Europe/Berlin", "02:30"), EIGHT)
    assert due == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_an_hour_that_comes_twice_is_the_first_of_the_two() -> None:
    twice = person("Europe/Berlin", "02:30", digested_on="2026-10-24")
    now = datetime(2026, 10, 24, 23, 0, tzinfo=UTC)
    assert people.next_digest(twice, EIGHT, now).at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    told = person("Europe/Berlin", "02:30", digested_on="2026-10-25")
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert people.next_digest(told, EIGHT, second).day == date(2026, 10, 26)


@given(
    zone=st.sampled_from(
        ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "X", ""]
    ),
    hour=st.times().map(lambda wall: f"{wall:%H:%M}") | st.sampled_from(["25:99", "x", ""]),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 1)),  # noqa: DTZ001 - made aware below
)
def test_digests_come_once_a_day_for_ever(zone: str, hour: str, start: datetime) -> None:
    now, someone, days = start.replace(tzinfo=UTC), person(zone, hour), []
    for _ in range(5):
        due = people.next_digest(someone, EIGHT, now)
        days.append(due.day)
        someone.digested_on = due.day.isoformat()
        now = max(now, due.at)
    assert days == [days[0] + timedelta(days=each) for each in range(5)]
