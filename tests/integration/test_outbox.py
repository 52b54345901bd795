"""The outbox on both databases: put once, taken by one, forgotten late; its looks read indexes."""

import timeit
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from core import event_cursor, outbox
from core.models import MessageKind, MessageState
from core.outbox import Letter, Standing
from fixtures_heart import World, sqlite_world, world
from query_plans import plans

__all__ = ["sqlite_world", "world"]

ME, OTHER = "me", "other"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def now(world: World) -> datetime:
    return world.clock.now()


@pytest.fixture
def connection(world: World, now: datetime) -> Iterator[Connection]:
    """One open transaction of the daemon that delivers."""
    with world.database.write() as connection:
        event_cursor.lead(connection, ME, None, now)
        yield connection


def letter(key: str, **more: Any) -> Letter:
    return Letter(**{"key": key, "kind": MessageKind.REPLY, "channel": "C1", "payload": {}} | more)


def put(connection: Connection, key: str, now: datetime, **more: Any) -> int:
    row = outbox.put(connection, letter(key, **more), now)
    assert row is not None
    return row


def send(connection: Connection, row: int, now: datetime, ts: str, **more: Any) -> None:
    assert outbox.take(connection, row, ME, now)
    place = {"channel": "C1", "thread_ts": None} | more
    outbox.sent(connection, row, Standing(ts=ts, **place), now)


def due(world: World, now: datetime) -> list[str]:
    with world.database.read() as session:
        return [each.key for each in outbox.due(session, now)]


def test_a_letter_is_put_once_for_ever(connection: Connection, now: datetime) -> None:
    assert outbox.put(connection, letter("a"), now) is not None
    assert outbox.put(connection, letter("a"), now) is None


def test_a_letter_for_a_thread_waits_until_its_parent_stands(world: World, now: datetime) -> None:
    with world.database.write() as connection:
        event_cursor.lead(connection, ME, None, now)
        parent = put(connection, "parent", now)
        put(connection, "child", now, parent_id=parent)
    assert due(world, now) == ["parent"]
    with world.database.write() as connection:
        send(connection, parent, now, "100.1")
    assert due(world, now) == ["child"]


def test_a_letter_whose_parent_is_given_up_waits_no_longer(world: World, now: datetime) -> None:
    with world.database.write() as connection:
        parent = put(connection, "parent", now)
        put(connection, "child", now, parent_id=parent)
        outbox.give_up(connection, parent, "is_archived")
    assert due(world, now) == ["child"]


def test_a_letter_that_was_taken_is_not_looked_for_at_once(world: World, now: datetime) -> None:
    with world.database.write() as connection:
        event_cursor.lead(connection, ME, None, now)
        taken = outbox.take(connection, put(connection, "a", now), ME, now)
    assert taken
    assert (taken.state, taken.attempts) == (MessageState.SENDING, 1)
    assert due(world, now) == []
    assert due(world, now + outbox.GRACE) == ["a"]
    with world.database.read() as session:
        assert outbox.next_due_at(session, now) == now + outbox.GRACE


def test_what_is_sent_or_given_up_is_not_taken_again(connection: Connection, now: datetime) -> None:
    sent, given_up = put(connection, "a", now), put(connection, "b", now)
    send(connection, sent, now, "100.1")
    outbox.give_up(connection, given_up, "is_archived")
    assert outbox.take(connection, sent, ME, now) is None
    assert outbox.take(connection, given_up, ME, now) is None
    outbox.put_off(connection, sent, now, "late news")
    assert outbox.by_id(connection, sent).state is MessageState.SENT


def test_only_who_leads_takes_and_a_lease_that_ran_out_passes_on(world: World) -> None:
    now, lease = world.clock.now(), MINUTE
    with world.database.write() as connection:
        assert event_cursor.lead(connection, ME, lease, now)
        assert not event_cursor.lead(connection, OTHER, lease, now)
        row = put(connection, "a", now)
        assert outbox.take(connection, row, OTHER, now) is None
        assert event_cursor.lead(connection, ME, lease, now + MINUTE / 2)
        assert not event_cursor.lead(connection, OTHER, lease, now + MINUTE)
        assert event_cursor.lead(connection, OTHER, lease, now + 2 * MINUTE)
        assert outbox.take(connection, row, ME, now) is None
        assert outbox.take(connection, row, OTHER, now)


