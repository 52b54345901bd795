"""conversations.*: what was said, and where."""

import base64
from collections.abc import Iterable

from fake_slack import rendering
from fake_slack.registry import (
    channel_for,
    flag,
    may_know,
    may_read,
    method,
    required,
)
from fake_slack.values import Json, Refused, SlackMessage
from fake_slack.workspace import Workspace

PAGE, PAGE_MAX = 100, 999


@method("conversations.history")
def history(slack: Workspace, args: Json) -> Json:
    """Newest first; replies are not in it unless they were sent to the channel as well."""
    channel = channel_for(slack, args)
    may_read(slack, channel)
    return _page(slack, args, reversed(slack.channel(channel.id)))


@method("conversations.replies")
def replies(slack: Workspace, args: Json) -> Json:
    """The thread, oldest first; the root is on every page."""
    channel = channel_for(slack, args)
    may_read(slack, channel)
    (ts,) = required(args, "ts")
    found = slack.find(channel.id, ts)
    if found is None:
        raise Refused("thread_not_found")
    root, *rest = slack.thread(channel.id, found.root)
    page = _page(slack, args, rest)
    shown = rendering.message(slack, root, metadata=flag(args, "include_all_metadata"))
    return page | {"messages": [shown, *page["messages"]]}


def _page(slack: Workspace, args: Json, messages: Iterable[SlackMessage]) -> Json:
    asked = [message for message in messages if _within(args, message.ts)]
    start, limit = _position(args), min(int(args.get("limit") or PAGE), PAGE_MAX)
    shown, more = asked[start : start + limit], len(asked) > start + limit
    metadata = flag(args, "include_all_metadata")
    return {
        "messages": [rendering.message(slack, each, metadata=metadata) for each in shown],
        "has_more": more,
        "response_metadata": {"next_cursor": _cursor(start + limit) if more else ""},
    }


def _within(args: Json, ts: str) -> bool:
    oldest, latest = float(args.get("oldest") or 0), float(args.get("latest") or "inf")
    if flag(args, "inclusive"):
        return oldest <= float(ts) <= latest
    return oldest < float(ts) < latest


def _cursor(position: int) -> str:
    return base64.b64encode(f"next:{position}".encode()).decode()


def _position(args: Json) -> int:
    if not args.get("cursor"):
        return 0
    try:
        return int(base64.b64decode(str(args["cursor"])).decode().removeprefix("next:"))
    except ValueError:
        raise Refused("invalid_cursor") from None


@method("conversations.open")
def open_(slack: Workspace, args: Json) -> Json:
    (user,) = required(args, "users")
    if "," in user:
        raise Refused("not_supported_by_this_fake_slack")
    if user not in slack.users or slack.users[user].is_bot:
        raise Refused("user_not_found")
    known = f"D{user[1:]}" in slack.channels
    channel = slack.dm_channel(user)
    shown = {"id": channel, "is_im": True, "user": user} if flag(args, "return_im") else {}
    return {"no_op": known, "already_open": known, "channel": {"id": channel} | shown}


@method("conversations.info")
def info(slack: Workspace, args: Json) -> Json:
    found = slack.channels.get(str(args.get("channel")))
    if found is None or (found.type != "channel" and slack.bot_user not in found.members):
        raise Refused("channel_not_found")
    may_know(slack, found)
    is_member = slack.bot_user in found.members
    return {"channel": rendering.place(found) | {"is_member": is_member}}


@method("conversations.members")
def members(slack: Workspace, args: Json) -> Json:
    channel = channel_for(slack, args)
    may_know(slack, channel)
    return {"members": sorted(channel.members), "response_metadata": {"next_cursor": ""}}
