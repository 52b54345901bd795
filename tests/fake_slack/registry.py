"""The methods of the Web API by name, and what all of them need."""

import json
from collections.abc import Callable
from typing import Any

from fake_slack.scopes import FACTS, HISTORY
from fake_slack.values import Channel, Json, Refused, SlackMessage
from fake_slack.workspace import Workspace

Work = Callable[[Workspace, Json], Json]

METHODS: dict[str, Work] = {}


def method(name: str) -> Callable[[Work], Work]:
    def register(work: Work) -> Work:
        METHODS[name] = work
        return work

    return register


def structure(args: Json, name: str, empty: Any) -> Any:
    """Lists and objects come as they are in JSON, and as JSON text in forms."""
    value = args.get(name)
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            raise Refused("invalid_arguments") from None
    return empty if value is None else value


def flag(args: Json, name: str) -> bool:
    return str(args.get(name, "")).lower() in {"1", "true"}


def required(args: Json, *names: str) -> list[str]:
    missing = [name for name in names if args.get(name) in (None, "")]
    if missing:
        told = [f"[ERROR] missing required field: {name}" for name in missing]
        raise Refused("invalid_arguments", response_metadata={"messages": told})
    return [str(args[name]) for name in names]


def channel_for(slack: Workspace, args: Json, *, name: str = "channel") -> Channel:
    """Where the bot may act: private channels it is not in do not even exist for it."""
    given = str(args.get(name) or "")
    found = slack.channels.get(given)
    if found is None or (found.type != "channel" and slack.bot_user not in found.members):
        raise Refused("channel_not_found")
    if slack.bot_user not in found.members:
        raise Refused("not_in_channel")
    return found


def writable(slack: Workspace, args: Json, *, name: str = "channel") -> Channel:
    found = channel_for(slack, args, name=name)
    if found.archived:
        raise Refused("is_archived")
    return found


def message_at(slack: Workspace, channel: str, ts: object) -> SlackMessage:
    found = slack.find(channel, str(ts))
    if found is None:
        raise Refused("message_not_found")
    return found


def may_read(slack: Workspace, channel: Channel) -> None:
    slack.need(HISTORY[channel.type])


def may_know(slack: Workspace, channel: Channel) -> None:
    slack.need(FACTS[channel.type])