def test_who_resigns_lets_the_next_one_lead_at_once(world: World) -> None:
    now, lease = world.clock.now(), MINUTE
    with world.database.write() as connection:
        event_cursor.lead(connection, ME, lease, now)
        event_cursor.resign(connection, OTHER, now)
        assert not event_cursor.lead(connection, OTHER, lease, now)
        event_cursor.resign(connection, ME, now)
        assert event_cursor.lead(connection, OTHER, lease, now)


def test_reading_begins_after_the_newest_event_and_skips_none_from_there(world: World) -> None:
    world.add("before")
    now = world.clock.now()
    with world.database.write() as connection:
        event_cursor.lead(connection, ME, None, now)
        assert event_cursor.unread(connection) == []
    world.add("one")
    world.add("two")
    with world.database.write() as connection:
        event_cursor.lead(connection, ME, None, now)
        events = event_cursor.unread(connection)
        assert [event.task_id for event in events] == [2, 3]
        event_cursor.advance(connection, events[0].seq, now)
        assert [event.task_id for event in event_cursor.unread(connection)] == [3]


def card(world: World, connection: Connection, ts: str = "100.1", **place: Any) -> None:
    """Of the newest task, and standing."""
    now = world.clock.now()
    task_id = int(connection.scalar(text("SELECT max(id) FROM tasks")) or 0)
    more = {"kind": MessageKind.CARD, "task_id": task_id, "payload": None}
    row = put(connection, f"card:{task_id}", now, **more)
    send(connection, row, now, ts, **place)


def test_a_thread_belongs_to_the_task_whose_card_roots_it_or_stands_in_it(world: World) -> None:
    now = world.clock.now()
    for _ in range(3):
        world.add()
        with world.database.write() as connection:
            event_cursor.lead(connection, ME, None, now)
            tasks = connection.scalar(text("SELECT count(*) FROM tasks")) or 0
            thread = {"thread_ts": None if tasks == 1 else "300.1"}
            card(world, connection, f"{tasks}00.2", **thread)
    with world.database.read() as session:
        assert outbox.task_of_thread(session, "C1", "100.2") == 1
        assert outbox.task_of_thread(session, "C1", "300.1") == 3, "the newest that stands in it"
        assert outbox.task_of_thread(session, "C2", "100.2") is None
        assert outbox.task_of_thread(session, "C1", "999.9") is None


def test_a_card_is_stale_until_it_shows_what_was_wanted(world: World) -> None:
    now = world.clock.now()
    world.add(slack_channel="C1")
    with world.database.write() as connection:
        event_cursor.lead(connection, ME, None, now)
        assert not outbox.mute(connection, 1, True)
        card(world, connection)
        assert outbox.mute(connection, 1, True)
        outbox.want(connection, 1, 7)
        outbox.want(connection, 1, 5)
        found = outbox.card_of(connection, 1)
        assert found
        assert (found.wanted_seq, found.muted) == (7, True)
        assert outbox.card_of(connection, 2) is None
    with world.database.read() as session:
        assert outbox.glance(session).stale
        (stale,) = outbox.cards_to_draw(session, [], running=False)
    with world.database.write() as connection:
        outbox.shown(connection, stale.id, "digest", stale.wanted_seq)
    with world.database.read() as session:
        assert not outbox.glance(session).stale
        assert outbox.cards_to_draw(session, [], running=False) == []
        assert len(outbox.cards_to_draw(session, [stale.id], running=False)) == 1
        cards, after = outbox.open_cards(session, 0, 1)
        assert ([each.id for each in cards], after) == ([stale.id], 1)
        assert outbox.open_cards(session, after, 1) == ([], 0)


