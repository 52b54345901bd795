"""What people say to a task after it was queued; each is given to an agent once.

An instruction waits with its task until a run takes it along: before the run's first step, or, for
one that is said while the agent works, as the next thing the same agent is told.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.orm import Session

from core import events
from core.errors import BadTask, TaskNotFound
from core.events import Subject
from core.models import Instruction, Task

#: as much as a task's own text may have
MAX_TEXT = 50_000


def say(
    connection: Connection, task_id: int, text: str, said_by: str, key: str, now: datetime
) -> int | None:
    """Keep it for the task's agent; None: it was said before under this key.

    Raises TaskNotFound and BadTask.
    """
    words = _plain(text)
    task = connection.execute(
        select(Task.project_id, Task.correlation_id).where(Task.id == task_id)
    ).one_or_none()
    if task is None:
        raise TaskNotFound(task_id=task_id)
    if connection.scalar(select(Instruction.id).where(Instruction.key == key)) is not None:
        return None
    said = {"key": key, "task_id": task_id, "text": words, "said_by": said_by, "created_at": now}
    row = connection.execute(insert(Instruction).values(**said)).inserted_primary_key
    subject = Subject(task_id, None, task.project_id, task.correlation_id)
    events.append(connection, "task.instructed", subject, now, by=said_by)
    return int((row or (0,))[0])


def waiting(connection: Connection | Session, task_id: int) -> int:
    """How many were said and given to nobody yet."""
    query = (
        select(func.count())
        .select_from(Instruction)
        .where(Instruction.task_id == task_id, Instruction.given_at.is_(None))
    )
    return connection.scalar(query) or 0


def give(connection: Connection, task_id: int, run_id: int, now: datetime) -> Sequence[str]:
    """What waits, in the order in which it was said; from now on it counts as given."""
    mine = (Instruction.task_id == task_id, Instruction.given_at.is_(None))
    texts = connection.scalars(select(Instruction.text).where(*mine).order_by(Instruction.id)).all()
    if texts:
        given = {"run_id": run_id, "given_at": now}
        connection.execute(update(Instruction).where(*mine).values(**given))
    return texts


def said_to(connection: Connection | Session, task_id: int) -> Sequence[str]:
    """All that was ever said to a task, given or not, oldest first."""
    query = select(Instruction.text).where(Instruction.task_id == task_id).order_by(Instruction.id)
    return connection.scalars(query).all()


def _plain(text: str) -> str:
    words = text.replace("\x00", "").encode(errors="replace").decode().strip()
    if not words:
        raise BadTask(problem="the instruction has no text; say what is to be done")
    if len(words) > MAX_TEXT:
        problem = f"the instruction has {len(words):,} characters; {MAX_TEXT:,} is the most"
        raise BadTask(problem=problem)
    return words
