"""The tables of the chat: what came in, what is to go out, what people said, who they are.

Nothing in here is Slack's library; `docs/sql.md` explains the columns to people who query.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from core.base import Base
from core.columns import partial_index
from core.vocabulary import MessageKind, MessageState

_UNSENT = "state IN ('due', 'sending')"
_KEPT = "state = 'sent' AND payload IS NOT NULL"


class Received(Base):
    """A click, a form or an event that was delivered: what comes a second time is not done again,
    also after a restart.
    """

    __tablename__ = "chat_received"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    #: the process that works on it; a new name at every start
    taken_by: Mapped[str]
    received_at: Mapped[datetime]
    #: None: its process works on it, or died over it; then a redelivery takes it up
    answered_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_chat_received_at", "received_at"),)


class EventCursor(Base):
    """How far somebody has read the events, and who reads for them now."""

    __tablename__ = "event_cursors"

    consumer: Mapped[str] = mapped_column(String(32), primary_key=True)
    last_seq: Mapped[int]
    lease_owner: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]


class Message(Base):
    """A message that is to stand in a conversation, exactly once, and what stands there now."""

    __tablename__ = "chat_messages"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    #: what it is, once for ever: `card:42`, `result:42:7`, `alert:2026-11-21T20:00:80:U1`
    key: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[MessageKind]
    #: a conversation's or, for a direct message, a person's ID
    channel: Mapped[str]
    #: in a thread that is not ours, or in the thread of the message `parent_id`
    thread_ts: Mapped[str | None]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("chat_messages.id"))
    task_id: Mapped[int | None] = mapped_column(ForeignKey("tasks.id"))
    #: what to send; None: made from the task's present state when it is sent
    payload: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    state: Mapped[MessageState] = mapped_column(default=MessageState.DUE)
    #: not before this time: after a refusal the service says how long to wait
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    #: the ID that the service gave it
    ts: Mapped[str | None]
    #: a digest of what was shown last; an edit that changes nothing is not made
    shown: Mapped[str | None]
    #: the newest event it should show, and the newest it shows
    wanted_seq: Mapped[int] = mapped_column(default=0)
    shown_seq: Mapped[int] = mapped_column(default=0)
    #: of a card: nothing is posted into its thread
    muted: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]

    __table_args__ = (
        partial_index("ix_chat_messages_unsent", "state", "due_at", "id", where=_UNSENT),
        partial_index("ix_chat_messages_stale", "id", where="wanted_seq > shown_seq"),
        partial_index("ix_chat_messages_place", "channel", "ts", where="ts IS NOT NULL"),
        partial_index(
            "ix_chat_messages_thread", "channel", "thread_ts", where="thread_ts IS NOT NULL"
        ),
        partial_index("ix_chat_messages_kept", "sent_at", where=_KEPT),
        Index("ix_chat_messages_task", "task_id", "kind"),
        {"sqlite_autoincrement": True},
    )


class Instruction(Base):
    """What a person said to a task after it was queued."""

    __tablename__ = "task_instructions"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"))
    text: Mapped[str]
    said_by: Mapped[str]
    created_at: Mapped[datetime]
    #: the run whose agent was told; None: nobody was yet
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id"))
    given_at: Mapped[datetime | None]

    __table_args__ = (
        partial_index("ix_instructions_waiting", "task_id", "id", where="given_at IS NULL"),
        {"sqlite_autoincrement": True},
    )


class Person(Base):
    """Somebody who uses the chat: their time zone and what they want to be told."""

    __tablename__ = "chat_people"

    user_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str]
    #: IANA; None: nobody knows, the budget's zone stands in
    timezone: Mapped[str | None]
    looked_up_at: Mapped[datetime | None]
    home_opened_at: Mapped[datetime | None]
    #: `08:00` in their zone; None: the setting slack.digest_at
    digest_at: Mapped[str | None] = mapped_column(String(5))
    digest_wanted: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    #: the last local day they were told of, `2026-11-21`
    digested_on: Mapped[str | None] = mapped_column(String(10))
    default_project: Mapped[str | None] = mapped_column(ForeignKey("projects.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
