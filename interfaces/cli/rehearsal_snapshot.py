"""What a rehearsal left behind, as values: read from the database, from git and from the log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.credits import CreditStatus, credit_status
from core.models import (
    BudgetEntry,
    CostSource,
    EntryKind,
    Hold,
    HoldState,
    Run,
    RunOutcome,
    TaskStatus,
    UsageMetric,
    WaitReason,
)
from core.money import Nano
from core.read_only_sql import Answer, query
from core.task_queue import TaskQueue
from core.why import why
from interfaces.cli.rehearsal_git import Merge, Repository
from interfaces.cli.rehearsal_programme import DASHBOARD, EXPENSIVE, Act
from interfaces.cli.rehearsal_stage import Stage

#: the two queries that people are told, word for word
PROJECT_COSTS: Final = """\
-- Query project costs
SELECT project_id, SUM(CAST(total_cost_usd AS DECIMAL)) as total_cost
FROM usage_metrics
WHERE project_id IS NOT NULL
GROUP BY project_id;"""
DAILY_SPENDING: Final = """\
SELECT DATE(created_at) as date, SUM(CAST(total_cost_usd AS DECIMAL)) as daily_cost
FROM usage_metrics
GROUP BY DATE(created_at)
ORDER BY date DESC;"""
WARNING: Final = "WARNING: Budget exhausted for "


@dataclass(frozen=True, slots=True)
class Charge:
    cost: Nano
    source: CostSource
    session_total: Nano | None
    rehearsal: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """A run and its charge."""

    outcome: RunOutcome | None
    started_at: datetime
    #: None: it never ended
    ended_at: datetime | None
    session_id: str | None
    workspace: str | None
    merge_sha: str | None
    #: what the stream of its calls came to
    metered: Nano
    charge: Charge | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """A task of the programme and what became of it."""

    act: Act
    task_id: int
    status: TaskStatus
    attempts: tuple[Attempt, ...] = ()
    reason: WaitReason | None = None
    #: when it could start, as `sleepless tasks why` says
    earliest: datetime | None = None
    why: str = ""

    @property
    def charged(self) -> Nano:
        return Nano(sum(one.charge.cost for one in self.attempts if one.charge))

    @property
    def outcome(self) -> RunOutcome | None:
        return self.attempts[-1].outcome if self.attempts else None


@dataclass(frozen=True, slots=True)
class Landed:
    """A merge on main, and all files that are there then."""

    sha: str
    subject: str
    files: frozenset[str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    played: tuple[Played, ...]
    #: of my-dashboard, the oldest first
    landed: tuple[Landed, ...]
    #: on the branch of the expensive task and not on main
    kept_files: frozenset[str]
    credits: CreditStatus
    #: the most that was charged and held together at any time
    peak: Nano
    open_holds: int
    #: lines of the daemon's log that tell of spent money
    warnings: tuple[str, ...]
    project_costs: Answer
    daily_spending: Answer
    #: how that log ends
    last_words: str
    exit_code: int | None
    seconds: float

    def of(self, act: Act) -> Played:
        return next(played for played in self.played if played.act == act)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        return tuple(attempt for played in self.played for attempt in played.attempts)

    @property
    def charged(self) -> Nano:
        return Nano(sum(played.charged for played in self.played))


@dataclass(frozen=True, slots=True)
class Performance:
    """What is known of the night besides what lies in the folder."""

    #: the tasks, by what they were asked as
    ids: dict[Act, int]
    exit_code: int | None
    seconds: float


def take(stage: Stage, queue: TaskQueue, night: Performance) -> Snapshot:
    """The daemon has stopped: nothing moves any more."""
    log = stage.daemon_log.read_text(encoding="utf-8", errors="replace").splitlines()
    played = tuple(_played(stage, queue, act, id_) for act, id_ in night.ids.items())
    with queue.database.read() as session:
        peak, open_holds = _peak(session), _open_holds(session)
    return Snapshot(
        played=played,
        landed=_landed(Repository.of_project(stage.workspace, DASHBOARD[0].project or "")),
        kept_files=_kept(stage, queue, night.ids.get(EXPENSIVE)),
        credits=credit_status(queue, stage.policy, stage.slots),
        peak=peak,
        open_holds=open_holds,
        warnings=tuple(line[line.index(WARNING) :] for line in log if WARNING in line),
        last_words=next((line for line in reversed(log) if line.strip()), "none"),
        project_costs=query(queue.database, PROJECT_COSTS),
        daily_spending=query(queue.database, DAILY_SPENDING),
        exit_code=night.exit_code,
        seconds=night.seconds,
    )


def _played(stage: Stage, queue: TaskQueue, act: Act, task_id: int) -> Played:
    found = why(queue, stage.policy, stage.slots, task_id)
    with queue.database.read() as session:
        attempts = tuple(_attempt(session, run) for run in queue.runs_of(task_id))
    waits = (found.reason, found.earliest, found.sentence)
    return Played(act, task_id, found.status, attempts, *waits)


def _attempt(session: Session, run: Run) -> Attempt:
    return Attempt(
        outcome=run.outcome,
        started_at=run.started_at,
        ended_at=run.ended_at,
        session_id=run.session_id,
        workspace=run.workspace_path,
        merge_sha=run.merge_sha,
        metered=Nano(run.metered_nano),
        charge=_charge(session, run.id),
        error=run.error_message,
    )


def _charge(session: Session, run_id: int) -> Charge | None:
    row = session.scalars(select(UsageMetric).where(UsageMetric.run_id == run_id)).one_or_none()
    if row is None or row.cost_nano is None:
        return None
    total = None if row.session_total_nano is None else Nano(row.session_total_nano)
    return Charge(Nano(row.cost_nano), row.cost_source, total, row.rehearsal)


def _landed(repository: Repository) -> tuple[Landed, ...]:
    merges: Sequence[Merge] = repository.merges()[::-1]
    return tuple(Landed(one.sha, one.subject, repository.files(one.sha)) for one in merges)


def _kept(stage: Stage, queue: TaskQueue, task_id: int | None) -> frozenset[str]:
    branches = [run.branch for run in queue.runs_of(task_id)] if task_id else []
    if not branches or branches[-1] is None:
        return frozenset()
    repository = Repository.of_project(stage.workspace, EXPENSIVE.project or "")
    return repository.files(f"refs/heads/{branches[-1]}") - repository.files("refs/heads/main")


def _peak(session: Session) -> Nano:
    """The ledger read from its beginning: whatever it held and charged together, at its highest."""
    entries = session.execute(
        select(BudgetEntry.kind, BudgetEntry.amount_nano).order_by(BudgetEntry.id)
    )
    taken = peak = 0
    for kind, amount in entries:
        taken += -amount if kind is EntryKind.RELEASE else amount
        # a hold is released and charged in one transaction: between the two nothing is true
        peak = peak if kind is EntryKind.RELEASE else max(peak, taken)
    return Nano(peak)


def _open_holds(session: Session) -> int:
    return len(session.scalars(select(Hold.run_id).where(Hold.state == HoldState.HELD)).all())
