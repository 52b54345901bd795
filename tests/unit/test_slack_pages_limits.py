"""Slack takes every page, digest and alert whatever stands in it, and nobody is pinged."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.home_view import Reader
from core.ledger import Standing
from core.models import Person, Task, TaskStatus, WaitReason
from core.money import Nano
from core.night_report import Listed
from core.pictures import picture
from core.quiet_night import Obstacle
from core.why import Why
from fixtures_heart import at
from fixtures_slack_pages import (
    HABITS,
    NIGHT,
    elements,
    homepage,
    report,
    require_that_slack_takes_it,
    view,
)
from interfaces.slack.rendering.blocks import units
from interfaces.slack.rendering.bulletins import digest
from interfaces.slack.rendering.pages import home

LOUD = [
    *(
        "<!channel>",
        "<!here|x>",
        "<!subteam^S1>",
        "<@U1>",
        "@channel",
        "@everyone",
        "<https://x|y>",
    ),
    *("`", "```", "*", "_", "\n", "\r\n", "\x00", "\u202e", "\ud800", "😀", "&", "&amp;", ">"),
    *("x" * 400, "&" * 400, "😀" * 400, "\n" * 50, " "),
]
TEXTS = st.lists(st.sampled_from(LOUD) | st.text(max_size=20), max_size=5).map("".join)
AMOUNTS = st.integers(0, 10**15).map(Nano)


@st.composite
def anything(draw: st.DrawFn, status: TaskStatus) -> Listed:
    reason = draw(st.none() | st.sampled_from(WaitReason))
    why = Why(status, reason, draw(TEXTS), at("20:00"))
    facts = {"project": draw(st.none() | TEXTS), "error": draw(TEXTS), "spent": draw(AMOUNTS)}
    one = view(status, draw(TEXTS), why=why, rehearsal=draw(st.booleans()), **facts)
    count = draw(st.integers(0, 10))
    many = [replace(one, task=_numbered(one.task, number)) for number in range(count)]
    return Listed(many, count + draw(st.integers(0, 10**9)))


def _numbered(task: Task, number: int) -> Task:
    return picture(Task, {**{name: getattr(task, name) for name in _COLUMNS}, "id": number + 1})


_COLUMNS = [
    *("description", "priority", "status", "project_id", "project_name", "assigned_to"),
    *("error_message", "lease_epoch", "max_cost_nano", "cancel_requested_by"),
]
PEOPLE = st.builds(
    Person,
    user_id=st.just("U1"),
    timezone=st.none() | TEXTS,
    digest_at=st.sampled_from([None, "00:00", "23:59", "x"]),
    digest_wanted=st.booleans(),
    default_project=st.none() | st.just("p1"),
)
PROJECTS = st.lists(TEXTS, max_size=99).map(
    lambda names: [(f"p{n}", name) for n, name in enumerate(names)]
)


@settings(max_examples=40)
@given(
    lists=st.tuples(*(anything(status) for status in TaskStatus)),
    person=st.none() | PEOPLE,
    projects=PROJECTS,
    idle=st.none() | TEXTS,
    amounts=st.tuples(AMOUNTS, AMOUNTS, AMOUNTS),
)
def test_slack_takes_every_home_page(
    lists: tuple[Listed, ...], person: Person | None, projects: Any, idle: str | None, amounts: Any
) -> None:
    pending, running, review, done, *_ = lists
    where = Standing(NIGHT, amounts[0], amounts[1], amounts[2], amounts[0], amounts[1], amounts[2])
    reader = Reader("U1", True, person, HABITS)
    money = {"standing": where, "idle_because": idle, "projects": projects}
    tasks = {"needs_you": review, "running": running, "queued": pending, "ended": done}
    page = home(homepage(reader=reader, **money, **tasks))
    require_that_slack_takes_it(page)
    assert len(page["blocks"]) <= 100


@given(
    lists=st.tuples(*(anything(status) for status in TaskStatus)), why=st.lists(TEXTS, max_size=9)
)
def test_slack_takes_every_digest(lists: tuple[Listed, ...], why: list[str]) -> None:
    pending, _, review, done, failed, _ = lists
    tasks = {"needs_you": review, "done": done, "failed": failed, "waiting": pending}
    obstacles = [Obstacle(text, at("20:00")) for text in why]
    rendered = digest(report(why_nothing=obstacles, **tasks))
    require_that_slack_takes_it(rendered)
    assert len(rendered["blocks"]) <= 50


@pytest.mark.parametrize("filling", ["&", "😀", "<", "`", "*", "@here ", "<@U1>\n"])
def test_slack_takes_pages_that_are_filled_to_the_brim(filling: str) -> None:
    much = filling * 20_000

    def full(status: TaskStatus) -> Listed:
        why = Why(status, WaitReason.BACKEND_DOWN, much, at("20:00"))
        one = view(status, much, why=why, project=much, error=much, spent=Nano(10**15))
        each = [replace(one, task=_numbered(one.task, number)) for number in range(10)]
        return Listed(each, 10**9)

    pending, running, review, done, failed, _ = map(full, TaskStatus)
    tasks = {"needs_you": review, "running": running, "queued": pending, "ended": failed}
    page = home(homepage(reader=Reader("U1", True, None, HABITS), idle_because=much, **tasks))
    require_that_slack_takes_it(page)
    told = {"needs_you": review, "done": done, "failed": failed, "waiting": pending}
    require_that_slack_takes_it(digest(report(why_nothing=[Obstacle(much)] * 9, **told)))


def test_slack_takes_a_menu_of_as_many_projects_as_there_may_be() -> None:
    projects = [(f"{'p' * 60}{number}", "😀" * 400) for number in range(99)]
    page = home(homepage(projects=projects))
    require_that_slack_takes_it(page)
    menu = elements(page)[0]
    assert len(menu["options"]) == 100
    assert all(units(each["text"]["text"]) <= 75 for each in menu["options"])