def test_what_was_said_long_ago_is_forgotten_but_for_that_it_was_said(
    connection: Connection, now: datetime
) -> None:
    for key in ("old", "new", "due"):
        put(connection, key, now, payload={"text": key})
    send(connection, 1, now - MINUTE, "100.1")
    send(connection, 2, now, "100.2")
    assert outbox.prune(connection, now) == 1
    payloads = [outbox.by_id(connection, row).payload for row in (1, 2, 3)]
    assert payloads == [None, {"text": "new"}, {"text": "due"}]
    assert outbox.put(connection, letter("old"), now) is None


PAST = [
    "CREATE TEMP TABLE n (i INTEGER)",
    """INSERT INTO n WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000)
    SELECT i FROM c""",
    """INSERT INTO tasks (description, priority, status, created_at, updated_at, attempt_count,
        crash_count, correlation_id, lease_epoch)
    SELECT 'x', 'random', 'completed', '2026-03-01', '2026-03-01', 0, 0, 'c', 0 FROM n""",
    """INSERT INTO chat_messages (key, kind, channel, thread_ts, task_id, state, due_at, attempts,
        ts, wanted_seq, shown_seq, muted, created_at, sent_at)
    SELECT 'card:' || i, 'card', 'C1', CASE WHEN i % 2 THEN i || '.1' END, i, 'sent',
        '2026-03-01 00:00:00.000000', 1, i || '.2', i, i, 0, '2026-03-01', '2026-03-01' FROM n""",
    """INSERT INTO events (type, task_id, payload, created_at)
    SELECT 'task.added', i, '{}', '2026-03-01' FROM n""",
]  # fmt: skip


@pytest.fixture(params=["as it grew", "after ANALYZE"])
def old_world(sqlite_world: World, request: pytest.FixtureRequest) -> World:
    with sqlite_world.database.write() as connection:
        for statement in PAST:
            connection.execute(text(statement))
        event_cursor.lead(connection, ME, None, sqlite_world.clock.now())
        if request.param == "after ANALYZE":
            connection.execute(text("ANALYZE"))
    return sqlite_world


def test_no_look_of_the_courier_reads_a_table_through(old_world: World) -> None:
    now = old_world.clock.now()
    with plans() as seen, old_world.database.read() as session:
        outbox.glance(session)
        outbox.next_due_at(session, now)
        outbox.due(session, now)
        outbox.cards_to_draw(session, [3, 4], running=True)
        outbox.open_cards(session, 0, 50)
        outbox.task_of_thread(session, "C1", "7.1")
        outbox.card_of(session, 7)
        event_cursor.unread(session)
    # it holds the few stale cards and no others
    assert seen.scans() <= {"SCAN chat_messages USING INDEX ix_chat_messages_stale"}


def test_no_change_of_the_courier_reads_a_table_through(old_world: World) -> None:
    now = old_world.clock.now()
    with plans() as seen, old_world.database.write() as connection:
        row = put(connection, "new", now)
        outbox.want(connection, 7, 99)
        outbox.mute(connection, 7, True)
        send(connection, row, now, "1.1")
        outbox.prune(connection, now)
    assert seen.scans() == set()


def test_an_idle_look_is_soon_over(old_world: World, record_property: Any) -> None:
    """Counted in searches; the time is told, not judged, for the machine may be busy."""
    with old_world.database.read() as session, plans() as seen:
        assert outbox.glance(session) == outbox.Glance(
            unread=False, due_at=None, stale=False, running=False
        )
    with old_world.database.read() as session:
        took = timeit.timeit(lambda: outbox.glance(session), number=100) / 100
    record_property("idle_look_ms", round(took * 1000, 3))
    assert len([line for line in seen.lines if "SEARCH" in line]) <= 7


def test_a_letter_that_rests_stays_what_it_is(connection: Connection, now: datetime) -> None:
    row = put(connection, "a", now)
    outbox.take(connection, row, ME, now)
    outbox.rest(connection, row, now + MINUTE, "OSError")
    found = outbox.by_id(connection, row)
    assert (found.state, found.due_at) == (MessageState.SENDING, now + MINUTE)
