"""What was delivered is done once, across restarts too."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import func, select

from conftest import StoppedClock
from core.database import Database
from core.inbox import Inbox
from core.models import Received


def count(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Received)) or 0


def test_a_key_is_taken_once(database: Database, clock: StoppedClock) -> None:
    inbox = Inbox(database, clock)
    assert inbox.take("trigger:1")
    assert not inbox.take("trigger:1")
    inbox.answered("trigger:1")
    assert not inbox.take("trigger:1")
    assert inbox.take("trigger:2")


def test_what_was_answered_in_an_earlier_life_is_not_done_again(
    database: Database, clock: StoppedClock
) -> None:
    earlier = Inbox(database, clock)
    earlier.take("trigger:1")
    earlier.answered("trigger:1")
    assert not Inbox(database, clock).take("trigger:1")


def test_what_a_dead_process_left_unanswered_is_taken_over_once(
    database: Database, clock: StoppedClock
) -> None:
    Inbox(database, clock).take("trigger:1")
    clock.advance(seconds=1)
    later = Inbox(database, clock)
    assert later.take("trigger:1")
    assert not later.take("trigger:1")


def test_of_many_threads_at_once_one_takes_it(database: Database, clock: StoppedClock) -> None:
    inbox = Inbox(database, clock)
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: inbox.take("trigger:1"), range(40)))
    assert taken.count(True) == 1


def test_keys_are_forgotten_after_a_day_and_not_before(
    database: Database, clock: StoppedClock
) -> None:
    inbox = Inbox(database, clock)
    inbox.take("trigger:1")
    clock.advance(hours=23)
    inbox.take("trigger:2")
    assert count(database) == 2
    clock.advance(hours=1, seconds=1)
    inbox.take("trigger:3")
    assert count(database) == 2
    assert not inbox.take("trigger:2")
