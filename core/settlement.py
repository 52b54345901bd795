"""The end of a run: its charge, its hold, its outcome and its task's next state, at once.

Idempotent by construction: a run has one charge row and is closed once; whoever comes second is
told that the run is no longer theirs and has written nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from core import charges, events, line, projects
from core.charges import Charge, Usage
from core.errors import LeaseLost
from core.events import Subject
from core.leases import Claim
from core.models import (
    Run,
    RunOutcome,
    Task,
    TaskStatus,
)
from core.states import Consequence, Patience, Record, consequence


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a run ended."""

    outcome: RunOutcome
    usage: Usage
    error_class: str | None = None
    error_message: str | None = None
    #: the conversation to go on with, when the task is to go on
    session_id: str | None = None
    resets_at: datetime | None = None
    #: further columns of the run: sha's, output, verification
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settled:
    charge: Charge
    consequence: Consequence


def settle(
    connection: Connection, claim: Claim, how: Settlement, patience: Patience, now: datetime
) -> Settled:
    """Close the run and everything that hangs on it. Raises LeaseLost if it is closed already or
    belongs to somebody else by now; then nothing is written.
    """
    run = connection.execute(select(Run.__table__).where(Run.id == claim.run_id)).one()
    task = connection.execute(select(Task.__table__).where(Task.id == run.task_id)).one()
    if run.outcome is not None or not claim.epoch == run.lease_epoch == task.lease_epoch:
        raise LeaseLost(run_id=run.id, task_id=run.task_id)
    charged = charges.charge(connection, run, how.usage, now)
    record = Record(task.attempt_count, task.crash_count, bool(task.cancel_requested_by))
    next_ = consequence(how.outcome, record, patience, now=now, resets_at=how.resets_at)
    _close_run(connection, run.id, how, now)
    _move_task(connection, task, how, next_, now)
    subject = Subject(run.task_id, run.id, run.project_id, run.correlation_id)
    facts = {"outcome": how.outcome.value, "status": next_.status.value, "cost_nano": charged.cost}
    events.append(connection, "run.settled", subject, now, **facts)
    return Settled(charged, next_)


def _close_run(connection: Connection, run_id: int, how: Settlement, now: datetime) -> None:
    connection.execute(
        update(Run)
        .where(Run.id == run_id)
        .values(
            outcome=how.outcome,
            ended_at=now,
            error_class=how.error_class,
            error_message=how.error_message,
            **how.facts,
        )
    )


def _move_task(
    connection: Connection, task: Any, how: Settlement, next_: Consequence, now: datetime
) -> None:
    over = next_.status is not TaskStatus.PENDING
    connection.execute(
        update(Task)
        .where(Task.id == task.id)
        .values(
            status=next_.status,
            wait_reason=next_.wait_reason,
            wait_until=next_.wait_until,
            attempt_count=Task.attempt_count + int(next_.counts_as_attempt),
            crash_count=Task.crash_count + int(next_.counts_as_crash),
            completed_at=now if over else None,
            error_class=how.error_class,
            error_message=how.error_message,
            session_id=how.session_id,
            cancel_requested_by=None,
            lease_owner=None,
            lease_expires_at=None,
            updated_at=now,
        )
    )
    _free_what_waited(connection, task, next_, now)
    if task.project_id and how.session_id:
        projects.remember_session(connection, task.project_id, how.session_id, now)


def _free_what_waited(connection: Connection, task: Any, next_: Consequence, now: datetime) -> None:
    if next_.status is TaskStatus.PENDING and next_.wait_reason is None:
        line.place(connection, task.id, now)
    else:
        line.elect(connection, task.project_id)
    if next_.status is TaskStatus.COMPLETED:
        line.free_dependents(connection, task.id, now)
