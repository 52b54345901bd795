"""The App Home on the fake Slack: drawn for who looks, when something changed, not too often."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

from conftest import StoppedClock
from core import people
from core.models import MessageKind, Person, TaskStatus
from core.people import Habits
from core.quiet_night import Conditions
from core.task_queue import TaskQueue, Wishes
from fake_slack import FakeSlack
from fixtures_slack_app import (
    ADA,
    BEN,
    EVE,
    PATIENCE,
    POLICY,
    ROOT,
    Premise,
    SlackApp,
    office_of,
    settings_of,
    slack,
    surroundings_of,
)
from interfaces.slack.incoming import app as slack_app
from interfaces.slack.outgoing.household import Household
from interfaces.slack.outgoing.publishing import PACE, HomePages

__all__ = ["slack"]

HABITS = Habits(time(8), ZoneInfo("UTC"))


@dataclass
class Homes(SlackApp):
    pages: HomePages
    clock: StoppedClock

    async def published(self, user: str = ADA, count: int = 1) -> dict[str, Any]:
        await self.slack.until(lambda: self.publications(user) >= count, "a home", PATIENCE)
        home = self.slack.home(user)
        assert home is not None
        return home

    def publications(self, user: str = ADA) -> int:
        calls = [call for call in self.slack.calls if call.method == "views.publish"]
        return len([call for call in calls if call.args.get("user_id") == user])

    async def looked(self) -> None:
        """The publisher has looked at everything once more."""
        await self.idle()
        await self.pages._round()

    def person(self, user: str = ADA) -> Person:
        with self.database.read() as session:
            found = people.find(session, user)
        assert found is not None
        return found

    def add(self, text: str = "Add a login", user: str = ADA, project: str | None = None) -> int:
        wishes = Wishes(requested_by=user)
        return self.queue.add_task(text, project_id=project, wishes=wishes).id


@pytest.fixture
async def homes(
    slack: FakeSlack, queue: TaskQueue, clock: StoppedClock, tmp_path: Path
) -> AsyncIterator[Homes]:
    premise = Premise()
    surroundings = surroundings_of(queue, settings_of(premise, tmp_path / "workspace"))
    office = office_of(slack, surroundings, premise)
    given = Conditions(POLICY, 3)
    users = frozenset({ADA, BEN, ROOT})
    house = Household(
        queue.database, clock, office.desk, lambda: given, HABITS, users, frozenset({ROOT})
    )
    pages = HomePages(house, office.client)
    office = replace(office, home=pages)
    app = slack_app.build(office)
    handler = AsyncSocketModeHandler(app, slack.app_token, ping_interval=0.2)
    handler.client.proxy = None
    await handler.connect_async()  # type: ignore[no-untyped-call]
    await slack.connected()
    await pages.start()
    yield Homes(slack, office, app, handler, surroundings, pages, clock)
    await pages.stop()
    await handler.close_async()  # type: ignore[no-untyped-call]
    await office.desk.drain(PATIENCE)


def said(home: dict[str, Any]) -> str:
    return str(home["blocks"])


async def test_a_home_is_published_when_it_is_opened(homes: Homes) -> None:
    homes.add("Fix the <checkout>")
    await homes.slack.open_home(ADA)
    home = await homes.published()
    assert "Fix the &lt;checkout&gt;" in said(home)
    assert homes.person().home_opened_at == homes.clock.now()
    assert homes.person().timezone == "Europe/Berlin"


async def test_opening_the_messages_tab_publishes_nothing(homes: Homes) -> None:
    await homes.slack.open_home(ADA, tab="messages")
    await homes.looked()
    assert homes.publications() == 0


async def test_a_stranger_is_told_that_they_are_not_on_the_list(homes: Homes) -> None:
    homes.add("a secret")
    await homes.slack.open_home(EVE)
    home = await homes.published(EVE)
    assert "not on the list" in said(home)
    assert EVE in said(home)
    assert "secret" not in said(home)
    assert len(home["blocks"]) == 1


async def test_opening_it_again_publishes_nothing_new(homes: Homes) -> None:
    await homes.slack.open_home(ADA)
    await homes.published()
    for _ in range(3):
        homes.clock.advance(seconds=20)
        await homes.slack.open_home(ADA)
        await homes.looked()
    assert homes.publications() == 1


async def test_a_change_is_shown_to_who_looked_lately_and_only_to_them(homes: Homes) -> None:
    await homes.slack.open_home(ADA)
    await homes.published()
    homes.clock.advance(seconds=PACE)
    homes.add("Something new")
    homes.pages.wake()
    assert "Something new" in said(await homes.published(count=2))
    assert homes.publications(BEN) == 0

    homes.clock.advance(hours=25)
    homes.add("a day later")
    await homes.looked()
    assert homes.publications() == 2


async def test_changes_are_shown_at_most_every_ten_seconds(homes: Homes) -> None:
    await homes.slack.open_home(ADA)
    await homes.published()
    for number in range(5):
        homes.add(f"task {number}")
        await homes.looked()
    assert homes.publications() == 1
    homes.clock.advance(seconds=PACE)
    await homes.looked()
    assert homes.publications() == 2
    assert "task 4" in said(await homes.published(count=2))


async def test_a_home_that_looks_the_same_is_not_published_again(homes: Homes) -> None:
    await homes.slack.open_home(ADA)
    await homes.published()
    for _ in range(3):
        homes.clock.advance(minutes=5)
        await homes.looked()
    assert homes.publications() == 1


async def test_a_window_that_begins_is_shown_without_anything_happening(homes: Homes) -> None:
    await homes.slack.open_home(ADA)
    assert "The night opens" in said(await homes.published())
    homes.clock.advance(hours=9)  # 21:00
    await homes.looked()
    assert "The night is open" in said(await homes.published(count=2))


async def test_what_somebody_else_published_meanwhile_is_replaced_knowingly(homes: Homes) -> None:
    await homes.slack.open_home(ADA)
    await homes.published()
    other = {"type": "home", "blocks": [{"type": "divider"}]}
    await homes.office.client.views_publish(user_id=ADA, view=other)
    homes.clock.advance(seconds=PACE)
    homes.add("Something new")
    await homes.looked()
    calls = [call.args for call in homes.slack.calls if call.method == "views.publish"]
    assert ["hash" in call for call in calls[2:]] == [True, False]
    assert "Something new" in said(await homes.published())


async def test_what_slack_does_not_take_now_is_tried_again_later(homes: Homes) -> None:
    homes.slack.fail("views.publish", error="internal_error")
    await homes.slack.open_home(ADA)
    await homes.looked()
    assert homes.slack.home(ADA) is None
    homes.clock.advance(seconds=PACE)
    await homes.looked()
    assert homes.slack.home(ADA) is not None


async def test_a_button_of_the_home_cancels_the_task(homes: Homes) -> None:
    task = homes.add()
    await homes.slack.open_home(ADA)
    await homes.published()
    ack = await homes.slack.click_home(ADA, "task:cancel", f"{task}:pending:0")
    await homes.idle()
    assert ack.seconds < 3
    assert homes.queue.get_task(task).status is TaskStatus.CANCELLED
    homes.clock.advance(seconds=PACE)
    await homes.looked()
    assert "task:cancel" not in said(await homes.published(count=2))


async def test_a_button_of_a_home_that_shows_the_past_changes_nothing(homes: Homes) -> None:
    task = homes.add()
    await homes.slack.open_home(ADA)
    await homes.published()
    homes.queue.cancel_task(task, by=ROOT)
    await homes.slack.click_home(ADA, "task:start_now", f"{task}:pending:0")
    await homes.idle()
    assert homes.queue.get_task(task).status is TaskStatus.CANCELLED
    assert len(homes.letters(MessageKind.REPLY)) == 1


async def test_who_chooses_a_project_gives_it_to_tasks_that_name_none(homes: Homes) -> None:
    homes.add(project="my-app")
    await homes.slack.open_home(ADA)
    await homes.published()
    await homes.slack.click_home(ADA, "home:default_project", "my-app")
    await homes.idle()
    assert homes.person().default_project == "my-app"
    home = await homes.published(count=2)  # at once: they wait to see it
    assert "'initial_option': {'text': {'type': 'plain_text', 'text': 'my-app'" in said(home)

    assert (await homes.queued("Do it")).project_id == "my-app"
    await homes.slack.click_home(ADA, "home:default_project", "-")
    await homes.idle()
    assert homes.person().default_project is None


async def test_who_chooses_an_hour_is_told_at_that_hour(homes: Homes) -> None:
    told = asyncio.Event()
    homes.pages.on_choice = told.set
    await homes.slack.open_home(ADA)
    await homes.published()
    await homes.slack.click_home(ADA, "home:digest_at", "06:30")
    await homes.idle()
    assert homes.person().digest_at == "06:30"
    assert told.is_set()


async def test_the_digest_is_turned_off_and_on(homes: Homes) -> None:
    await homes.slack.open_home(ADA)
    await homes.published()
    await homes.slack.click_home(ADA, "home:digest_wanted", "off")
    await homes.idle()
    assert not homes.person().digest_wanted
    assert "Turn the digest on" in said(await homes.published(count=2))
    await homes.slack.click_home(ADA, "home:digest_wanted", "on")
    await homes.idle()
    assert homes.person().digest_wanted


async def test_a_stranger_who_forges_a_choice_changes_nothing(homes: Homes) -> None:
    await homes.slack.open_home(EVE)
    await homes.published(EVE)
    await homes.slack.open_home(ADA)
    view = await homes.published()
    before = homes.everything()
    homes.slack.homes[EVE] = view | {"id": "V666"}
    await homes.slack.click_home(EVE, "home:digest_wanted", "off")
    await homes.slack.click_home(EVE, "home:digest_at", "06:30")
    await homes.idle()
    assert homes.everything() == before
