"""The App Home's listeners: who opens it, and what they choose there."""

import re
from collections.abc import Callable
from datetime import time
from typing import Any, Final

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from sqlalchemy import Connection

from core import people
from interfaces.bot_values import Reply
from interfaces.slack.incoming.office import Office
from interfaces.slack.outgoing.publishing import HomePages
from interfaces.slack.rendering.pages import (
    DEFAULT_PROJECT,
    DIGEST_AT,
    DIGEST_WANTED,
    NO_PROJECT,
    ON,
)

log = structlog.get_logger(__name__)

_OURS: Final = re.compile(r"^home:")

Action = dict[str, Any]
Change = Callable[[Connection], object]


def register(app: AsyncApp, office: Office) -> None:
    @app.event("app_home_opened")
    async def opened(event: dict[str, Any]) -> None:
        if event.get("tab") == "home" and office.home is not None:
            shown = (event.get("view") or {}).get("hash")
            office.desk.spawn(_opened(office, office.home, str(event["user"]), shown), "slack-home")

    @app.action(_OURS)
    async def choose(ack: AsyncAck, action: Action, context: AsyncBoltContext) -> None:
        delivery = context["delivery"]

        async def work() -> Reply | None:
            await _choose(office, delivery.user, action)
            return None

        await office.desk.answer(ack, None, work, key=delivery.key, in_ack=False)


async def _opened(office: Office, home: HomePages, user: str, shown: str | None) -> None:
    await office.people.seen(user)
    await home.opened(user, shown)


async def _choose(office: Office, user: str, action: Action) -> None:
    """A choice is a state and no step: made twice it is the same."""
    home = office.home
    if home is None:
        return
    change = _change_of(home, user, action)
    if change is None:
        log.warning("slack.unknown", kind="click", what=action.get("action_id"))
        return
    await office.people.seen(user)
    await office.desk.in_thread(_write, office, change)
    log.info("home.chosen", user=user, what=action["action_id"])
    home.chosen(user)


def _change_of(home: HomePages, user: str, action: Action) -> Change | None:
    """None for what our page cannot have sent."""
    now, habits = home.house.clock.now(), home.house.habits
    chosen = (action.get("selected_option") or {}).get("value")
    match action.get("action_id"):
        case action_id if action_id == DEFAULT_PROJECT and chosen:
            slug = None if chosen == NO_PROJECT else chosen
            return lambda connection: people.choose_project(connection, user, slug, now)
        case action_id if action_id == DIGEST_AT:
            at = _wall_time(action.get("selected_time"))
            if at is not None:
                return lambda connection: people.choose_hour(connection, user, at, now)
        case action_id if action_id == DIGEST_WANTED:
            on = action.get("value") == ON
            return lambda connection: people.want_digest(connection, user, habits, now, wanted=on)
    return None


def _wall_time(text: Any) -> time | None:
    try:
        return time.fromisoformat(str(text)[:5])
    except ValueError:
        return None


def _write(office: Office, change: Change) -> None:
    with office.queue.database.write() as connection:
        change(connection)
