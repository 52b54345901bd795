"""Queue and budget once more, as plainly as they can be said: lists, loops and no database.

Written from docs/budget.md and not from the code, so that the two can be held against each other.
UTC, a night from 20:00 to 08:00.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)


@dataclass
class ModelTask:
    id: int
    serious: bool
    project: str | None
    status: str = "pending"
    wakes_at: datetime | None = None
    attempts: int = 0
    crashes: int = 0
    unwanted: bool = False


@dataclass
class ModelRun:
    task: ModelTask
    admitted_at: datetime
    held: int


@dataclass(frozen=True)
class ModelCharge:
    admitted_at: datetime
    created_at: datetime
    cost: int


@dataclass
class Model:
    now: datetime
    daily: int
    percent: int
    estimate: int
    daily_cap: bool
    tasks: dict[int, ModelTask] = field(default_factory=dict)
    runs: dict[int, ModelRun] = field(default_factory=dict)
    charges: list[ModelCharge] = field(default_factory=list)
    last_write: datetime | None = None

    # --- the budget -------------------------------------------------------------------------

    @staticmethod
    def window_of(moment: datetime) -> tuple[datetime, bool]:
        """Where the window of a moment starts, and whether it is a night: walk back to the edge."""
        edge = moment.replace(minute=0, second=0, microsecond=0)
        while edge.hour not in (8, 20):
            edge -= HOUR
        return edge, edge.hour == 20

    @property
    def quota(self) -> int:
        night = self.daily * self.percent // 100
        return night if self.window_of(self.now)[1] else self.daily - night

    def charged_in(self, window: datetime) -> int:
        return sum(c.cost for c in self.charges if self.window_of(c.admitted_at)[0] == window)

    def held_in(self, window: datetime) -> int:
        return sum(
            run.held for run in self.runs.values() if self.window_of(run.admitted_at)[0] == window
        )

    @property
    def held(self) -> int:
        return sum(run.held for run in self.runs.values())

    def charged_on(self, moment: datetime) -> int:
        return sum(c.cost for c in self.charges if c.created_at.date() == moment.date())

    def room_in(self, window: datetime, quota: int) -> int:
        rooms = [quota - self.charged_in(window) - self.held_in(window)]
        if self.daily_cap:
            rooms.append(self.daily - self.charged_on(self.now) - self.held)
        return max(0, min(rooms))

    @property
    def headroom(self) -> int:
        return self.room_in(self.window_of(self.now)[0], self.quota)

    # --- the queue --------------------------------------------------------------------------

    def wake(self) -> None:
        for task in self.tasks.values():
            if task.wakes_at is not None and task.wakes_at <= self.now:
                task.wakes_at = None

    def next_task(self) -> ModelTask | None:
        busy = {run.task.project for run in self.runs.values()} - {None}
        ready = [
            task
            for task in self.tasks.values()
            if task.status == "pending" and task.wakes_at is None and task.project not in busy
        ]
        return min(ready, key=lambda task: (not task.serious, task.id), default=None)

    # --- what happens -----------------------------------------------------------------------

    def add(self, task_id: int, *, serious: bool, project: str | None) -> None:
        self.tasks[task_id] = ModelTask(task_id, serious, project)

    def admit(self, run_id: int) -> None:
        task = self.next_task()
        assert task is not None
        assert self.headroom >= self.estimate, "a limit would be passed"
        task.status = "in_progress"
        self.runs[run_id] = ModelRun(task, self.now, self.estimate)

    def grow(self, run_id: int, target: int, kept_quota: int) -> int:
        run = self.runs[run_id]
        window = self.window_of(run.admitted_at)[0]
        quota = self.quota if window == self.window_of(self.now)[0] else kept_quota
        run.held += max(0, min(target - run.held, self.room_in(window, quota)))
        return run.held

    def settle(self, run_id: int, outcome: str, cost: int) -> None:
        run = self.runs.pop(run_id)
        self.charges.append(ModelCharge(run.admitted_at, self.now, cost))
        task = run.task
        if outcome in ("completed", "failed", "cancelled"):
            task.status = outcome
            task.attempts += outcome != "cancelled"
        elif outcome == "crashed":
            task.crashes += 1
            task.status = "failed" if task.crashes == 3 else "pending"
        elif outcome == "transient":
            task.attempts += 1
            task.status = "failed" if task.attempts >= 3 else "pending"
            task.wakes_at = self.now + timedelta(seconds=30 * 2 ** (task.attempts - 1))
        else:
            task.status = "pending"
            task.wakes_at = self.now + HOUR / 2 if outcome == "limited" else None
        if task.unwanted and outcome not in ("completed", "failed"):
            task.status = "cancelled"
        if task.status != "pending":
            task.wakes_at = None
        task.unwanted = False
