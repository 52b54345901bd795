"""What `--json` shows of tasks and runs: dollars as exact decimal text, times as ISO 8601."""

from datetime import datetime
from typing import Any

from core.models import Run, Task
from core.money import canonical


def task_object(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "status": task.status.value,
        "priority": task.priority.value,
        "project_id": task.project_id,
        "project_name": task.project_name,
        "description": task.description,
        "wait_reason": task.wait_reason and task.wait_reason.value,
        "wait_until": iso(task.wait_until),
        "not_before": iso(task.not_before),
        "max_cost_usd": dollars(task.max_cost_nano),
        "model": task.model,
        "requested_by": task.assigned_to,
        "attempts": task.attempt_count,
        "error": task.error_message,
        "created_at": iso(task.created_at),
        "started_at": iso(task.started_at),
        "completed_at": iso(task.completed_at),
    }


def run_object(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "number": run.number,
        "outcome": run.outcome and run.outcome.value,
        "phase": run.phase.value,
        "model": run.model,
        "metered_usd": dollars(run.metered_nano),
        "turns": run.num_turns,
        "duration_ms": run.duration_ms,
        "branch": run.branch,
        "merge_sha": run.merge_sha,
        "verified": run.verified,
        "files_changed": run.files_changed,
        "error": run.error_message,
        "output": run.output,
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at),
    }


def iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def dollars(nano: int | None) -> str | None:
    return None if nano is None else canonical(nano)
