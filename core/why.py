"""Why a task does not run now: one reason, the numbers behind it, the earliest start."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import admission, ledger, line
from core.admission import Limit
from core.models import Task, TaskStatus, WaitReason
from core.money import shown
from core.policy import BudgetPolicy
from core.task_queue import TaskQueue


@dataclass(frozen=True, slots=True)
class Why:
    status: TaskStatus
    reason: WaitReason | None
    #: a sentence for people
    sentence: str
    #: the earliest time it could start; None: it could now, or only an event can tell
    earliest: datetime | None = None


def why(queue: TaskQueue, policy: BudgetPolicy, slots: int, task_id: int) -> Why:
    """Raises TaskNotFound."""
    task = queue.get_task(task_id)
    with queue.database.read() as session:
        return explain(session, policy, task, slots, queue.clock.now())


def explain(session: Session, policy: BudgetPolicy, task: Task, slots: int, now: datetime) -> Why:
    """The same for who looks at more of the task in one transaction."""
    if task.status is not TaskStatus.PENDING:
        return Why(task.status, None, _not_waiting(task))
    return _waiting(session, policy, task, slots, now)


def _not_waiting(task: Task) -> str:
    match task.status:
        case TaskStatus.IN_PROGRESS:
            return "It is running now."
        case TaskStatus.FAILED:
            return f"It has failed: {task.error_message or 'no message was left'}"
        case status:
            return f"It is {status.value.replace('_', ' ')}."


def _waiting(session: Session, policy: BudgetPolicy, task: Task, slots: int, now: datetime) -> Why:
    match task.wait_reason:
        case None:
            return _in_front(session, policy, task, slots, now)
        case WaitReason.DEPENDENCY:
            names = ", ".join(str(other) for other in line.unmet(session, task.id))
            sentence = f"It comes after task {names}, which is not completed."
        case WaitReason.PROJECT_BUSY:
            sentence = f"Another task of project {task.project_id} is ahead of it."
        case WaitReason.NOT_BEFORE:
            sentence = "It is not to start before its time."
        case WaitReason.LIMIT_REACHED:
            sentence = "The provider's usage limit is reached."
        case WaitReason.BACKEND_DOWN:
            sentence = f"The agent could not be reached: {task.error_message or 'no details'}"
        case reason:
            sentence = f"It waits: {reason.value.replace('_', ' ')}."
    return Why(task.status, task.wait_reason, sentence, task.wait_until)


def _in_front(session: Session, policy: BudgetPolicy, task: Task, slots: int, now: datetime) -> Why:
    """Nothing of its own keeps it: money, a free slot or its turn does."""
    where = ledger.standing(session, policy, now)
    estimate = admission.estimate_for(session, policy, task)
    if where.headroom < estimate:
        limit = Limit.DAILY_CAP if where.day_binds else Limit.WINDOW
        period = where.window.period.value
        sentence = (
            f"It needs {shown(estimate)} and {shown(where.headroom)} is free: the"
            f" {limit.value if limit is Limit.DAILY_CAP else period + ' quota'} binds"
            f" ({shown(where.remaining)} of {shown(where.quota)} remaining in the {period},"
            f" {shown(where.today)} spent today, {shown(where.held_anywhere)} held by running"
            " tasks)."
        )
        returns = ledger.money_returns_at(session, policy, estimate, now)
        return Why(task.status, WaitReason.BUDGET, sentence, returns)
    running = select(func.count()).select_from(Task).where(Task.status == TaskStatus.IN_PROGRESS)
    if (session.scalar(running) or 0) >= slots:
        return Why(
            task.status, None, f"All {slots} slots are taken; it is next in turn after them."
        )
    return Why(task.status, None, "Nothing keeps it: it starts when the daemon looks.", now)
