"""What people change in a task that there is: its place, its end, its new beginning."""

import re
from typing import Final

from core import people
from core.errors import NotYours
from core.models import Task, TaskPriority
from core.task_queue import Cancellation
from core.task_queue import Seen as SeenByQueue
from core.task_view import task_view
from interfaces.bot_orders import what_it_waits_for
from interfaces.bot_values import Outcome, Reply, Request, Seen, Surroundings
from interfaces.bot_words import counted
from interfaces.plain import one_line

_MEMBER: Final = re.compile(r"[UW][A-Z0-9]{2,}")


def require_may_change(given: Surroundings, task_id: int, request: Request) -> Task:
    """Its requester and admins may. Raises TaskNotFound and NotYours."""
    task = given.queue.get_task(task_id)
    if request.user in given.settings.slack.admins or task.assigned_to == request.user:
        return task
    owner = asked_by(given, task)
    problem = f"{owner} asked for it; ask them, or an admin (slack.admins in config.yaml)."
    if not _MEMBER.fullmatch(task.assigned_to or ""):
        problem = (
            f"it came from the shell of {owner}; ask an admin (slack.admins in config.yaml), or"
            " use `sleepless tasks` in a shell."
        )
    raise NotYours(task_id=task_id, problem=problem)


def reprioritise(
    given: Surroundings, task_id: int, priority: TaskPriority, request: Request
) -> Reply:
    require_may_change(given, task_id, request)
    given.queue.reprioritise(task_id, priority, by=request.user)
    what = {
        TaskPriority.SERIOUS: "it goes before every random one",
        TaskPriority.RANDOM: "it goes when nothing serious waits",
    }[priority]
    first = f"Task {task_id} is {priority.value} now: {what}."
    return _done(given, task_id, first, request)


def cancel(given: Surroundings, task_id: int, request: Request, seen: Seen | None = None) -> Reply:
    before = require_may_change(given, task_id, request)
    match given.queue.cancel_task(task_id, by=request.user, seen=_as_seen(seen)):
        case Cancellation.CANCELLED if before.lease_epoch:
            text = f"Task {task_id} is cancelled. What its earlier runs did stays on its branch."
        case Cancellation.CANCELLED:
            text = f"Task {task_id} is cancelled; it had not started."
        case Cancellation.STOPPING if before.cancel_requested_by:
            text = f"Task {task_id} is being stopped already."
        case Cancellation.STOPPING:
            text = (
                f"Task {task_id} is being stopped; what it did so far stays on its branch, and"
                f" `/retry {task_id}` goes on from there."
            )
    return Reply(Outcome.DONE, text, task_id)


def retry(given: Surroundings, task_id: int, request: Request, seen: Seen | None = None) -> Reply:
    before = require_may_change(given, task_id, request)
    given.queue.retry_task(task_id, by=request.user, seen=_as_seen(seen))
    goes_on = "; it goes on where it stopped" if before.lease_epoch else ""
    return _done(given, task_id, f"Task {task_id} is queued again{goes_on}.", request)


def start_now(given: Surroundings, seen: Seen, request: Request) -> Reply:
    require_may_change(given, seen.task_id, request)
    given.queue.start_now(seen.task_id, by=request.user, seen=_as_seen(seen))
    first = f"Task {seen.task_id} is serious now and waits for no time."
    return _done(given, seen.task_id, first, request)


def _done(given: Surroundings, task_id: int, first: str, request: Request) -> Reply:
    view = task_view(given.queue, given.policy, given.slots, task_id)
    told = (
        [f"{counted(view.instructions, 'thing')} you said since will be told to its agent."]
        if view.instructions
        else []
    )
    waits = what_it_waits_for(given, task_id, request)
    return Reply(Outcome.DONE, "\n".join([first, *told, *waits]), task_id)


def _as_seen(seen: Seen | None) -> SeenByQueue | None:
    return None if seen is None else (seen.status, seen.epoch)


def asked_by(given: Surroundings, task: Task) -> str:
    """By the name they are known by in the chat, if they are."""
    user = task.assigned_to or "somebody"
    with given.queue.database.read() as session:
        person = people.find(session, user)
    return one_line(person.name if person else user)
