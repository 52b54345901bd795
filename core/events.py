"""The outbox: an event is written in the transaction of what it tells, or not at all."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.models import Event
from core.prepared import PreparedInsert


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an event is about."""

    task_id: int | None = None
    run_id: int | None = None
    project_id: str | None = None
    correlation_id: str | None = None


_INSERT = PreparedInsert(
    Event, "type", "task_id", "run_id", "project_id", "correlation_id", "payload", "created_at"
)


def append(
    connection: Connection, type_: str, subject: Subject, now: datetime, **payload: Any
) -> None:
    _INSERT.execute(
        connection,
        {
            "type": type_,
            "task_id": subject.task_id,
            "run_id": subject.run_id,
            "project_id": subject.project_id,
            "correlation_id": subject.correlation_id,
            "payload": payload,
            "created_at": now,
        },
    )
