"""What people look at: the queue, a task, what came of it. Looking is free for everybody."""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from core import line
from core.credits import CreditStatus, credit_status
from core.models import Run, Task, TaskStatus, UsageMetric
from core.money import shown, shown_exactly
from core.task_view import TaskView, task_view, view_of
from interfaces.bot_changes import asked_by
from interfaces.bot_values import Outcome, Reply, Request, Surroundings
from interfaces.bot_words import counted, said, title, waits_of
from interfaces.credits_text import HEADERS
from interfaces.moments import say_moment
from interfaces.plain import harmless, one_line

#: a glance at a queue that may be long
_SHOWN: Final = 10
_LAST: Final = 5
_FILES: Final = 10
_OVER: Final = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED)
_RUNNING: Final = Task.status == TaskStatus.IN_PROGRESS
#: among the newest charges: what has no run has no results, and times of tasks have no index
_LAST_ENDED: Final = (
    select(Task)
    .where(Task.id.in_(select(UsageMetric.task_id).order_by(UsageMetric.id.desc()).limit(100)))
    .where(Task.status.in_(_OVER), Task.completed_at.is_not(None))
    .order_by(Task.completed_at.desc(), Task.id.desc())
    .limit(_LAST)
)
_BEHIND: Final = (Task.status == TaskStatus.PENDING) & Task.wait_reason.is_not(None)


def queue_status(given: Surroundings, request: Request) -> Reply:
    status = credit_status(given.queue, given.policy, given.slots)
    with given.queue.database.read() as session:
        running = _views(session, given, _some(session, _RUNNING), status)
        waiting = _views(session, given, _waiting(session), status)
    idle = given.health().idle_because
    lines = [
        *_running(running, status),
        *_in_line(waiting, status, request),
        _counts(status),
        _budget(status),
        *([f"Nothing is started now: {idle}"] if idle else []),
    ]
    rehearsal = any(view.rehearsal for view in (*running, *waiting))
    return Reply(Outcome.DONE, "\n".join(lines), rehearsal=rehearsal)


def task_status(given: Surroundings, task_id: int, request: Request) -> Reply:
    view = task_view(given.queue, given.policy, given.slots, task_id)
    task = view.task
    facts = {
        "Project": task.project_id,
        "Priority": task.priority.value,
        "Model": task.model,
        "Asked by": asked_by(given, task),
        "Added": say_moment(task.created_at, request.zone),
        "Runs": _runs(view),
        "Spent": _spent(view),
        "Said since": counted(view.instructions, "thing") if view.instructions else None,
        "Failed because": task.error_message,
    }
    lines = [
        f"Task {task_id} is {said(task.status)}: {title(task)}",
        *waits_of(view, request.zone),
        *(f"{name}: {one_line(value, 300)}" for name, value in facts.items() if value),
        *([f"`/results {task_id}` tells what came of it."] if task.status in _OVER else []),
    ]
    return Reply(Outcome.DONE, "\n".join(lines), task_id, rehearsal=view.rehearsal)


def why(given: Surroundings, task_id: int, request: Request) -> Reply:
    view = task_view(given.queue, given.policy, given.slots, task_id)
    if view.why is None:
        reason = f": {view.task.error_message}" if view.task.error_message else ""
        now = f"Task {task_id} is {said(view.task.status)}{harmless(reason)}"
        return Reply(Outcome.DONE, now if reason else f"{now}.", task_id)
    lines = waits_of(view, request.zone) or [view.why.sentence]
    idle = given.health().idle_because
    lines += [f"Nothing is started now: {idle}"] if idle else []
    return Reply(Outcome.DONE, "\n".join([f"Task {task_id}: {title(view.task)}", *lines]), task_id)


def results(given: Surroundings, task_id: int) -> Reply:
    """What the newest run came to; its agent's last words are the reply's markdown."""
    view = task_view(given.queue, given.policy, given.slots, task_id)
    first = f"Task {task_id} is {said(view.task.status)}: {title(view.task)}"
    if view.run is None:
        waits = f"It has not run yet; `/why {task_id}` says what it waits for."
        over = view.task.status in _OVER
        return Reply(Outcome.DONE, f"{first}\n{'It never ran.' if over else waits}", task_id)
    lines = [first, *_came_to(given, view.run), f"Cost: {_spent(view)}, {_runs(view)}"]
    text, words = "\n".join(lines), view.run.output
    return Reply(Outcome.DONE, text, task_id, markdown=words, rehearsal=view.rehearsal)


