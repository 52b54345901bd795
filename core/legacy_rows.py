"""One row of a first-generation database in today's words; whatever it holds, it stays a row.

Pure: text and numbers in, the columns of schema revision 0001 out. Times come out as SQLite keeps
them, `YYYY-MM-DD HH:MM:SS.ffffff` in UTC.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.errors import BadAmount, BadProjectName
from core.money import canonical, to_nano
from core.projects import slug_of

Row = Mapping[Any, Any]

#: what a database keeps as a whole number
_WHOLE_LIMIT = 2**63
_FINAL = ("completed", "failed", "cancelled", "in_review")


@dataclass(frozen=True)
class Verdict:
    """What a task's old status means today, and what to tell the person who finds it changed."""

    status: str
    error_class: str | None = None
    message: str | None = None


def task(old: Row, slug: Callable[[object], str | None], now: datetime) -> dict[str, Any]:
    verdict = _verdict(old)
    taken_over = stored(now)
    created = _first_time(old, "created_at", "started_at", "completed_at") or taken_over
    stopped_now = verdict.status == "failed" and verdict.message is not None
    completed = taken_over if stopped_now else _first_time(old, "completed_at")
    project_id = slug(old.get("project_id"))
    return {
        "id": old["id"],
        "description": _text(old.get("description")) or "(no description)",
        "priority": priority_of(old.get("priority")),
        "status": verdict.status,
        "created_at": created,
        "updated_at": completed or _first_time(old, "started_at") or created,
        "started_at": _first_time(old, "started_at"),
        "completed_at": completed,
        "attempt_count": _whole(old.get("attempt_count")) or 0,
        "error_class": verdict.error_class,
        "error_message": _joined(verdict.message, old.get("error_message")),
        "result_id": _whole(old.get("result_id")),
        "context": old.get("context"),
        "assigned_to": old.get("assigned_to"),
        "slack_thread_ts": old.get("slack_thread_ts"),
        "project_id": project_id,
        "project_name": (old.get("project_name") or old.get("project_id")) if project_id else None,
        "correlation_id": f"legacy-{old['id']}",
    }


def usage(old: Row, slug: Callable[[object], str | None], now: datetime) -> dict[str, Any]:
    nano = cost_of(old.get("total_cost_usd"))
    return {
        "id": old["id"],
        "task_id": old["task_id"],
        "project_id": slug(old.get("project_id")),
        "total_cost_usd": None if nano is None else canonical(nano),
        "cost_nano": nano,
        "unread_cost": old.get("total_cost_usd") if nano is None else None,
        "duration_ms": _whole(old.get("duration_ms")),
        "duration_api_ms": _whole(old.get("duration_api_ms")),
        "num_turns": _whole(old.get("num_turns")),
        "created_at": _first_time(old, "created_at") or stored(now),
        "correlation_id": f"legacy-{old['task_id']}",
    }


def _verdict(old: Row) -> Verdict:
    word = str(old.get("status")).strip().lower()
    if word == "in_progress":
        return Verdict("failed", "crash", _ORPHAN.format(id=old["id"]))
    if word == "pending" and not _text(old.get("description")):
        return Verdict("failed", "permanent", "it has no description, so there is nothing to do")
    if word == "pending" or word in _FINAL:
        return Verdict(word)
    return Verdict("failed", "permanent", _STRANGE.format(status=old.get("status"), id=old["id"]))


#: nothing can own a run of a program that is gone, and paid work is not repeated unasked
_ORPHAN = (
    "it was in progress when the database was taken over; `sleepless tasks retry {id}` queues it"
    " again"
)
_STRANGE = (
    "its status was {status!r} when the database was taken over, which means nothing here;"
    " `sleepless tasks retry {id}` queues it again"
)


def priority_of(word: object) -> str:
    """Later versions called random ones THOUGHT or GENERATED; only serious jumps the queue."""
    return "serious" if str(word).strip().lower() == "serious" else "random"


def cost_of(written: object) -> int | None:
    """Nano-dollars; None where nothing, or no amount, was written."""
    try:
        return to_nano(written)
    except BadAmount:
        return None


def usable_slug(original: str) -> str:
    """The slug that `--project` gives the name; one with a digest where it gives none."""
    try:
        return slug_of(original)
    except BadProjectName:
        return f"project-{hashlib.sha256(original.encode()).hexdigest()[:12]}"


def stored(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _first_time(old: Row, *names: str) -> str | None:
    return next((moment for name in names if (moment := _time(old.get(name)))), None)


def _time(written: object) -> str | None:
    """The old program wrote UTC without saying so."""
    try:
        moment = datetime.fromisoformat(str(written).strip())
        return stored(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def _whole(written: Any) -> int | None:
    try:
        number = int(written)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if -_WHOLE_LIMIT <= number < _WHOLE_LIMIT else None


def _text(written: object) -> str:
    return str(written) if written is not None and str(written).strip() else ""


def _joined(message: str | None, before: str | None) -> str | None:
    return f"{message} (before that: {before})" if message and before else message or before
