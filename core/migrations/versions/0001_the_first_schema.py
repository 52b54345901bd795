"""The first schema: frozen, it stays as it was on the day it was released.

There is no way down: an older program gets the copy that was made before the upgrade.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: whole numbers of 64 bits; SQLite's INTEGER is that, and only INTEGER may number rows by itself
_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_USD = sa.Text().with_variant(sa.Numeric(20, 9), "postgresql")


def upgrade() -> None:
    _create_projects()
    _create_tasks()
    _create_task_dependencies()
    _create_runs()
    _create_budget_windows()
    _create_holds()
    _create_budget_entries()
    _create_usage_metrics()
    _create_usage_models()
    _create_events()
    _create_credit_windows()


def _create_projects() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.String(64), primary_key=True),
        _text("name", null=False),
        _word("status", "projectstatus", ("active", "paused", "archived")),
        _text("session_id"),
        _time("created_at", null=False),
        _time("updated_at", null=False),
        sa.CheckConstraint("id <> '' AND substr(id, 1, 1) <> '-'", name="projects_id_is_a_slug"),
    )


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        _number_of_row("id"),
        _text("description", null=False),
        _word("priority", "taskpriority", ("random", "serious")),
        _word("status", "taskstatus", _TASK_STATUS),
        _word("wait_reason", "waitreason", _WAIT_REASONS, null=True),
        *(_time(name) for name in ("wait_until",)),
        *(_time(name, null=False) for name in ("created_at", "updated_at")),
        *(_time(name) for name in ("started_at", "completed_at", "not_before")),
        *(_whole(name) for name in ("attempt_count", "crash_count")),
        *(_text(name) for name in ("error_class", "error_message")),
        _whole("result_id", null=True),
        *(_text(name) for name in ("context", "assigned_to", "slack_channel", "slack_thread_ts")),
        sa.Column("project_id", sa.String(64), sa.ForeignKey("projects.id")),
        *(_text(name) for name in ("project_name", "model")),
        _whole("max_cost_nano", sa.CheckConstraint("max_cost_nano > 0"), null=True),
        sa.Column("idempotency_key", sa.Text(), unique=True),
        _text("correlation_id", null=False),
        *(_text(name) for name in ("session_id", "cancel_requested_by", "lease_owner")),
        _whole("lease_epoch"),
        _time("lease_expires_at"),
        sa.CheckConstraint("trim(description) <> ''", name="tasks_description_says_something"),
        sa.CheckConstraint(
            "(status = 'in_progress') = (lease_owner IS NOT NULL)", name="tasks_running_is_leased"
        ),
        sa.CheckConstraint(
            "status = 'pending' OR wait_reason IS NULL", name="tasks_only_pending_waits"
        ),
        sqlite_autoincrement=True,
    )
    _index_tasks()


_TASK_STATUS = ("pending", "in_progress", "in_review", "completed", "failed", "cancelled")
_WAIT_REASONS = (
    "budget",
    "window",
    "dependency",
    "not_before",
    "project_busy",
    "project_paused",
    "limit_reached",
    "backend_down",
)


def _index_tasks() -> None:
    turn = sa.text("(priority = 'serious') DESC")
    runnable = "status = 'pending' AND wait_reason IS NULL"
    in_line = "status = 'pending' AND (wait_reason IS NULL OR wait_reason = 'project_busy')"
    head = f"{runnable} AND project_id IS NOT NULL"
    one_running = "status = 'in_progress' AND project_id IS NOT NULL"
    _index("ix_tasks_claim", "tasks", ["status", "wait_reason", turn, "id"], where=runnable)
    _index("ix_tasks_line", "tasks", ["project_id", "status", turn, "id"], where=in_line)
    _index("ix_tasks_head", "tasks", ["project_id", "status", "wait_reason"], where=head)
    _index("ix_tasks_due", "tasks", ["wait_until"], where="wait_until IS NOT NULL")
    _index("ix_tasks_lease", "tasks", ["lease_expires_at"], where="status = 'in_progress'")
    _index("uq_one_running_per_project", "tasks", ["project_id"], where=one_running, unique=True)
    op.create_index("ix_tasks_status", "tasks", ["status", "id"])
    op.create_index("ix_tasks_project", "tasks", ["project_id", "id"])


def _create_task_dependencies() -> None:
    op.create_table(
        "task_dependencies",
        _whole("task_id", sa.ForeignKey("tasks.id"), key=True),
        _whole("depends_on_id", sa.ForeignKey("tasks.id"), key=True),
        sa.CheckConstraint("task_id <> depends_on_id", name="dependencies_not_on_itself"),
    )
    op.create_index("ix_dependencies_reverse", "task_dependencies", ["depends_on_id"])


_RUN_PHASES = ("claimed", "preparing", "working", "verifying", "landing", "settling")
_RUN_OUTCOMES = (
    "completed",
    "failed",
    "refuted",
    "conflicted",
    "timed_out",
    "cancelled",
    "capped",
    "out_of_budget",
    "limited",
    "drained",
    "transient",
    "crashed",
)


def _create_runs() -> None:
    op.create_table(
        "runs",
        _number_of_row("id"),
        _whole("task_id", sa.ForeignKey("tasks.id")),
        _whole("number"),
        sa.Column("project_id", sa.String(64), sa.ForeignKey("projects.id")),
        _whole("lease_epoch"),
        _text("worker", null=False),
        _word("phase", "runphase", _RUN_PHASES),
        _word("outcome", "runoutcome", _RUN_OUTCOMES, null=True),
        _word("foreseen_outcome", "foreseenoutcome", _RUN_OUTCOMES, null=True),
        *(_text(name, null=False) for name in ("backend", "model")),
        _whole("pid", null=True),
        sa.Column("pid_started_at", sa.Double()),
        _text("session_id"),
        _whole("metered_nano"),
        _whole("reported_total_nano", null=True),
        *(_whole(name) for name in ("num_turns", "duration_ms", "duration_api_ms")),
        sa.Column("models", sa.JSON()),
        *(_text(name) for name in ("workspace_path", "branch", "base_sha", "head_sha")),
        *(_text(name) for name in ("merge_sha", "output")),
        sa.Column("verified", sa.Boolean()),
        _text("verify_output"),
        sa.Column("files_changed", sa.JSON()),
        *(_text(name) for name in ("error_class", "error_message")),
        _text("correlation_id", null=False),
        _time("started_at", null=False),
        _time("ended_at"),
        sa.CheckConstraint(
            "(outcome IS NULL) = (ended_at IS NULL)", name="runs_ended_has_an_outcome"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_runs_number", "runs", ["task_id", "number"], unique=True)
    _index("uq_one_open_run", "runs", ["task_id"], where="outcome IS NULL", unique=True)
    op.create_index("ix_runs_project", "runs", ["project_id", "id"])


def _create_budget_windows() -> None:
    op.create_table(
        "budget_windows",
        _number_of_row("id"),
        sa.Column("label", sa.String(16), nullable=False),
        sa.Column("starts_at", sa.DateTime(), nullable=False, unique=True),
        _time("ends_at", null=False),
        _whole("limit_nano", sa.CheckConstraint("limit_nano >= 0")),
        *(_time(name) for name in ("exhausted_at", "resumed_at")),
    )


def _create_holds() -> None:
    op.create_table(
        "holds",
        _whole("run_id", sa.ForeignKey("runs.id"), key=True),
        _whole("window_id", sa.ForeignKey("budget_windows.id")),
        _time("admitted_at", null=False),
        _whole("amount_nano", sa.CheckConstraint("amount_nano >= 0")),
        _word("state", "holdstate", ("held", "settled", "released")),
        _time("closed_at"),
    )
    _index(
        "ix_holds_open", "holds", ["state", "admitted_at", "amount_nano"], where="state = 'held'"
    )


def _create_budget_entries() -> None:
    op.create_table(
        "budget_entries",
        _number_of_row("id"),
        _whole("window_id", sa.ForeignKey("budget_windows.id")),
        _whole("run_id", sa.ForeignKey("runs.id")),
        _word("kind", "entrykind", ("hold", "grow", "release", "charge")),
        _whole("amount_nano"),
        _time("created_at", null=False),
        sqlite_autoincrement=True,
    )
    once = "kind IN ('hold', 'release', 'charge')"
    _index("uq_entry_once", "budget_entries", ["run_id", "kind"], where=once, unique=True)


def _create_usage_metrics() -> None:
    op.create_table(
        "usage_metrics",
        _number_of_row("id"),
        _whole("task_id"),
        _whole("run_id", sa.ForeignKey("runs.id"), null=True, unique=True),
        _text("project_id"),
        sa.Column("total_cost_usd", _USD),
        _whole("cost_nano", sa.CheckConstraint("cost_nano >= 0"), null=True),
        _word("cost_source", "costsource", _COST_SOURCES, default="reported"),
        *(_whole(name, null=True) for name in ("duration_ms", "duration_api_ms", "num_turns")),
        _time("created_at", null=False),
        _time("admitted_at"),
        *(_text(name) for name in ("model", "session_id")),
        _whole("session_total_nano", null=True),
        _text("unread_cost"),
        sa.Column("rehearsal", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        _text("correlation_id"),
        sa.CheckConstraint(
            "(total_cost_usd IS NULL) = (cost_nano IS NULL)", name="usage_cost_is_told_twice"
        ),
        _costs_agree(),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_usage_created", "usage_metrics", ["created_at", "cost_nano"])
    charged_at = sa.text("coalesce(admitted_at, created_at)")
    window: list[Any] = [charged_at, "cost_nano", "admitted_at", "created_at"]
    op.create_index("ix_usage_window", "usage_metrics", window)
    op.create_index("ix_usage_project", "usage_metrics", ["project_id", "created_at", "cost_nano"])
    _index("ix_usage_session", "usage_metrics", ["session_id", "id"], "session_id IS NOT NULL")
    op.create_index("ix_usage_task", "usage_metrics", ["task_id"])


_COST_SOURCES = ("reported", "metered", "hold", "none", "imported")


def _costs_agree() -> sa.CheckConstraint:
    """The text people sum up and the number we compute with are one amount."""
    if op.get_bind().dialect.name == "postgresql":
        return sa.CheckConstraint(
            "cost_nano IS NULL OR total_cost_usd * 1000000000 = cost_nano",
            name="usage_costs_agree_pg",
        )
    return sa.CheckConstraint(
        "cost_nano IS NULL OR total_cost_usd = "
        "printf('%d.%09d', cost_nano / 1000000000, cost_nano % 1000000000)",
        name="usage_costs_agree",
    )


def _create_usage_models() -> None:
    op.create_table(
        "usage_models",
        _whole("usage_id", sa.ForeignKey("usage_metrics.id"), key=True),
        sa.Column("model", sa.Text(), primary_key=True),
        *(_whole(name) for name in ("cost_nano", "input_tokens", "output_tokens")),
        *(_whole(name) for name in ("cache_read_tokens", "cache_write_tokens")),
    )


def _create_events() -> None:
    op.create_table(
        "events",
        _number_of_row("seq"),
        sa.Column("type", sa.String(64), nullable=False),
        *(_whole(name, null=True) for name in ("task_id", "run_id")),
        *(_text(name) for name in ("project_id", "correlation_id")),
        sa.Column("payload", sa.JSON(), nullable=False),
        _time("created_at", null=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_type", "events", ["type", "seq"])
    op.create_index("ix_events_task", "events", ["task_id", "seq"])


def _create_credit_windows() -> None:
    op.create_table(
        "credit_windows",
        _number_of_row("id"),
        _text("backend", null=False),
        *(_time(name, null=False) for name in ("starts_at", "ends_at")),
        _whole("tasks_executed"),
        sa.Column("reported", sa.Boolean(), nullable=False),
    )
    op.create_index("uq_credit_windows", "credit_windows", ["backend", "starts_at"], unique=True)


def _number_of_row(name: str) -> sa.Column[Any]:
    return sa.Column(name, _WHOLE, primary_key=True, autoincrement=True)


def _whole(
    name: str, *rules: Any, null: bool = False, key: bool = False, unique: bool | None = None
) -> sa.Column[Any]:
    return sa.Column(
        name,
        _WHOLE,
        *rules,
        nullable=null,
        primary_key=key,
        unique=unique,
        autoincrement=False if key else "auto",
    )


def _text(name: str, *, null: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=null)


def _time(name: str, *, null: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(), nullable=null)


def _word(
    name: str, kind: str, words: tuple[str, ...], *, null: bool = False, default: str | None = None
) -> sa.Column[Any]:
    listed = sa.Enum(*words, name=kind, native_enum=False, create_constraint=True, length=32)
    return sa.Column(name, listed, nullable=null, server_default=default)


def _index(name: str, table: str, columns: list[Any], where: str, *, unique: bool = False) -> None:
    """An index over the rows that matter."""
    only = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=only, postgresql_where=only)
