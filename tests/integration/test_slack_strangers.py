"""Whoever may not, wherever they try: they are told so alone, nothing changes, a line is left.

The database is compared row by row before and after every attempt.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import structlog

from core.models import Task
from core.task_queue import Wishes
from fake_slack import SlackMessage
from fixtures_slack_app import (
    ADA,
    EVE,
    ROBOT,
    ZOE,
    SlackApp,
    app,
    premise,
    slack,
)
from interfaces.bot import COMMANDS, Action, Seen
from interfaces.grammar import slash
from interfaces.slack.incoming import forms
from interfaces.slack.incoming.task_form import Blank, Origin, view

__all__ = ["app", "premise", "slack"]

Json = dict[str, Any]


@dataclass
class Attempt:
    """Somebody at one of the doors."""

    app: SlackApp
    user: str
    channel: str
    #: in that channel, of a task of somebody who may
    task: Task
    card: SlackMessage


Try = Callable[[Attempt], Awaitable[str]]

#: every door: what is tried there, and what the person is told
DOORS: dict[str, Try] = {}


def door(attempt: Try) -> Try:
    DOORS[attempt.__name__] = attempt
    return attempt


@door
async def every_command(at: Attempt) -> str:
    texts = []
    for verb in COMMANDS:
        ack = await at.app.slack.command(
            slash(verb), f"{at.task.id} serious", user=at.user, channel=at.channel
        )
        texts.append(ack.text)
    assert len(set(texts)) == 1
    return texts[0]


@door
async def a_new_task(at: Attempt) -> str:
    return (await at.app.slack.command("/task", "Mine", user=at.user, channel=at.channel)).text


@door
async def the_form_of_a_bare_command(at: Attempt) -> str:
    ack = await at.app.slack.command("/task", "", user=at.user, channel=at.channel)
    assert at.app.slack.open_view(at.user) is None
    return ack.text


@door
async def a_command_nobody_listens_to(at: Attempt) -> str:
    return (await at.app.slack.command("/launch", "it", user=at.user, channel=at.channel)).text


@door
async def every_button(at: Attempt) -> str:
    texts = set()
    for action in Action:
        message = await buttons(at, action)
        ack = await at.app.slack.click(message, f"task:{action}", user=at.user)
        texts.add((await at.app.slack.answer(ack))["text"])
        wait_until_told_again(at.app)
    [told] = texts
    return str(told)


@door
async def the_shortcut_on_a_message(at: Attempt) -> str:
    ack = await at.app.slack.shortcut(forms.SHORTCUT, at.card, user=at.user)
    assert at.app.slack.open_view(at.user) is None
    return str((await at.app.slack.answer(ack))["text"])


@door
async def a_form_that_lies_open(at: Attempt) -> str:
    blank = view(Blank(Origin(at.channel), "Mine"))
    await at.app.office.client.views_open(trigger_id=at.app.slack.new_trigger(at.user), view=blank)
    shown = at.app.slack.open_view(at.user)
    assert shown is not None
    ack = await at.app.slack.submit(shown, {"text": {"text": "Mine"}}, user=at.user)
    return next(iter(ack.errors.values()))


@door
async def a_mention(at: Attempt) -> str:
    await at.app.slack.mention("<@BOT> Mine", user=at.user, channel=at.channel)
    return await aside(at)


@door
async def a_reply_below_a_card(at: Attempt) -> str:
    await at.app.slack.reply(at.card, "Do it differently", user=at.user)
    return await aside(at)


@door
async def a_mention_below_a_card(at: Attempt) -> str:
    await at.app.slack.reply(at.card, "<@BOT> stop", user=at.user)
    return await aside(at)


@door
async def slack_s_own_stop(at: Attempt) -> str:
    await at.app.slack.stop_session(at.channel, at.card.ts, user=at.user)
    return await aside(at)


#: doors that are in no channel
WITHOUT_A_PLACE: dict[str, Try] = {}


def placeless(attempt: Try) -> Try:
    WITHOUT_A_PLACE[attempt.__name__] = attempt
    return attempt


@placeless
async def a_direct_message(at: Attempt) -> str:
    before = at.app.slack.calls.copy()
    for _ in range(3):
        await at.app.slack.dm("Mine", user=at.user)
    await at.app.idle()
    posts = [call for call in at.app.slack.calls if call.method == "chat.postMessage"]
    [told] = posts[len([call for call in before if call.method == "chat.postMessage"]) :]
    assert told.args["channel"] == at.app.slack.dm_channel(at.user)
    return str(told.args["text"])


@placeless
async def the_home_page(at: Attempt) -> str:
    await at.app.slack.open_home(at.user)
    page = await at.app.slack.until(lambda: at.app.slack.home(at.user), "a page")
    assert page is not None
    [block] = page["blocks"]
    return str(block["text"]["text"])


@placeless
async def every_button_of_a_home_page_that_lies_open(at: Attempt) -> str:
    texts = set()
    for action_id in [f"task:{action}" for action in Action] + ["home:digest"]:
        page = {"type": "home", "blocks": [row(action_id, str(Seen.of(at.task)))]}
        await at.app.office.client.views_publish(user_id=at.user, view=page)
        await at.app.slack.click_home(at.user, action_id)
        shown = await at.app.slack.until(lambda: at.app.slack.open_view(at.user), "a notice")
        assert shown is not None
        texts.add(shown["blocks"][0]["text"]["text"])
        at.app.slack.views.clear()
        wait_until_told_again(at.app)
    [told] = texts
    return str(told)


@placeless
async def a_menu_that_asks_for_its_choices(at: Attempt) -> str:
    asked = at.app.slack._interaction("block_suggestion", at.app.slack.user(at.user))
    given = {"action_id": "known", "block_id": "known", "value": "my"}
    ack = await at.app.slack._bring("interactive", asked | given)
    assert ack.payload == {"options": []}
    return "not on the list, its own workspace"


@placeless
async def a_form_that_is_closed(at: Attempt) -> str:
    asked = at.app.slack._interaction("view_closed", at.app.slack.user(at.user))
    shown = {"id": "V1", "type": "modal", "callback_id": "task", "blocks": []}
    ack = await at.app.slack._bring("interactive", asked | {"view": shown})
    assert ack.payload is None
    return "not on the list, its own workspace"


# --- who tries -------------------------------------------------------------------------------

#: here Slack names no company of the person's own, so it is the list that decides
NAMELESS = {"slack_s_own_stop", "the_home_page"}
#: what apps write is not even listened to
SAID = {"a_mention", "a_reply_below_a_card", "a_mention_below_a_card", "a_direct_message"}
EVERY = DOORS | WITHOUT_A_PLACE


@pytest.mark.parametrize("name", EVERY)
async def test_no_door_opens_to_a_stranger(app: SlackApp, name: str) -> None:
    assert "not on the list" in await refused(app, EVERY[name], EVE, "C1")


@pytest.mark.parametrize("name", sorted(EVERY.keys() - NAMELESS))
async def test_no_door_opens_to_another_company_even_if_a_member_of_it_is_listed(
    app: SlackApp, name: str
) -> None:
    assert "its own workspace" in await refused(app, EVERY[name], ZOE, "C1")


@pytest.mark.parametrize("name", sorted(EVERY.keys() - SAID))
async def test_no_door_opens_to_an_app(app: SlackApp, name: str) -> None:
    assert "not on the list" in await refused(app, EVERY[name], ROBOT, "C1")


@pytest.mark.parametrize("name", DOORS)
async def test_no_door_of_an_unlisted_channel_opens_to_somebody_listed(
    app: SlackApp, name: str
) -> None:
    told = await refused(app, DOORS[name], ADA, "C2")
    assert "does not answer in this channel" in told
    assert "C2" in told


@pytest.mark.parametrize("kind", ["app_mention", "im", "thread"])
@pytest.mark.parametrize("user", [ADA, ROBOT])
async def test_what_an_app_says_changes_nothing_even_in_a_listed_person_s_name(
    app: SlackApp, kind: str, user: str
) -> None:
    at = await attempt(app, ADA, "C1")
    before = app.everything()
    said: Json = {"text": "<@U0BOT> Mine", "ts": "91.1", "user": user, "team": app.slack.team_id}
    said |= {"bot_id": "B0OTHER"}
    where: Json = {
        "app_mention": {"type": "app_mention", "channel": "C1"},
        "im": {"type": "message", "channel": app.slack.dm_channel(user), "channel_type": "im"},
        "thread": {
            "type": "message",
            "channel": "C1",
            "channel_type": "channel",
            "thread_ts": at.card.ts,
        },
    }[kind]
    await app.slack.event(said | where)
    await app.idle()
    assert app.everything() == before
    assert app.slack.ephemerals == []


async def test_a_listener_that_somebody_adds_later_is_behind_the_same_gate(app: SlackApp) -> None:
    heard: list[str] = []

    async def listen(ack: Any, body: Json) -> None:
        heard.append(str(body.get("command") or body.get("type")))
        await ack()

    app.app.command("/later")(listen)
    app.app.event("reaction_added")(listen)
    app.app.action("later")(listen)
    app.app.shortcut("later")(listen)
    app.app.view("later")(listen)
    app.app.options("later")(listen)

    async def try_all(user: str) -> None:
        fake = app.slack
        await fake.command("/later", user=user)
        person = fake.user(user)
        reaction = {"type": "reaction_added", "user": user, "user_team": person.team_id}
        await fake.event(reaction | {"reaction": "+1"})
        shown = {"id": "V1", "type": "modal", "callback_id": "later", "blocks": []}
        interactions: dict[str, Json] = {
            "block_actions": {"actions": [{"action_id": "later", "block_id": "b"}]},
            "shortcut": {"callback_id": "later"},
            "view_submission": {"view": shown},
            "block_suggestion": {"action_id": "later", "block_id": "b", "value": ""},
        }
        for type_, given in interactions.items():
            await fake._bring("interactive", fake._interaction(type_, person) | given)

    for user in (EVE, ZOE, ROBOT):
        await try_all(user)
    await app.idle()
    assert heard == []
    await try_all(ADA)
    assert len(heard) == 6


async def test_people_in_a_channel_are_not_told_off_for_talking(app: SlackApp) -> None:
    with structlog.testing.capture_logs() as lines:
        root = app.slack.say("Lunch?", ADA, "C1")
        await app.slack.post("Me too", user=EVE)
        await app.slack.reply(root, "And me", user=EVE)
        await app.idle()
    assert [line for line in lines if line["event"] == "slack.refused"] == []
    assert app.slack.ephemerals == []


# --- how -------------------------------------------------------------------------------------


async def attempt(app: SlackApp, user: str, channel: str) -> Attempt:
    wishes = Wishes(requested_by=ADA, slack_channel=channel)
    task = app.queue.add_task("Somebody's work", wishes=wishes)
    return Attempt(app, user, channel, task, await app.post_card(task))


async def refused(app: SlackApp, tried: Try, user: str, channel: str) -> str:
    """What they are told; everything is as before, and the log names them."""
    at = await attempt(app, user, channel)
    before = app.everything()
    with structlog.testing.capture_logs() as lines:
        told = await tried(at)
        await app.idle()
    assert app.everything() == before
    if tried not in (a_menu_that_asks_for_its_choices, a_form_that_is_closed):
        noted = [line for line in lines if line["event"] == "slack.refused"]
        assert {line["user"] for line in noted} == {user}
        assert {line["log_level"] for line in noted} == {"warning"}
        assert all(line["reason"] and line["what"] for line in noted)
    return told


async def aside(at: Attempt) -> str:
    fake = at.app.slack
    [told] = await fake.until(lambda: fake.ephemerals, "something for that person alone")
    assert (told.user, told.channel) == (at.user, at.channel)
    return str(told.text)


async def buttons(at: Attempt, action: Action) -> SlackMessage:
    """A card with that button on it, whatever state its task is in."""
    blocks = [row(f"task:{action}", str(Seen.of(at.task)))]
    client = at.app.office.client
    posted = await client.chat_postMessage(channel=at.channel, text="A card", blocks=blocks)
    found = at.app.slack.find(at.channel, str(posted["ts"]))
    assert found is not None
    return found


def row(action_id: str, value: str) -> Json:
    text = {"type": "plain_text", "text": "Press"}
    button = {"type": "button", "action_id": action_id, "value": value, "text": text}
    return {"type": "actions", "block_id": "buttons", "elements": [button]}


def wait_until_told_again(app: SlackApp) -> None:
    """The same refusal is not said twice within seconds."""
    clock: Any = app.office.clock
    clock.advance(seconds=timedelta(minutes=1).total_seconds())
