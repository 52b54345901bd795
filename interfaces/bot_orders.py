"""`/task`, `/think`, the form and follow-ups: a wish becomes a task, and the reply says when it
will run.
"""

from datetime import datetime

from core import projects
from core.models import Task, TaskPriority, WaitReason
from core.money import Nano
from core.task_queue import Wishes
from core.why import why
from interfaces.bot_values import Outcome, Reply, Request, Surroundings
from interfaces.bot_words import title, waits
from interfaces.grammar import Order
from interfaces.moments import read_moment, say_moment
from interfaces.plain import harmless

ASK_FOR_A_TEXT = "Say what is to be done, for example: `/task Fix the login bug --project=my-app`"


def create(
    given: Surroundings,
    order: Order,
    priority: TaskPriority,
    request: Request,
    project_name: str | None,
) -> Task:
    """Raises BadTask, BadProjectName and BadMoment."""
    wishes = Wishes(
        max_cost=order.max_cost,
        model=order.model,
        after=order.after,
        not_before=_not_before(given, order, request),
        idempotency_key=request.key,
        requested_by=request.user,
        correlation_id=request.correlation_id,
        slack_channel=request.channel,
        slack_thread_ts=request.thread_ts,
    )
    return given.queue.add_task(order.text, priority, project_name=project_name, wishes=wishes)


def reply_created(
    given: Surroundings, task: Task, order: Order, request: Request, name: str | None
) -> Reply:
    place = f" in project {task.project_id}" if task.project_id else ""
    lines = [
        f"Task {task.id} is queued{place}.",
        *_clash(given, task, name),
        *_time(given, task, order, request),
        *what_it_waits_for(given, task.id, request),
    ]
    return Reply(Outcome.DONE, "\n".join(lines), task.id)


def what_it_waits_for(given: Surroundings, task_id: int, request: Request) -> list[str]:
    """Empty for a task that can start at once."""
    found = why(given.queue, given.policy, given.slots, task_id)
    waiting = waits(found, given.queue.clock.now(), request.zone)
    idle = given.health().idle_because
    return [*waiting, *([f"Nothing is started now: {idle}"] if idle else [])]


def follow_up(given: Surroundings, task: Task, text: str, request: Request) -> Reply:
    """A completed task is over; what is said to it then is the next task of its project."""
    description = f"{text.strip()}\n\nFollow-up to task {task.id}: {title(task)}"
    wishes = Wishes(
        max_cost=None if task.max_cost_nano is None else Nano(task.max_cost_nano),
        model=task.model,
        idempotency_key=request.key,
        requested_by=request.user,
        correlation_id=request.correlation_id,
        slack_channel=request.channel,
        slack_thread_ts=request.thread_ts,
    )
    names = task.project_id, task.project_name
    added = given.queue.add_task(description, task.priority, *names, wishes=wishes)
    place = f" in project {added.project_id}" if added.project_id else ""
    lines = [
        f"Task {task.id} is completed, so this is a new one: task {added.id} is queued{place}.",
        *what_it_waits_for(given, added.id, request),
    ]
    return Reply(Outcome.DONE, "\n".join(lines), added.id)


def _not_before(given: Surroundings, order: Order, request: Request) -> datetime | None:
    """As meant where the person is. Raises BadMoment."""
    if order.at is None:
        return None
    now = given.queue.clock.now()
    return read_moment(order.at, now, request.zone, given.policy.hours)


def _time(given: Surroundings, task: Task, order: Order, request: Request) -> list[str]:
    """The time as it was understood, so that a misunderstanding is seen at once."""
    if order.at is None or task.not_before is None or task.wait_reason is WaitReason.NOT_BEFORE:
        return []  # what it waits for says the same
    moment = f"not before {say_moment(task.not_before, request.zone)}"
    over = task.not_before <= given.queue.clock.now()
    return [f"{order.at.strip()} means {moment}{', so it may start at once' if over else ''}."]


def _clash(given: Surroundings, task: Task, name: str | None) -> list[str]:
    """Two names that mean the same project may have been meant as two."""
    if name is None or task.project_id is None:
        return []
    with given.queue.database.read() as session:
        known = projects.known_as(session, task.project_id, name)
    if known is None:
        return []
    return [harmless(f"“{name}” is the project {task.project_id}, known as “{known}”.")]
