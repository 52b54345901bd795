"""What Slack brought: who, where, what, and under which key it would come again. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from interfaces.slack.incoming.access import Caller

Payload = Mapping[str, Any]

#: what a person wrote has no subtype, or came with a file, or is shown in the channel as well
_WRITTEN: Final = (None, "file_share", "thread_broadcast")


class Kind(StrEnum):
    COMMAND = "command"
    CLICK = "click"
    SHORTCUT = "shortcut"
    SUBMISSION = "submission"
    CLOSED = "closed"
    OPTIONS = "options"
    MENTION = "mention"
    #: a direct message
    DIRECT = "direct"
    #: a message in a channel; it concerns us in a task's thread only
    MESSAGE = "message"
    #: Slack's own Stop button beside a task at work
    STOP = "stop"
    HOME = "home"
    EVENT = "event"


#: what a person writes into a conversation
SAID: Final = frozenset({Kind.MENTION, Kind.DIRECT, Kind.MESSAGE})
#: what asks for work, and counts against a person's pace
ACTS: Final = SAID | {Kind.COMMAND, Kind.CLICK, Kind.SHORTCUT, Kind.SUBMISSION, Kind.STOP}


@dataclass(frozen=True, slots=True)
class Delivery:
    kind: Kind
    #: the command, the button, the form, the event: `/task`, `task:cancel`, `app_mention`
    what: str
    #: the same for a second delivery of the same thing
    key: str
    caller: Caller
    #: of a message: its own timestamp and, in a thread, the one of the thread's root
    ts: str | None = None
    thread_ts: str | None = None
    text: str = ""

    @property
    def user(self) -> str:
        return self.caller.user or ""

    @property
    def channel(self) -> str | None:
        return self.caller.channel


def read(body: Payload) -> Delivery:
    """Any payload at all; what is not there stays empty, and access decides over it."""
    if "command" in body:
        return _command(body)
    if body.get("type") == "event_callback":
        return _event(body, body.get("event") or {})
    return _interaction(body)


def by_a_person(delivery: Delivery, body: Payload, bot_user: str) -> bool:
    """Whether somebody has just written it: no app, no edit, no deletion, not ourselves."""
    event = body.get("event") or {}
    if delivery.caller.is_bot or delivery.user == bot_user or event.get("hidden"):
        return False
    return bool(delivery.user) and event.get("subtype") in _WRITTEN and "edited" not in event


def _command(body: Payload) -> Delivery:
    caller = Caller(body.get("user_id"), body.get("channel_id"), _teams(body.get("team_id")))
    key = f"trigger:{body.get('trigger_id')}"
    text = str(body.get("text") or "")
    return Delivery(Kind.COMMAND, str(body["command"]), key, caller, text=text)


def _event(body: Payload, event: Payload) -> Delivery:
    kind, channel = _kind_of_event(event), event.get("channel") or event.get("channel_id")
    channel = channel.get("id") if isinstance(channel, Mapping) else channel
    ts = event.get("ts") if kind in SAID else event.get("message_ts")
    said = f"message:{channel}:{ts}"
    key = said if kind in SAID else f"event:{body.get('team_id')}:{body.get('event_id')}"
    return Delivery(
        kind,
        str(event.get("type")),
        key,
        _author(body, event, channel),
        ts,
        event.get("thread_ts"),
        str(event.get("text") or ""),
    )


def _kind_of_event(event: Payload) -> Kind:
    match event.get("type"), event.get("channel_type"):
        case "app_mention", _:
            return Kind.MENTION
        case "message", "im":
            return Kind.DIRECT
        case "message", _:
            return Kind.MESSAGE
        case "agent_session_stopped", _:
            return Kind.STOP
        case "app_home_opened", _:
            return Kind.HOME
    return Kind.EVENT


def _author(body: Payload, event: Payload, channel: str | None) -> Caller:
    """In a channel shared with another company the event names the author's team besides ours."""
    user = event.get("user") or event.get("user_id")
    user = user.get("id") if isinstance(user, Mapping) else user
    theirs = (event.get(name) for name in ("team", "user_team", "source_team"))
    is_bot = bool(event.get("bot_id") or event.get("bot_profile")) or (
        event.get("subtype") == "bot_message"
    )
    return Caller(user, channel, _teams(body.get("team_id"), *theirs), is_bot)


_INTERACTIONS: Final = {
    "block_actions": Kind.CLICK,
    "interactive_message": Kind.CLICK,
    "message_action": Kind.SHORTCUT,
    "shortcut": Kind.SHORTCUT,
    "view_submission": Kind.SUBMISSION,
    "view_closed": Kind.CLOSED,
    "block_suggestion": Kind.OPTIONS,
}


def _interaction(body: Payload) -> Delivery:
    user, view = body.get("user") or {}, body.get("view") or {}
    kind = _INTERACTIONS.get(str(body.get("type")), Kind.EVENT)
    container, message = body.get("container") or {}, body.get("message") or {}
    channel = (body.get("channel") or {}).get("id") or container.get("channel_id")
    teams = _teams((body.get("team") or {}).get("id"), user.get("team_id"))
    return Delivery(
        kind,
        _name(body, view),
        _interaction_key(kind, body, view),
        Caller(user.get("id"), channel, teams, bool(user.get("is_bot"))),
        message.get("ts") or container.get("message_ts"),
        message.get("thread_ts") or container.get("thread_ts"),
        str(message.get("text") or ""),
    )


def _interaction_key(kind: Kind, body: Payload, view: Payload) -> str:
    if kind in (Kind.SUBMISSION, Kind.CLOSED):
        return f"view:{view.get('id')}"
    return f"trigger:{body.get('trigger_id')}"


def _name(body: Payload, view: Payload) -> str:
    actions = body.get("actions") or [{}]
    first = actions[0].get("action_id")
    named = first or body.get("action_id") or body.get("callback_id") or view.get("callback_id")
    return str(named or body.get("type"))


def _teams(*named: Any) -> frozenset[str]:
    return frozenset(str(team) for team in named if team)
