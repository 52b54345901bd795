"""chat.* and reactions.*: what an app says."""

import re
from typing import Any

from fake_slack import rendering
from fake_slack.blocks import message_problems, text_length
from fake_slack.registry import (
    channel_for,
    flag,
    message_at,
    method,
    required,
    structure,
    writable,
)
from fake_slack.shapes import BLOCKS_TEXT_MAX
from fake_slack.values import Blocks, Channel, Ephemeral, Json, Refused, SlackMessage
from fake_slack.workspace import Workspace

TEXT_MAX = 40_000
#: an emoji's name, with a skin tone perhaps
EMOJI = re.compile(r"[a-z0-9_'+-]+(::skin-tone-[2-6])?")
TS = re.compile(r"\d{10}\.\d{6}")


def content(args: Json) -> tuple[str, Blocks]:
    """What a message says, or why it may not be said."""
    text, blocks = str(args.get("text") or ""), structure(args, "blocks", [])
    if args.get("markdown_text"):
        if text or blocks:
            raise Refused("markdown_text_conflict")
        text = str(args["markdown_text"])
    if not text.strip() and not blocks and not structure(args, "attachments", []):
        raise Refused("no_text")
    if len(text) > TEXT_MAX:
        raise Refused("msg_too_long")
    refuse_blocks(blocks)
    return text, blocks


def spoken(args: Json) -> tuple[str, Blocks]:
    """What stays has a limit of its own for all blocks together; late answers do not."""
    text, blocks = content(args)
    if text_length(blocks) > BLOCKS_TEXT_MAX:
        raise Refused("msg_blocks_too_long")
    return text, blocks


def refuse_blocks(blocks: Any) -> None:
    problems = message_problems(blocks)
    if problems:
        told = [f"[ERROR] {problem}" for problem in problems]
        raise Refused("invalid_blocks", errors=problems, response_metadata={"messages": told})


def thread_of(slack: Workspace, channel: Channel, args: Json) -> str | None:
    given = args.get("thread_ts")
    if not given:
        return None
    if not TS.fullmatch(str(given)):
        raise Refused("invalid_thread_ts")
    root = slack.find(channel.id, str(given))
    if root is None:
        raise Refused("thread_not_found")
    if root.is_reply:
        raise Refused("cannot_reply_to_message")
    return root.ts


def conversation(slack: Workspace, args: Json) -> Channel:
    """Also by somebody's id: then it is the one with them. Only posting takes that."""
    given = str(args.get("channel") or "")
    if given in slack.users and given != slack.bot_user:
        return slack.channels[slack.dm_channel(given)]
    return writable(slack, args)


@method("chat.postMessage")
def post_message(slack: Workspace, args: Json) -> Json:
    channel = conversation(slack, args)
    text, blocks = spoken(args)
    thread_ts = thread_of(slack, channel, args)
    made = slack.store(
        SlackMessage(
            slack.new_ts(),
            channel.id,
            text,
            blocks,
            slack.bot_user,
            slack.bot_id,
            thread_ts,
            metadata_of(args),
            attachments=structure(args, "attachments", []),
            broadcast=flag(args, "reply_broadcast"),
        )
    )
    shown = rendering.message(slack, made, metadata=True)
    return {"channel": channel.id, "ts": made.ts, "message": shown}


def metadata_of(args: Json) -> Json | None:
    given = structure(args, "metadata", {})
    if not given:
        return None
    if not given.get("event_type") or not isinstance(given.get("event_payload"), dict):
        raise Refused("invalid_metadata_format")
    return dict(given)


@method("chat.postEphemeral")
def post_ephemeral(slack: Workspace, args: Json) -> Json:
    channel = writable(slack, args)
    (user,) = required(args, "user")
    if user not in slack.users:
        raise Refused("user_not_found")
    if channel.members and user not in channel.members:
        raise Refused("user_not_in_channel")
    text, blocks = content(args)
    thread_ts = thread_of(slack, channel, args)
    slack.ephemerals.append(Ephemeral(channel.id, user, text, blocks, thread_ts))
    slack.changed()
    return {"message_ts": slack.new_ts()}


@method("chat.update")
def update(slack: Workspace, args: Json) -> Json:
    """What is not given stays: blocks, metadata; an empty list or object takes them away."""
    channel = channel_for(slack, args)
    found = message_at(slack, channel.id, args.get("ts"))
    if found.bot_id != slack.bot_id:
        raise Refused("cant_update_message")
    text, blocks = spoken(args)
    found.edits.append((found.text, found.blocks))
    found.text = text
    if args.get("blocks") is not None:
        found.blocks = blocks
    if args.get("metadata") is not None:
        found.metadata = metadata_of(args)
    slack.changed()
    shown = rendering.message(slack, found, metadata=True)
    return {"channel": channel.id, "ts": found.ts, "text": text, "message": shown}


@method("chat.delete")
def delete(slack: Workspace, args: Json) -> Json:
    channel = channel_for(slack, args)
    found = message_at(slack, channel.id, args.get("ts"))
    if found.bot_id != slack.bot_id:
        raise Refused("cant_delete_message")
    found.deleted = True
    slack.changed()
    return {"channel": channel.id, "ts": found.ts}


@method("chat.getPermalink")
def permalink(slack: Workspace, args: Json) -> Json:
    channel = channel_for(slack, args)
    found = message_at(slack, channel.id, args.get("message_ts"))
    link = f"https://home.slack.com/archives/{channel.id}/p{found.ts.replace('.', '')}"
    if found.is_reply:
        link += f"?thread_ts={found.root}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


@method("reactions.add")
def react(slack: Workspace, args: Json) -> Json:
    _, people = _reaction(slack, args)
    if slack.bot_user in people:
        raise Refused("already_reacted")
    people.append(slack.bot_user)
    slack.changed()
    return {}


@method("reactions.remove")
def take_back(slack: Workspace, args: Json) -> Json:
    name, people = _reaction(slack, args)
    if slack.bot_user not in people:
        raise Refused("no_reaction")
    people.remove(slack.bot_user)
    found = message_at(slack, str(args["channel"]), args["timestamp"])
    if not people:
        del found.reactions[name]
    slack.changed()
    return {}


def _reaction(slack: Workspace, args: Json) -> tuple[str, list[str]]:
    channel = channel_for(slack, args)
    name = str(args.get("name") or "").strip(":")
    if not EMOJI.fullmatch(name):
        raise Refused("invalid_name")
    found = message_at(slack, channel.id, args.get("timestamp"))
    return name, found.reactions.setdefault(name, [])
