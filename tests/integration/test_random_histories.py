"""Random histories on the real database, held against a model of a hundred plain lines.

Adds, admissions, growth, every end of a run with any cost, crashes, cancelled and retried tasks,
changed configuration, and a clock that jumps over the edges of windows and days.
"""

import shutil
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import hypothesis.strategies as st
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from budget_model import Model, ModelTask
from conftest import StoppedClock
from core import leases
from core.admission import Admitted, NothingRunnable, Refused
from core.database import Database
from core.models import RunOutcome, TaskPriority
from core.money import Nano, usd
from core.policy import BudgetPolicy
from core.windows import window_at
from fixtures_heart import POLICY, World, at

CENT = 10_000_000
PROFILE = settings(
    deadline=None,
    derandomize=True,
    max_examples=40,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

#: dollars of the day, chosen so that limits are met often
dailies = st.sampled_from([100, 200, 300, 1000]).map(lambda cents: cents * CENT + 1)
percents = st.sampled_from([0, 33, 50, 67, 90, 100])
estimates = st.sampled_from([25, 50, 100]).map(lambda cents: cents * CENT)
#: from nothing to thrice of what is usually held, to the nano-dollar
costs = st.sampled_from([0, 1, 20, 50, 50, 75, 150]).flatmap(
    lambda cents: st.integers(0, 3).map(lambda nano: cents * CENT + nano)
)
STEPS = ["grow", "grow", "completed", "completed", "failed", "drained", "crashed", "transient"]
STEPS += ["out_of_budget", "cancelled", "limited"]
indexes = st.integers(0, 11)

#: every invariant of docs/budget.md that one statement can ask; each must answer 0
AUDIT = {
    "charges of the ledger and charges of the books differ": """
        SELECT (SELECT coalesce(sum(amount_nano), 0) FROM budget_entries WHERE kind = 'charge')
             - (SELECT coalesce(sum(cost_nano), 0) FROM usage_metrics)""",
    "an open hold is not what the ledger says": """
        SELECT count(*) FROM holds WHERE state = 'held' AND amount_nano <> (
            SELECT sum(amount_nano) FROM budget_entries e
            WHERE e.run_id = holds.run_id AND kind IN ('hold', 'grow'))""",
    "a closed hold was not released whole": """
        SELECT count(*) FROM holds WHERE state <> 'held' AND 0 <> (
            SELECT sum(CASE kind WHEN 'release' THEN -amount_nano WHEN 'charge' THEN 0
                       ELSE amount_nano END) FROM budget_entries e
            WHERE e.run_id = holds.run_id)""",
    "a hold is open and its run is not, or the other way round": """
        SELECT count(*) FROM holds JOIN runs ON runs.id = holds.run_id
        WHERE (holds.state = 'held') <> (runs.outcome IS NULL)""",
    "a run is closed without a charge, or open with one": """
        SELECT count(*) FROM runs WHERE (outcome IS NOT NULL) <>
            (SELECT count(*) = 1 FROM usage_metrics u WHERE u.run_id = runs.id)""",
    "a task runs without an open run of its epoch, or the other way round": """
        SELECT count(*) FROM tasks WHERE (status = 'in_progress') <>
            (SELECT count(*) = 1 FROM runs r WHERE r.task_id = tasks.id AND outcome IS NULL
             AND r.lease_epoch = tasks.lease_epoch)""",
    "a project has two tasks that run or could be claimed": """
        SELECT count(*) FROM (SELECT project_id FROM tasks WHERE project_id IS NOT NULL
            AND (status = 'in_progress' OR (status = 'pending' AND wait_reason IS NULL))
            GROUP BY project_id HAVING count(*) > 1)""",
    "a project has a line and nobody in front of it": """
        SELECT count(DISTINCT project_id) FROM tasks t WHERE wait_reason = 'project_busy'
            AND NOT EXISTS (SELECT 1 FROM tasks o WHERE o.project_id = t.project_id
            AND (o.status = 'in_progress' OR (o.status = 'pending' AND o.wait_reason IS NULL)))""",
    "an entry is older than the one before it": """
        SELECT count(*) FROM budget_entries a JOIN budget_entries b ON b.id = a.id + 1
        WHERE b.created_at < a.created_at""",
}


def _priority(*, serious: bool) -> TaskPriority:
    return TaskPriority.SERIOUS if serious else TaskPriority.RANDOM


class Histories(RuleBasedStateMachine):
    template: ClassVar[Path]

    @initialize(
        daily=dailies,
        percent=percents,
        estimate=estimates,
        cap=st.sampled_from([True, True, False]),
    )
    def begin(self, daily: int, percent: int, estimate: int, *, cap: bool) -> None:
        self.folder = TemporaryDirectory()
        self.path = shutil.copy(self.template, self.folder.name)
        self.clock = StoppedClock(at("19:00"))
        policy = BudgetPolicy(
            Nano(daily), Decimal(percent), POLICY.hours, Nano(estimate), daily_cap=cap
        )
        self.world = World(Database(f"sqlite:///{self.path}"), self.clock, policy)
        self.model = Model(self.clock.now(), daily, percent, estimate, cap)
        self.highest_daily = daily
        self.overshoot: list[tuple[datetime, datetime, int]] = []
        self.kept_quotas: dict[datetime, int] = {}
        self.highest_quotas: dict[datetime, int] = {}
        for project in [None, "a", None, "b", None] * 3:
            self._add(project, serious=False)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.database.close()
            self.folder.cleanup()

    # --- the queue --------------------------------------------------------------------------

    @rule(wishes=st.lists(st.tuples(st.sampled_from("acrs"), indexes), min_size=1, max_size=4))
    def people_want(self, wishes: list[tuple[str, int]]) -> None:
        for verb, index in wishes:
            tasks = list(self.model.tasks.values())
            task = tasks[index % len(tasks)]
            match verb:
                case "a":
                    self._add([None, "a", "b"][index % 3], serious=index % 2 == 0)
                case "c" | "r":
                    self._cancel_or_retry(task)
                case "s" if task.status == "pending":
                    self._reprioritise(task, serious=index % 2 == 0)

    def _add(self, project: str | None, *, serious: bool) -> None:
        task = self.world.add("x", _priority(serious=serious), project)
        self.model.add(task.id, serious=serious, project=project)

    def _cancel_or_retry(self, task: ModelTask) -> None:
        if task.status in ("pending", "in_progress"):
            self.world.queue.cancel_task(task.id)
            if task.status == "pending":
                task.status, task.wakes_at = "cancelled", None
            else:
                task.unwanted = True
        elif task.status in ("failed", "cancelled"):
            self.world.queue.retry_task(task.id)
            task.status, task.attempts, task.crashes = "pending", 0, 0

    def _reprioritise(self, task: ModelTask, *, serious: bool) -> None:
        self.world.queue.reprioritise(task.id, _priority(serious=serious))
        task.serious = serious

    # --- money ------------------------------------------------------------------------------

    @rule(times=st.integers(1, 4))
    def admit(self, times: int) -> None:
        for _ in range(times):
            self._admit()

    def _admit(self) -> None:
        self.model.wake()
        expected, room = self.model.next_task(), self.model.headroom
        if expected is not None:
            self._remember_quota()
        match self.world.admit():
            case Admitted(task_id, run_id):
                assert expected is not None
                assert task_id == expected.id
                self.model.admit(run_id)
            case Refused():
                assert expected is not None
                assert room < self.model.estimate
            case NothingRunnable():
                assert expected is None

    @rule(steps=st.lists(st.tuples(indexes, st.sampled_from(STEPS), costs), min_size=1, max_size=4))
    def runs_go_on(self, steps: list[tuple[int, str, int]]) -> None:
        for index, verb, cost in steps:
            runs = sorted(self.model.runs)
            if not runs:
                self._admit()
            elif verb == "grow":
                self._grow(runs[index % len(runs)], cost)
            else:
                self._settle(runs[index % len(runs)], cost, verb)

    def _grow(self, run_id: int, wanted: int) -> None:
        window = Model.window_of(self.model.runs[run_id].admitted_at)[0]
        if window == Model.window_of(self.model.now)[0]:
            self._raise_quota(window)
        grown = self.world.scheduler.budget_manager.grow(run_id, Nano(wanted))
        assert grown == self.model.grow(run_id, wanted, self.kept_quotas[window])

    def _settle(self, run_id: int, cost: int, outcome: str) -> None:
        self._note_overshoot(run_id, cost)
        self.world.finish(self.world.claim_of(run_id), str(usd(cost)), RunOutcome(outcome))
        self.model.settle(run_id, outcome, cost)

    @precondition(lambda self: self.model.runs)
    @rule(metered=costs)
    def die_and_come_back(self, metered: int) -> None:
        """The process is gone; another one adopts what it left and charges what is known of it."""
        database = Database(f"sqlite:///{self.path}")
        self.world.database.close()
        self.world.database = database
        with database.write() as connection:
            claims = [
                leases.adopt(connection, run, "next:1:x", self.world.worker.lease, self.clock.now())
                for run in leases.orphans(connection, "next:1:x", None)
            ]
        assert sorted(claim.run_id for claim in claims) == sorted(self.model.runs)
        for claim in claims:
            cost = metered or self.model.runs[claim.run_id].held
            self._note_overshoot(claim.run_id, cost)
            self.world.finish(claim, None, RunOutcome.CRASHED, metered=Nano(metered))
            self.model.settle(claim.run_id, "crashed", cost)

    # --- time and configuration -------------------------------------------------------------

    @rule(seconds=st.sampled_from([1e-6, 30, 3600, 86400, "edge", "edge", "just before"]))
    def time_passes(self, seconds: float | str) -> None:
        if isinstance(seconds, str):
            edge = self._next_edge()
            self._go_to(edge if seconds == "edge" else edge - timedelta(microseconds=1))
        else:
            self._go_to(self.clock.now() + timedelta(seconds=seconds))

    def _next_edge(self) -> datetime:
        edge = self.clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        while edge.hour not in (0, 8, 20):
            edge += timedelta(hours=1)
        return edge

    @rule(daily=dailies, percent=percents, estimate=estimates)
    def configure(self, daily: int, percent: int, estimate: int) -> None:
        self.world.configure(
            daily=Nano(daily), night_percent=Decimal(percent), estimate=Nano(estimate)
        )
        self.model.daily, self.model.percent, self.model.estimate = daily, percent, estimate
        self.highest_daily = max(self.highest_daily, daily)

    # --- what must always hold --------------------------------------------------------------

    @invariant()
    def the_budget_stands_where_the_model_says(self) -> None:
        where, now = self.world.standing(), self.model.now
        start, _ = Model.window_of(now)
        assert where.window == window_at(now, POLICY.hours)
        assert where.window.starts_at == start
        assert where.quota == self.model.quota
        assert where.charged == self.model.charged_in(start)
        assert where.held == self.model.held_in(start)
        assert where.held_anywhere == self.model.held
        assert where.today == self.model.charged_on(now)
        assert where.headroom == self.model.headroom

    @invariant()
    def no_window_and_no_day_holds_more_than_its_limit(self) -> None:
        """What a run spent beyond its hold is its own; admission has no part in it."""
        for window, quota in self.highest_quotas.items():
            over = sum(cost for w, _, cost in self.overshoot if w == window)
            assert self.model.charged_in(window) + self.model.held_in(window) <= quota + over
        if self.model.daily_cap:
            for day in {charge.created_at for charge in self.model.charges}:
                over = sum(cost for _, d, cost in self.overshoot if d.date() == day.date())
                assert self.model.charged_on(day) <= self.highest_daily + over

    @invariant()
    def every_task_is_where_the_model_says(self) -> None:
        with self.world.database.read() as session:
            rows = session.execute(text("SELECT id, status FROM tasks"))
            states = {row.id: row.status for row in rows}
        assert states == {task.id: task.status for task in self.model.tasks.values()}

    @invariant()
    def the_books_agree(self) -> None:
        with self.world.database.read() as session:
            found = {name: session.scalar(text(sql)) for name, sql in AUDIT.items()}
        assert found == dict.fromkeys(AUDIT, 0)

    # --- bookkeeping of the test ------------------------------------------------------------

    def _go_to(self, moment: datetime) -> None:
        self.clock.set(moment)
        self.model.now = moment

    def _remember_quota(self) -> None:
        """What an admission writes down as the limit of its window."""
        window = Model.window_of(self.model.now)[0]
        self.kept_quotas[window] = self.model.quota
        self._raise_quota(window)

    def _raise_quota(self, window: datetime) -> None:
        self.highest_quotas[window] = max(self.highest_quotas.get(window, 0), self.model.quota)

    def _note_overshoot(self, run_id: int, cost: int) -> None:
        run = self.model.runs[run_id]
        window = Model.window_of(run.admitted_at)[0]
        self.overshoot.append((window, self.model.now, max(0, cost - run.held)))


def test_random_histories_pass_no_limit_and_agree_with_the_model(sqlite_template: Path) -> None:
    class FromTemplate(Histories):
        template = sqlite_template

    with structlog.testing.capture_logs():
        run_state_machine_as_test(FromTemplate, settings=PROFILE)


@settings(PROFILE, max_examples=25)
@given(
    caps=st.lists(st.sampled_from([None, 10, 30, 50, 80]), min_size=1, max_size=8),
    turns=st.permutations([0, 0, 0, 1, 1, 1, 2, 2, 2]),
)
def test_whoever_comes_first_the_same_tasks_are_admitted(
    sqlite_template: Path, caps: list[int | None], turns: list[int]
) -> None:
    """Three daemons on one database in any order admit what one alone would."""
    with structlog.testing.capture_logs():
        assert admitted(sqlite_template, caps, turns) == admitted(sqlite_template, caps, [0] * 9)


def admitted(template: Path, caps: list[int | None], turns: list[int]) -> list[tuple[int, int]]:
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{shutil.copy(template, folder)}"
        databases = [Database(url) for _ in range(3)]
        worlds = [World(database, StoppedClock(at("12:00"))) for database in databases]
        for cap in caps:
            worlds[0].add(max_cost=None if cap is None else Nano(cap * CENT))
        for turn in turns:
            worlds[turn].admit()
        with databases[0].read() as session:
            sql = "SELECT r.task_id, h.amount_nano FROM holds h JOIN runs r ON r.id = h.run_id"
            held = [(row[0], row[1]) for row in session.execute(text(sql + " ORDER BY 1"))]
        for database in databases:
            database.close()
    return held
