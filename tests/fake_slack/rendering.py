"""Messages, people, places and views as Slack writes them in JSON."""

import copy
from datetime import datetime
from zoneinfo import ZoneInfo

from fake_slack.values import Blocks, Channel, Json, SlackFile, SlackMessage, User
from fake_slack.workspace import Workspace


def with_ids(blocks: Blocks) -> Blocks:
    """Every block has an id once Slack has it; those without get one that stays the same."""
    made = copy.deepcopy(blocks)
    for number, block in enumerate(made):
        block.setdefault("block_id", f"b{number}")
    return made


def message(slack: Workspace, found: SlackMessage, *, metadata: bool = False) -> Json:
    rendered: Json = {
        "type": "message",
        "user": found.user,
        "text": found.text,
        "ts": found.ts,
        "team": slack.team_id,
        "blocks": with_ids(found.blocks),
    }
    if found.bot_id:
        rendered |= {"bot_id": found.bot_id, "app_id": slack.app_id}
    if metadata and found.metadata:
        rendered["metadata"] = found.metadata
    if found.edits:
        rendered["edited"] = {"user": found.user, "ts": found.ts}
    if found.files:
        rendered["files"] = [file(each) for each in found.files]
    return rendered | _thread(slack, found) | _reactions(found)


def _thread(slack: Workspace, found: SlackMessage) -> Json:
    if found.is_reply:
        return {"thread_ts": found.root}
    replies = slack.thread(found.channel, found.ts)[1:]
    if not replies:
        return {}
    return {
        "thread_ts": found.ts,
        "reply_count": len(replies),
        "reply_users": list(dict.fromkeys(reply.user for reply in replies)),
        "latest_reply": replies[-1].ts,
    }


def _reactions(found: SlackMessage) -> Json:
    if not found.reactions:
        return {}
    return {
        "reactions": [
            {"name": name, "users": users, "count": len(users)}
            for name, users in found.reactions.items()
        ]
    }


def file(found: SlackFile) -> Json:
    return {
        "id": found.id,
        "name": found.name,
        "title": found.title or found.name,
        "size": len(found.content),
        "mode": "snippet" if found.snippet_type else "hosted",
        "filetype": found.snippet_type or "text",
    }


def person(found: User, now: datetime, team_id: str) -> Json:
    """As users.info tells it; of a stranger from another workspace, too."""
    offset = now.astimezone(ZoneInfo(found.tz)).utcoffset()
    return {
        "id": found.id,
        "team_id": found.team_id,
        "name": found.name,
        "deleted": found.deleted,
        "real_name": found.name.title(),
        "tz": found.tz,
        "tz_label": found.tz,
        "tz_offset": int(offset.total_seconds()) if offset else 0,
        "is_bot": found.is_bot,
        "is_app_user": False,
        "is_admin": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_stranger": found.team_id != team_id,
        "profile": {"display_name": found.name, "real_name": found.name.title()},
    }


def place(found: Channel) -> Json:
    return {
        "id": found.id,
        "name": found.name,
        "is_channel": found.type == "channel",
        "is_group": found.type == "group",
        "is_im": found.type == "im",
        "is_private": found.type != "channel",
        "is_archived": found.archived,
        "is_ext_shared": False,
    }


def view(found: Json) -> Json:
    """Without what only the server knows of it."""
    return {key: value for key, value in found.items() if not key.startswith("_")}
