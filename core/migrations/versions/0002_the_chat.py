"""The chat: what came in, what goes out, instructions to tasks, and the people."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KINDS = ("card", "result", "failure", "needs_you", "reply", "file", "digest", "alert")
_STATES = ("due", "sending", "sent", "given_up")


def upgrade() -> None:
    _create_chat_received()
    _create_event_cursors()
    _create_chat_messages()
    _create_task_instructions()
    _create_chat_people()
    # what ended in a night, however long the history
    _index("ix_tasks_over", "tasks", ["completed_at"], "completed_at IS NOT NULL")


def _create_chat_received() -> None:
    op.create_table(
        "chat_received",
        sa.Column("key", sa.String(200), primary_key=True),
        _text("taken_by", null=False),
        _time("received_at", null=False),
        _time("answered_at"),
    )
    op.create_index("ix_chat_received_at", "chat_received", ["received_at"])


def _create_event_cursors() -> None:
    op.create_table(
        "event_cursors",
        sa.Column("consumer", sa.String(32), primary_key=True),
        sa.Column("last_seq", _WHOLE, nullable=False),
        _text("lease_owner"),
        _time("lease_expires_at"),
        _time("updated_at", null=False),
    )


def _create_chat_messages() -> None:
    op.create_table(
        "chat_messages",
        sa.Column("id", _WHOLE, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(200), nullable=False, unique=True),
        _word("kind", "messagekind", _KINDS),
        _text("channel", null=False),
        _text("thread_ts"),
        sa.Column("parent_id", _WHOLE, sa.ForeignKey("chat_messages.id")),
        sa.Column("task_id", _WHOLE, sa.ForeignKey("tasks.id")),
        sa.Column("payload", sa.JSON(none_as_null=True)),
        _word("state", "messagestate", _STATES),
        _time("due_at", null=False),
        sa.Column("attempts", _WHOLE, nullable=False),
        *(_text(name) for name in ("error", "ts", "shown")),
        *(sa.Column(name, _WHOLE, nullable=False) for name in ("wanted_seq", "shown_seq")),
        sa.Column("muted", sa.Boolean(), nullable=False),
        _time("created_at", null=False),
        _time("sent_at"),
        sqlite_autoincrement=True,
    )
    unsent = "state IN ('due', 'sending')"
    _index("ix_chat_messages_unsent", "chat_messages", ["state", "due_at", "id"], unsent)
    _index("ix_chat_messages_stale", "chat_messages", ["id"], "wanted_seq > shown_seq")
    _index("ix_chat_messages_place", "chat_messages", ["channel", "ts"], "ts IS NOT NULL")
    threaded = "thread_ts IS NOT NULL"
    _index("ix_chat_messages_thread", "chat_messages", ["channel", "thread_ts"], threaded)
    kept = "state = 'sent' AND payload IS NOT NULL"
    _index("ix_chat_messages_kept", "chat_messages", ["sent_at"], kept)
    op.create_index("ix_chat_messages_task", "chat_messages", ["task_id", "kind"])


def _create_task_instructions() -> None:
    op.create_table(
        "task_instructions",
        sa.Column("id", _WHOLE, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(200), nullable=False, unique=True),
        sa.Column("task_id", _WHOLE, sa.ForeignKey("tasks.id"), nullable=False),
        *(_text(name, null=False) for name in ("text", "said_by")),
        _time("created_at", null=False),
        sa.Column("run_id", _WHOLE, sa.ForeignKey("runs.id")),
        _time("given_at"),
        sqlite_autoincrement=True,
    )
    waiting = "given_at IS NULL"
    _index("ix_instructions_waiting", "task_instructions", ["task_id", "id"], waiting)


def _create_chat_people() -> None:
    op.create_table(
        "chat_people",
        sa.Column("user_id", sa.String(32), primary_key=True),
        _text("name", null=False),
        _text("timezone"),
        *(_time(name) for name in ("looked_up_at", "home_opened_at")),
        sa.Column("digest_at", sa.String(5)),
        sa.Column("digest_wanted", sa.Boolean(), nullable=False, server_default=sa.text("true")),
        sa.Column("digested_on", sa.String(10)),
        sa.Column("default_project", sa.String(64), sa.ForeignKey("projects.id")),
        *(_time(name, null=False) for name in ("created_at", "updated_at")),
    )


def _text(name: str, *, null: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=null)


def _time(name: str, *, null: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(), nullable=null)


def _word(name: str, kind: str, words: tuple[str, ...]) -> sa.Column[Any]:
    listed = sa.Enum(*words, name=kind, native_enum=False, create_constraint=True, length=32)
    return sa.Column(name, listed, nullable=False)


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    only = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=only, postgresql_where=only)
