"""The tables. `docs/sql.md` explains them to people who query; migrations create them.

Times are aware UTC in Python and naive UTC in the database (`YYYY-MM-DD HH:MM:SS.ffffff`), so that
`DATE(created_at)` is right on SQLite and PostgreSQL. Money is integer nano-dollars.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.base import Base
from core.chat_models import EventCursor, Instruction, Message, Person, Received
from core.columns import CanonicalUSD, partial_index, words
from core.vocabulary import (
    CostSource,
    EntryKind,
    HoldState,
    MessageKind,
    MessageState,
    ProjectStatus,
    RunOutcome,
    RunPhase,
    TaskPriority,
    TaskStatus,
    WaitReason,
)

__all__ = [
    "Base",
    "BudgetEntry",
    "BudgetWindow",
    "CostSource",
    "CreditWindow",
    "EntryKind",
    "Event",
    "EventCursor",
    "Hold",
    "HoldState",
    "Instruction",
    "Message",
    "MessageKind",
    "MessageState",
    "Person",
    "Project",
    "ProjectStatus",
    "Received",
    "Run",
    "RunOutcome",
    "RunPhase",
    "Task",
    "TaskDependency",
    "TaskPriority",
    "TaskStatus",
    "UsageMetric",
    "UsageModel",
    "WaitReason",
]


#: serious before random, first come first served inside: the one order of the queue
_TURN = text("(priority = 'serious') DESC")
_RUNNABLE = "status = 'pending' AND wait_reason IS NULL"
_HELD = "state = 'held'"
_CHARGED_TO = text("coalesce(admitted_at, created_at)")
_HEAD = f"{_RUNNABLE} AND project_id IS NOT NULL"
_IN_LINE = "status = 'pending' AND (wait_reason IS NULL OR wait_reason = 'project_busy')"


class Project(Base):
    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str]
    status: Mapped[ProjectStatus] = mapped_column(default=ProjectStatus.ACTIVE)
    #: the conversation that the next task of this project continues
    session_id: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("id <> '' AND substr(id, 1, 1) <> '-'", name="projects_id_is_a_slug"),
    )


class Task(Base):
    __tablename__ = "tasks"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    description: Mapped[str]
    priority: Mapped[TaskPriority] = mapped_column(default=TaskPriority.RANDOM)
    status: Mapped[TaskStatus] = mapped_column(default=TaskStatus.PENDING)
    wait_reason: Mapped[WaitReason | None]
    #: a waiting task is looked at again at this time; None: an event will free it
    wait_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    #: runs that counted: waiting and being interrupted cost none
    attempt_count: Mapped[int] = mapped_column(default=0)
    #: runs that ended because a process died; three put the task aside
    crash_count: Mapped[int] = mapped_column(default=0)
    error_class: Mapped[str | None]
    error_message: Mapped[str | None]
    result_id: Mapped[int | None]
    context: Mapped[str | None]
    #: who asked
    assigned_to: Mapped[str | None]
    slack_channel: Mapped[str | None]
    slack_thread_ts: Mapped[str | None]
    project_id: Mapped[str | None] = mapped_column(ForeignKey("projects.id"))
    project_name: Mapped[str | None]
    model: Mapped[str | None]
    #: the most the task may cost over all its runs
    max_cost_nano: Mapped[int | None] = mapped_column(CheckConstraint("max_cost_nano > 0"))
    idempotency_key: Mapped[str | None] = mapped_column(unique=True)
    correlation_id: Mapped[str]
    #: the conversation an interrupted task goes on with
    session_id: Mapped[str | None]
    #: a person's wish to stop a task that runs; its daemon notices and stops the agent
    cancel_requested_by: Mapped[str | None]
    lease_owner: Mapped[str | None]
    #: the fencing token: grows with every claim, and every write of a run carries it
    lease_epoch: Mapped[int] = mapped_column(default=0)
    lease_expires_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("trim(description) <> ''", name="tasks_description_says_something"),
        CheckConstraint(
            "(status = 'in_progress') = (lease_owner IS NOT NULL)", name="tasks_running_is_leased"
        ),
        CheckConstraint(
            "status = 'pending' OR wait_reason IS NULL", name="tasks_only_pending_waits"
        ),
        # the equal columns lead, though the condition says them: without them, and without ANALYZE,
        # SQLite prefers ix_tasks_status and sorts the whole queue
        partial_index("ix_tasks_claim", "status", "wait_reason", _TURN, "id", where=_RUNNABLE),
        partial_index("ix_tasks_line", "project_id", "status", _TURN, "id", where=_IN_LINE),
        partial_index("ix_tasks_head", "project_id", "status", "wait_reason", where=_HEAD),
        partial_index("ix_tasks_due", "wait_until", where="wait_until IS NOT NULL"),
        partial_index("ix_tasks_lease", "lease_expires_at", where="status = 'in_progress'"),
        partial_index(
            "uq_one_running_per_project",
            "project_id",
            where="status = 'in_progress' AND project_id IS NOT NULL",
            unique=True,
        ),
        Index("ix_tasks_status", "status", "id"),
        partial_index("ix_tasks_over", "completed_at", where="completed_at IS NOT NULL"),
        Index("ix_tasks_project", "project_id", "id"),
        {"sqlite_autoincrement": True},
    )


class TaskDependency(Base):
    __tablename__ = "task_dependencies"

    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), primary_key=True)
    depends_on_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), primary_key=True)

    __table_args__ = (
        CheckConstraint("task_id <> depends_on_id", name="dependencies_not_on_itself"),
        Index("ix_dependencies_reverse", "depends_on_id"),
    )


class Run(Base):
    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"))
    #: 1, 2, 3 … within the task, interrupted runs included
    number: Mapped[int]
    project_id: Mapped[str | None] = mapped_column(ForeignKey("projects.id"))
    lease_epoch: Mapped[int]
    worker: Mapped[str]
    phase: Mapped[RunPhase]
    #: None while the run is open
    outcome: Mapped[RunOutcome | None]
    #: how it will end as far as is known; what a restart goes by
    foreseen_outcome: Mapped[RunOutcome | None] = mapped_column(
        words(RunOutcome, "foreseenoutcome")
    )
    backend: Mapped[str]
    model: Mapped[str]
    pid: Mapped[int | None]
    #: what psutil says of the process's start: a reused pid is not ours
    pid_started_at: Mapped[float | None]
    session_id: Mapped[str | None]
    #: what the calls seen so far cost; written as they are seen, so that a kill is charged
    metered_nano: Mapped[int] = mapped_column(default=0)
    #: the session's total as the agent last reported it
    reported_total_nano: Mapped[int | None]
    num_turns: Mapped[int] = mapped_column(default=0)
    duration_ms: Mapped[int] = mapped_column(default=0)
    duration_api_ms: Mapped[int] = mapped_column(default=0)
    #: per model, as reported (ModelUsage fields), kept until the charge is written
    models: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON())
    workspace_path: Mapped[str | None]
    branch: Mapped[str | None]
    base_sha: Mapped[str | None]
    head_sha: Mapped[str | None]
    merge_sha: Mapped[str | None]
    #: the agent's last words
    output: Mapped[str | None]
    #: None: no verify command; else whether it passed
    verified: Mapped[bool | None]
    verify_output: Mapped[str | None]
    files_changed: Mapped[list[str] | None] = mapped_column(JSON())
    error_class: Mapped[str | None]
    error_message: Mapped[str | None]
    correlation_id: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="runs_ended_has_an_outcome"),
        Index("uq_runs_number", "task_id", "number", unique=True),
        partial_index("uq_one_open_run", "task_id", where="outcome IS NULL", unique=True),
        Index("ix_runs_project", "project_id", "id"),
        {"sqlite_autoincrement": True},
    )


class BudgetWindow(Base):
    """A night or a day as it was: the limit it had, and when its money ran out."""

    __tablename__ = "budget_windows"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    label: Mapped[str] = mapped_column(String(16))
    starts_at: Mapped[datetime] = mapped_column(unique=True)
    ends_at: Mapped[datetime]
    limit_nano: Mapped[int] = mapped_column(CheckConstraint("limit_nano >= 0"))
    exhausted_at: Mapped[datetime | None]
    resumed_at: Mapped[datetime | None]


class Hold(Base):
    """Money set aside for a run before it may spend any."""

    __tablename__ = "holds"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    window_id: Mapped[int] = mapped_column(ForeignKey("budget_windows.id"))
    admitted_at: Mapped[datetime]
    amount_nano: Mapped[int] = mapped_column(CheckConstraint("amount_nano >= 0"))
    state: Mapped[HoldState] = mapped_column(default=HoldState.HELD)
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        partial_index("ix_holds_open", "state", "admitted_at", "amount_nano", where=_HELD),
    )


class BudgetEntry(Base):
    """The ledger: every hold, growth, release and charge, in order, for ever."""

    __tablename__ = "budget_entries"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    window_id: Mapped[int] = mapped_column(ForeignKey("budget_windows.id"))
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
    kind: Mapped[EntryKind]
    amount_nano: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (
        partial_index(
            "uq_entry_once",
            "run_id",
            "kind",
            where="kind IN ('hold', 'release', 'charge')",
            unique=True,
        ),
        {"sqlite_autoincrement": True},
    )


class UsageMetric(Base):
    """One charge. `created_at` is the time of the charge; the window is the one of `admitted_at`,
    or of `created_at` for rows that came without an admission.
    """

    __tablename__ = "usage_metrics"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    task_id: Mapped[int]
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id"), unique=True)
    project_id: Mapped[str | None]
    total_cost_usd: Mapped[str | None] = mapped_column(CanonicalUSD())
    cost_nano: Mapped[int | None] = mapped_column(CheckConstraint("cost_nano >= 0"))
    cost_source: Mapped[CostSource] = mapped_column(
        default=CostSource.REPORTED, server_default=CostSource.REPORTED.value
    )
    duration_ms: Mapped[int | None]
    duration_api_ms: Mapped[int | None]
    num_turns: Mapped[int | None]
    created_at: Mapped[datetime]
    admitted_at: Mapped[datetime | None]
    model: Mapped[str | None]
    session_id: Mapped[str | None]
    #: the session's running total; the next run of the session is charged the difference
    session_total_nano: Mapped[int | None]
    #: the cost exactly as an older database or an agent wrote it, where that was no amount
    unread_cost: Mapped[str | None]
    rehearsal: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    correlation_id: Mapped[str | None]

    __table_args__ = (
        CheckConstraint(
            "(total_cost_usd IS NULL) = (cost_nano IS NULL)", name="usage_cost_is_told_twice"
        ),
        CheckConstraint(
            "cost_nano IS NULL OR total_cost_usd = "
            "printf('%d.%09d', cost_nano / 1000000000, cost_nano % 1000000000)",
            name="usage_costs_agree",
        ).ddl_if(dialect="sqlite"),
        CheckConstraint(
            "cost_nano IS NULL OR total_cost_usd * 1000000000 = cost_nano",
            name="usage_costs_agree_pg",
        ).ddl_if(dialect="postgresql"),
        Index("ix_usage_created", "created_at", "cost_nano"),
        # with the columns of the expression, or SQLite reads every row of the table for them
        Index("ix_usage_window", _CHARGED_TO, "cost_nano", "admitted_at", "created_at"),
        Index("ix_usage_project", "project_id", "created_at", "cost_nano"),
        partial_index("ix_usage_session", "session_id", "id", where="session_id IS NOT NULL"),
        Index("ix_usage_task", "task_id"),
        {"sqlite_autoincrement": True},
    )


class UsageModel(Base):
    """A charge, model by model."""

    __tablename__ = "usage_models"

    usage_id: Mapped[int] = mapped_column(ForeignKey("usage_metrics.id"), primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    cost_nano: Mapped[int]
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    cache_read_tokens: Mapped[int]
    cache_write_tokens: Mapped[int]


class Event(Base):
    """The outbox: what happened, written in the transaction in which it happened."""

    __tablename__ = "events"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    type: Mapped[str] = mapped_column(String(64))
    task_id: Mapped[int | None]
    run_id: Mapped[int | None]
    project_id: Mapped[str | None]
    correlation_id: Mapped[str | None]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_events_type", "type", "seq"),
        Index("ix_events_task", "task_id", "seq"),
        {"sqlite_autoincrement": True},
    )


class CreditWindow(Base):
    """The provider's five-hour usage window: how long it lasts and how many runs it has seen."""

    __tablename__ = "credit_windows"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    backend: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    tasks_executed: Mapped[int] = mapped_column(default=0)
    #: reported: the provider said when it resets; else assumed from the first run
    reported: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (Index("uq_credit_windows", "backend", "starts_at", unique=True),)
