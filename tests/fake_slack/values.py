"""What a workspace is made of, as values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

Json = dict[str, Any]
Blocks = list[Json]


class Refused(Exception):
    """The Web API says no: `error` is Slack's own word for why."""

    def __init__(self, error: str, status: int = 200, **facts: Any) -> None:
        super().__init__(error)
        self.error, self.status, self.facts = error, status, facts


@dataclass(slots=True)
class User:
    id: str
    name: str
    tz: str
    team_id: str
    is_bot: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Channel:
    id: str
    name: str
    members: set[str]
    #: channel, group (private) or im, as events call it
    type: str = "channel"
    archived: bool = False


@dataclass(slots=True, eq=False)
class SlackMessage:
    ts: str
    channel: str
    text: str
    blocks: Blocks = field(default_factory=list)
    user: str = ""
    #: of messages that an app sent
    bot_id: str = ""
    thread_ts: str | None = None
    metadata: Json | None = None
    #: what it said before, oldest first
    edits: list[tuple[str, Blocks]] = field(default_factory=list)
    #: emoji → who
    reactions: dict[str, list[str]] = field(default_factory=dict)
    files: "list[SlackFile]" = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    broadcast: bool = False
    deleted: bool = False

    @property
    def root(self) -> str:
        """The timestamp of the thread it is in or would start."""
        return self.thread_ts or self.ts

    @property
    def is_reply(self) -> bool:
        return self.root != self.ts


class Ephemeral(NamedTuple):
    """Only `user` sees it, until the next reload."""

    channel: str
    user: str
    text: str
    blocks: Blocks
    thread_ts: str | None


class Response(NamedTuple):
    """What came through a response_url, by the envelope that had offered it."""

    envelope_id: str
    body: Json


class Trigger(NamedTuple):
    """Opens one view for that person, at once."""

    user: str
    at: datetime


class SessionStatus(NamedTuple):
    status: str
    title: str | None
    initiator: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the Web API, on its arrival."""

    method: str
    args: Json
    at: datetime


@dataclass(slots=True, eq=False)
class SlackFile:
    id: str
    name: str
    length: int
    snippet_type: str | None
    content: bytes = b""
    uploaded: bool = False
    #: where it was shared, once it was
    channel: str | None = None
    thread_ts: str | None = None
    title: str = ""


@dataclass(slots=True, eq=False)
class Ack:
    """How the app acknowledged. `payload` is the first answer; `answers` has one for every
    delivery of the same thing that was acknowledged, also those still to come.
    """

    envelope_id: str
    type: str
    request: Json
    payload: Json | None = None
    #: from the first delivery to the first acknowledgement
    seconds: float = 0.0
    deliveries: int = 0
    answers: list[Json | None] = field(default_factory=list)

    @property
    def text(self) -> str:
        return str((self.payload or {}).get("text") or "")

    @property
    def blocks(self) -> Blocks:
        return list((self.payload or {}).get("blocks") or [])

    @property
    def errors(self) -> dict[str, str]:
        """What a modal complains of, by block."""
        return dict((self.payload or {}).get("errors") or {})


#: decides over one call, by its arguments
When = Callable[[Json], bool]


def always(_args: Json) -> bool:
    return True
