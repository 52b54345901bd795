"""One task as people are shown it: as a card, a page or a line, all from the same look."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from core import admission, instructions
from core.errors import TaskNotFound
from core.models import Run, Task, TaskStatus
from core.money import Nano
from core.pictures import picture
from core.policy import BudgetPolicy
from core.task_queue import TaskQueue
from core.why import Why, explain

#: the backend whose figures are a script's and nobody's money
REHEARSAL: Final = "rehearsal"

# built once: building a statement takes longer than SQLite takes to answer it
_TASK = select(Task.__table__).where(Task.id == bindparam("task"))
_NEWEST_RUN = (
    select(Run.__table__)
    .where(Run.task_id == bindparam("task"))
    .order_by(Run.number.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class TaskView:
    """Everything of one moment: `now` is when it was looked, and no part of what is shown."""

    task: Task
    #: the newest
    run: Run | None
    run_count: int
    #: charged, and what the open run has metered so far
    spent: Nano
    #: of a pending task
    why: Why | None
    #: said to it and given to no agent yet
    instructions: int
    #: its newest run was played by the rehearsal
    rehearsal: bool
    now: datetime


def task_view(queue: TaskQueue, policy: BudgetPolicy, slots: int, task_id: int) -> TaskView:
    """One read transaction. Raises TaskNotFound."""
    now = queue.clock.now()
    with queue.database.read() as session:
        return view_of(session, policy, slots, _task(session, task_id), now)


def view_of(
    session: Session, policy: BudgetPolicy, slots: int, task: Task, now: datetime
) -> TaskView:
    """The same for who looks at several tasks in one transaction."""
    run = _newest_run(session, task.id)
    pending = task.status is TaskStatus.PENDING
    return TaskView(
        task=task,
        run=run,
        run_count=run.number if run else 0,
        spent=_spent(session, task.id, run),
        why=explain(session, policy, task, slots, now) if pending else None,
        instructions=instructions.waiting(session, task.id),
        rehearsal=run is not None and run.backend == REHEARSAL,
        now=now,
    )


def _task(session: Session, task_id: int) -> Task:
    row = session.execute(_TASK, {"task": task_id}).one_or_none()
    if row is None:
        raise TaskNotFound(task_id=task_id)
    return picture(Task, row._asdict())


def _newest_run(session: Session, task_id: int) -> Run | None:
    row = session.execute(_NEWEST_RUN, {"task": task_id}).one_or_none()
    return None if row is None else picture(Run, row._asdict())


def _spent(session: Session, task_id: int, run: Run | None) -> Nano:
    """A run is charged in the transaction that ends it: until then its meter counts."""
    underway = run.metered_nano if run and run.outcome is None else 0
    return Nano(admission.spent_on(session, task_id) + underway)
