"""What stands on a home page, in which order, on both databases."""

from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import update

from core import leases, people
from core.home_view import HomeView, home_view, reader_of
from core.models import Task, TaskPriority, TaskStatus
from core.night_report import Listed
from core.people import Habits
from core.quiet_night import Conditions
from fixtures_heart import World, at, nano

HABITS = Habits(time(8), ZoneInfo("UTC"))


def look(world: World, user: str = "U1", **conditions: Any) -> HomeView:
    given = Conditions(world.policy, world.slots, **conditions)
    with world.database.read() as session:
        reader = reader_of(session, user, {"U9"}, HABITS)
        return home_view(session, reader, given, world.clock.now())


def ids(listed: Listed) -> list[int]:
    return [view.task.id for view in listed.tasks]


def test_the_queue_stands_in_its_own_order_with_what_cannot_start_behind(world: World) -> None:
    late = world.add("late", not_before=at("20:00", day=3)).id
    random = world.add("random").id
    serious = world.add("serious", TaskPriority.SERIOUS).id
    assert ids(look(world).queued) == [serious, random, late]


def test_what_needs_the_reader_comes_before_what_needs_others(world: World) -> None:
    theirs, mine = (world.add(requested_by=user).id for user in ("U2", "U1"))
    with world.database.write() as connection:
        connection.execute(update(Task).values(status=TaskStatus.IN_REVIEW))
    assert ids(look(world).needs_you) == [mine, theirs]
    assert ids(look(world, "U2").needs_you) == [theirs, mine]


def test_what_runs_shows_what_it_has_cost_so_far(world: World) -> None:
    world.add()
    claim = world.start()
    with world.database.write() as connection:
        leases.advance(connection, claim, metered_nano=nano("0.07"), num_turns=4)
    (running,) = look(world).running.tasks
    assert (running.spent, running.run and running.run.num_turns) == (nano("0.07"), 4)


def test_the_last_nights_results_are_there_all_day_and_the_newest_first(world: World) -> None:
    for moment in (at("19:59", day=-1), at("21:00", day=-1), at("02:00"), at("09:00")):
        world.spend(moment, "0.10")
    world.clock.set(at("19:59"))
    assert ids(look(world).ended) == [3, 2]
    world.clock.set(at("20:00"))
    assert ids(look(world).ended) == []


def test_by_day_tonight_is_the_night_to_come(world: World) -> None:
    world.clock.set(at("12:00"))
    view = look(world)
    assert (view.tonight.starts_at, view.last_night.starts_at) == (at("20:00"), at("20:00", day=-1))
    assert view.tonight_quota == nano("9")
    world.clock.set(at("23:00"))
    view = look(world)
    assert view.tonight == view.last_night


def test_the_projects_to_choose_from_begin_with_the_readers_own(world: World) -> None:
    for name in ("one", "two", "three"):
        world.clock.advance(minutes=1)
        world.add(project=name)
    with world.database.write() as connection:
        people.choose_project(connection, "U1", "one", world.clock.now())
    assert [slug for slug, _ in look(world).projects] == ["one", "three", "two"]
    assert [slug for slug, _ in look(world, "U2").projects] == ["three", "two", "one"]


def test_a_long_queue_is_counted_and_its_beginning_shown(world: World) -> None:
    for _ in range(12):
        world.add()
    queued = look(world).queued
    assert (len(queued.tasks), queued.total, queued.more) == (10, 12, 2)


def test_who_may_change_everything_is_an_admin(world: World) -> None:
    assert look(world, "U9").reader.is_admin
    assert not look(world, "U1").reader.is_admin
    assert look(world, idle_because="no key").idle_because == "no key"
