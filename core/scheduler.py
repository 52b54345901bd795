"""Where hours, money and queue meet: which tasks start now."""

import os
import socket
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import uuid4

import structlog
from sqlalchemy import select

from core import admission, charges
from core.admission import Admission, Admitted, Refused, Worker
from core.budget import BudgetManager, announce_exhaustion
from core.charges import Charge, Usage
from core.clock import Clock, SystemClock
from core.credits import credit_status
from core.models import Run, Task, TaskStatus
from core.money import shown_exactly
from core.policy import BudgetPolicy
from core.task_queue import TaskQueue
from core.windows import Period, window_at

__all__ = ["BudgetManager", "SmartScheduler", "TimeOfDay", "default_worker"]

log = structlog.get_logger(__name__)


class TimeOfDay:
    """S2's hours, in UTC; the configuration's budget.night_start and night_end come first."""

    NIGHT_START_HOUR: ClassVar[int] = 20
    NIGHT_END_HOUR: ClassVar[int] = 8

    @classmethod
    def is_nighttime(cls, moment: datetime | None = None) -> bool:
        moment = moment or SystemClock().now()
        return window_at(moment, cls._policy(0, 0).hours).period is Period.NIGHT

    @classmethod
    def _policy(cls, daily_usd: float, night_percent: float) -> BudgetPolicy:
        night = (cls.NIGHT_START_HOUR, cls.NIGHT_END_HOUR)
        return BudgetPolicy.from_dollars(daily_usd, night_percent, night)


class SmartScheduler:
    def __init__(  # noqa: PLR0913 - the four of S2, and what tests and the daemon replace
        self,
        task_queue: TaskQueue,
        max_parallel_tasks: int = 3,
        daily_budget_usd: float = 10.0,
        night_quota_percent: float = 90.0,
        *,
        policy: BudgetPolicy | None = None,
        worker: Worker | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.task_queue = task_queue
        self.max_parallel_tasks = max_parallel_tasks
        self.clock = clock or task_queue.clock
        self.worker = worker or default_worker()
        policy = policy or TimeOfDay._policy(daily_budget_usd, night_quota_percent)  # noqa: SLF001 - one module
        self.budget_manager = BudgetManager(task_queue.database, policy, self.clock)
        self._clock_is_told = False

    def get_next_tasks(self) -> list[Task]:
        """Claim what may start now, each with its hold, up to the free slots; usually none.

        The tasks answered are in progress and belong to this scheduler's worker.
        """
        batch = []
        for _ in range(self._free_slots()):
            match self.admit_next():
                case Admitted() as admitted:
                    batch.append(self.task_queue.get_task(admitted.task_id))
                case _:
                    break
        return batch

    def admit_next(self) -> Admission:
        """One claim with its hold, or the reason why there is none; tells people once."""
        with self.task_queue.database.write() as connection:
            now = self.clock.now()  # once alone: waiting for the lock may take us over an edge
            answer = admission.admit_next(connection, self.budget_manager.policy, self.worker, now)
        self._announce(answer, now)
        return answer

    def _announce(self, answer: Admission, now: datetime) -> None:
        """Each thing once, however often the daemon looks."""
        clock_is_wrong = isinstance(answer, Refused) and answer.limit is admission.Limit.CLOCK
        if clock_is_wrong and not self._clock_is_told:
            advice = "nothing starts until the clock has caught up with the ledger"
            log.error("clock.jumped_back", now=now.isoformat(), advice=advice)
        self._clock_is_told = clock_is_wrong
        match answer:
            case Refused(newly_exhausted=True):
                announce_exhaustion(answer)
            case Admitted(resumed=True):
                log.info("budget.resumed")

    def record_task_usage(  # noqa: PLR0913 - S2's own signature
        self,
        task_id: int,
        total_cost_usd: float | str | None,
        duration_ms: int = 0,
        duration_api_ms: int = 0,
        num_turns: int = 0,
        project_id: str | None = None,
        *,
        session_id: str | None = None,
    ) -> Charge:
        """Charge the latest run of a task, once however often it is called; `total_cost_usd` is
        the running total of the session. Without a run the cost is booked as it is.
        """
        usage = Usage(
            session_total_usd=total_cost_usd,
            session_id=session_id,
            duration_ms=duration_ms,
            duration_api_ms=duration_api_ms,
            num_turns=num_turns,
        )
        with self.task_queue.database.write() as connection:
            now = self.clock.now()
            run = connection.execute(
                select(Run.__table__).where(Run.task_id == task_id).order_by(Run.id.desc()).limit(1)
            ).one_or_none()
            if run is None:
                charge = charges.book(connection, task_id, project_id, usage, now)
            else:
                charge = charges.charge(connection, run, usage, now)
        announce_charge(task_id, charge, usage)
        return charge

    def get_credit_status(self) -> dict[str, Any]:
        """S2's keys: current_window, budget, queue, max_parallel."""
        status = credit_status(self.task_queue, self.budget_manager.policy, self.max_parallel_tasks)
        return {**status.as_dict(), "max_parallel": self.max_parallel_tasks}

    def _free_slots(self) -> int:
        running = self.task_queue.counts()[TaskStatus.IN_PROGRESS]
        return max(0, self.max_parallel_tasks - running)


def announce_charge(task_id: int, charge: Charge, usage: Usage) -> None:
    log.info(
        f"Recorded usage for task {task_id}: {shown_exactly(charge.cost)}"  # noqa: G004 - S2 greps for it
        f" ({usage.num_turns} turns, {usage.duration_ms}ms)",
        cost_source=charge.source.value,
    )


def default_worker() -> Worker:
    """Named so that a person can find the process, and unlike any other start of it."""
    name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
    return Worker(name=name, lease=timedelta(seconds=60), backend="claude", model="")
