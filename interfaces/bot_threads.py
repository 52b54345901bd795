"""What is said in a task's thread: told to its agent, or meant for us."""

from typing import Final

from sqlalchemy import select

from core import instructions, outbox
from core.models import Task, TaskStatus
from interfaces.bot_changes import cancel, require_may_change, retry
from interfaces.bot_orders import follow_up
from interfaces.bot_values import Outcome, Reply, Request, Surroundings
from interfaces.grammar import is_aside

_MUTED: Final = {"mute": True, "unmute": False}
#: with nothing else, these are meant for us and not for the agent
_RETRY: Final = frozenset({"retry", "/retry", "try again"})
_STOP: Final = frozenset({"stop", "cancel", "/cancel", "abort"})
#: here an instruction waits for a retry, which people have to be told; else a sign will do
_ENDED: Final = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED})


def instruct(given: Surroundings, task_id: int, text: str, request: Request) -> Reply:
    word = text.strip().lower().rstrip(".!")
    if is_aside(text) or not word:
        return Reply(Outcome.DONE, "", task_id, ping=False)
    if word in _MUTED:
        return mute(given, task_id, request, muted=_MUTED[word])
    if word in _RETRY:
        return retry(given, task_id, request)
    if word in _STOP:
        return cancel(given, task_id, request)
    task = require_may_change(given, task_id, request)
    status = _say(given, task_id, text, request)
    if status is TaskStatus.COMPLETED:
        return follow_up(given, task, text, request)
    is_news = status in _ENDED or bool(task.cancel_requested_by)
    return Reply(Outcome.DONE, _when_it_is_told(task, status), task_id, ping=is_news)


def mute(given: Surroundings, task_id: int, request: Request, *, muted: bool) -> Reply:
    require_may_change(given, task_id, request)
    with given.queue.database.write(wakes=True) as connection:
        found = outbox.mute(connection, task_id, muted)
    if not found:
        return Reply(Outcome.HINT, f"Task {task_id} has no card, so nothing is posted.", task_id)
    text = (
        f"Nothing more is posted here for task {task_id}; its card goes on telling how it stands."
        " “unmute” brings the rest back."
        if muted
        else f"What becomes of task {task_id} is posted here again."
    )
    return Reply(Outcome.DONE, text, task_id)


def _say(given: Surroundings, task_id: int, text: str, request: Request) -> TaskStatus:
    """Kept for its agent, unless it is completed by now: looked at and done in one transaction."""
    now = given.queue.clock.now()
    with given.queue.database.write(wakes=True) as connection:
        status = connection.execute(select(Task.status).where(Task.id == task_id)).scalar_one()
        if status is not TaskStatus.COMPLETED:
            instructions.say(connection, task_id, text, request.user, request.key, now)
    return status


def _when_it_is_told(task: Task, status: TaskStatus) -> str:
    match status:
        case TaskStatus.IN_PROGRESS if task.cancel_requested_by:
            return f"Noted. Task {task.id} is being stopped; {_on_retry(task.id)}"
        case TaskStatus.IN_PROGRESS:
            return (
                f"Noted. The agent of task {task.id} is told when it has done what it is at,"
                " before its work is checked."
            )
        case TaskStatus.FAILED | TaskStatus.CANCELLED:
            return f"Noted, but task {task.id} is {status.value}: {_on_retry(task.id)}"
    return f"Noted. The agent of task {task.id} is told when it starts."


def _on_retry(task_id: int) -> str:
    return f"`/retry {task_id}` queues it again, and it will be told then."