def last_results(given: Surroundings, request: Request) -> Reply:
    with given.queue.database.read() as session:
        ended = session.scalars(_LAST_ENDED).all()
        now = given.queue.clock.now()
        views = [view_of(session, given.policy, given.slots, task, now) for task in ended]
    if not views:
        return Reply(Outcome.DONE, "No task has ended yet. `/tasks` tells what runs and waits.")
    lines = ["The last that ended:", *(_ended(view, request) for view in views)]
    rehearsal = any(view.rehearsal for view in views)
    return Reply(Outcome.DONE, "\n".join(lines), rehearsal=rehearsal)


def _some(session: Session, *where: ColumnElement[bool]) -> Sequence[Task]:
    return session.scalars(select(Task).where(*where).order_by(Task.id).limit(_SHOWN)).all()


def _waiting(session: Session) -> Sequence[Task]:
    """In turn; behind those that could start now, those that something keeps."""
    in_turn = select(Task).where(line.CLAIMABLE).order_by(*line.TURN).limit(_SHOWN)
    first = session.scalars(in_turn).all()
    return [*first, *_some(session, _BEHIND)][:_SHOWN]


def _views(
    session: Session, given: Surroundings, tasks: Sequence[Task], status: CreditStatus
) -> list[TaskView]:
    return [view_of(session, given.policy, given.slots, task, status.now) for task in tasks]


def _running(views: list[TaskView], status: CreditStatus) -> Iterator[str]:
    count = status.counts[TaskStatus.IN_PROGRESS]
    if not count:
        yield f"Nothing runs; {counted(status.slots_free, 'slot')} free."
        return
    yield f"Running ({count} of {counted(status.slots, 'slot')}):"
    for view in views:
        phase = view.run.phase.value if view.run else "claimed"
        mark = ", REHEARSAL" if view.rehearsal else ""
        yield f"• {_named(view.task)} — {phase}, {_spent(view)}{mark}"
    yield from _more(count - len(views))


def _in_line(views: list[TaskView], status: CreditStatus, request: Request) -> Iterator[str]:
    count = status.counts[TaskStatus.PENDING]
    if not count:
        return
    yield f"Waiting ({count}):"
    for view in views:
        reasons = waits_of(view, request.zone)
        yield f"• {_named(view.task)}{f' — {reasons[0]}' if reasons else ''}"
    yield from _more(count - len(views))


def _more(count: int) -> Iterator[str]:
    if count > 0:
        yield f"… and {count:,} more"


def _counts(status: CreditStatus) -> str:
    counts = status.counts
    some = [f"{counts[each]:,} {said(each)}" for each in counts if counts[each]]
    return f"Queue: {', '.join(some) or 'empty'}"


def _budget(status: CreditStatus) -> str:
    where = status.standing
    left = f"{shown(where.remaining)} of {shown(where.quota)} remaining"
    return f"{HEADERS[where.window.period]}: {left}, {shown(where.today)} spent today"


def _named(task: Task) -> str:
    place = f" {task.project_id}:" if task.project_id else ":"
    return f"{task.id}{place} {title(task)}"


def _spent(view: TaskView) -> str:
    cap = view.task.max_cost_nano
    return f"{shown_exactly(view.spent)}{f' of at most {shown_exactly(cap)}' if cap else ''}"


def _runs(view: TaskView) -> str | None:
    return counted(view.run_count, "run") if view.run_count else None


def _ended(view: TaskView, request: Request) -> str:
    task, run = view.task, view.run
    checked = ""
    if task.status is TaskStatus.COMPLETED and run:
        checked = ", verified" if run.verified else ", NOT verified"
    when = say_moment(task.completed_at, request.zone) if task.completed_at else ""
    mark = ", REHEARSAL" if view.rehearsal else ""
    return f"• {_named(task)} — {task.status.value}{checked}, {_spent(view)}{mark}, {when}"


def _came_to(given: Surroundings, run: Run) -> Iterator[str]:
    how = run.outcome.value.replace("_", " ") if run.outcome else f"{run.phase.value} now"
    yield f"Run {run.number}: {how}, {_checked(given, run)}"
    if run.error_message:
        yield f"Because: {one_line(run.error_message, 300)}"
    yield _changed(run.files_changed or [])
    if run.branch:
        landed = f", merged as {run.merge_sha[:12]}" if run.merge_sha else ", not merged"
        yield f"Branch: {one_line(run.branch, 200)}{landed}"


def _checked(given: Surroundings, run: Run) -> str:
    """The program's word, not the agent's."""
    if run.verified:
        return "verified"
    if run.verified is False:
        return "NOT verified: its check failed"
    if given.settings.verify_for(run.project_id).command is None:
        return "NOT verified: there is no verify.command"
    return "NOT verified: its check did not run"


def _changed(files: list[str]) -> str:
    if not files:
        return "Files changed: none"
    names = ", ".join(one_line(name, 120) for name in files[:_FILES])
    more = f" and {len(files) - _FILES} more" if len(files) > _FILES else ""
    return f"Files changed: {len(files)} ({names}{more})"
