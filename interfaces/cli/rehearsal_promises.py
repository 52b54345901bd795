"""What a rehearsal promises, each with the check that can find it broken. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import Final

from core.models import CostSource, RunOutcome, TaskStatus, WaitReason
from core.money import Nano, shown, shown_exactly, usd
from interfaces.cli.rehearsal_programme import (
    CALL,
    DASHBOARD,
    EXPENSIVE,
    FAILING,
    LANDING_PAGE,
    LATE,
    PROGRAMME,
    SECONDS,
)
from interfaces.cli.rehearsal_snapshot import WARNING, Attempt, Charge, Played, Snapshot
from interfaces.moments import say_moment


@dataclass(frozen=True, slots=True)
class Found:
    kept: bool
    #: what was measured, for people
    what: str


@dataclass(frozen=True, slots=True)
class Promise:
    text: str
    check: Callable[[Snapshot], Found]


@dataclass(frozen=True, slots=True)
class Verdict:
    promise: str
    found: Found


def judge(snapshot: Snapshot) -> list[Verdict]:
    """What was never asked for, because the night broke off, counts as never begun."""
    asked = {played.act for played in snapshot.played}
    missing = (Played(act, 0, TaskStatus.PENDING) for act in PROGRAMME if act not in asked)
    whole = replace(snapshot, played=(*snapshot.played, *missing))
    return [Verdict(promise.text, promise.check(whole)) for promise in PROMISES]


def _one_after_the_other(snapshot: Snapshot) -> Found:
    tasks = [snapshot.of(act) for act in DASHBOARD]
    runs = [run for task in tasks for run in task.attempts]
    states = [task.status.value for task in tasks]
    places = {run.workspace for run in runs}
    in_turn = all(
        one.ended_at is not None and one.ended_at <= next_.started_at
        for one, next_ in pairwise(runs)
    )
    done = states == [TaskStatus.COMPLETED.value] * len(DASHBOARD)
    kept = done and len(runs) == len(DASHBOARD) and len(places) == 1 and in_turn
    order = "one after the other" if in_turn else "overlapping in time"
    where = ", ".join(sorted(place.rpartition("/")[2] for place in places if place)) or "no tree"
    ended = " and ".join(sorted(set(states)))
    return Found(kept, f"{ended}, {order}, in {where}")


def _three_merges(snapshot: Snapshot) -> Found:
    merged = [landed.sha for landed in snapshot.landed]
    wanted = [run.merge_sha for act in DASHBOARD for run in snapshot.of(act).attempts]
    subjects = [landed.subject for landed in snapshot.landed]
    kept = merged == wanted and subjects == [act.text for act in DASHBOARD]
    return Found(kept, f"{len(merged)} merges on main: {', '.join(sha[:7] for sha in merged)}")


def _each_builds_on_the_last(snapshot: Snapshot) -> Found:
    files = [landed.files for landed in snapshot.landed]
    grows = all(one < next_ for one, next_ in pairwise(files))
    counts = " → ".join(str(len(names)) for names in files) or "no"
    return Found(grows and len(files) == len(DASHBOARD), f"{counts} files, none lost")


def _one_conversation(snapshot: Snapshot) -> Found:
    runs = [run for act in DASHBOARD for run in snapshot.of(act).attempts]
    sessions = {run.session_id for run in runs}
    charged = sum(run.charge.cost for run in runs if run.charge)
    last = runs[-1].charge if runs else None
    total = last.session_total if last else None
    kept = len(sessions) == 1 and None not in sessions and total == charged
    money = "nothing" if total is None else shown_exactly(total)
    return Found(
        kept,
        f"{len(runs)} runs, {len(sessions)} session: {money} reported,"
        f" {shown_exactly(charged)} charged",
    )


def _in_parallel(snapshot: Snapshot) -> Found:
    page = snapshot.of(LANDING_PAGE)
    others = [run for act in DASHBOARD for run in snapshot.of(act).attempts]
    overlap = sum(_overlap(run, other) for run in page.attempts for other in others)
    kept = page.status is TaskStatus.COMPLETED and overlap > 0
    return Found(kept, f"{page.status.value}; {overlap:.1f} s side by side")


def _overlap(one: Attempt, other: Attempt) -> float:
    if one.ended_at is None or other.ended_at is None:
        return 0.0
    shared = min(one.ended_at, other.ended_at) - max(one.started_at, other.started_at)
    return max(0.0, shared.total_seconds())


def _stopped_by_its_cap(snapshot: Snapshot) -> Found:
    task = snapshot.of(EXPENSIVE)
    cap = EXPENSIVE.max_cost or Nano(0)
    within = 0 < task.charged <= cap + CALL
    kept = task.outcome is RunOutcome.CAPPED and task.status is TaskStatus.FAILED and within
    return Found(kept, f"{_ending(task)}; {shown_exactly(task.charged)} of {shown_exactly(cap)}")


def _work_is_kept(snapshot: Snapshot) -> Found:
    merged = any(run.merge_sha for run in snapshot.of(EXPENSIVE).attempts)
    names = ", ".join(sorted(snapshot.kept_files)) or "nothing"
    where = "it is on main" if merged else "main is as it was"
    return Found(bool(snapshot.kept_files) and not merged, f"on its branch: {names}; {where}")


def _failure_is_charged(snapshot: Snapshot) -> Found:
    task = snapshot.of(FAILING)
    failed = task.status is TaskStatus.FAILED and task.outcome is RunOutcome.FAILED
    known = all(
        run.charge and run.charge.source in (CostSource.REPORTED, CostSource.METERED)
        for run in task.attempts
    )
    return Found(
        failed and known and task.charged > 0, f"{_ending(task)}; {shown_exactly(task.charged)}"
    )


def _ending(task: Played) -> str:
    return f"{task.status.value} ({task.outcome.value if task.outcome else 'never ran'})"


def _waits_for_money(snapshot: Snapshot) -> Found:
    task, window = snapshot.of(LATE), snapshot.credits.standing.window
    waits = task.status is TaskStatus.PENDING and task.reason is WaitReason.BUDGET
    kept = waits and not task.attempts and task.earliest == window.ends_at
    until = say_moment(task.earliest) if task.earliest else "nobody knows when"
    return Found(kept, f"{task.status.value} ({task.reason or 'no reason'}) until {until}")


def _warned_once(snapshot: Snapshot) -> Found:
    left = shown(snapshot.credits.standing.spendable)
    period = snapshot.credits.standing.window.period.value
    line = f"{WARNING}{period} period (remaining: {left}). Skipping task scheduling."
    said = "; ".join(snapshot.warnings) or "nothing of the kind"
    return Found(snapshot.warnings == (line,), said)


def _every_run_is_charged_once(snapshot: Snapshot) -> Found:
    runs = snapshot.attempts
    metered = sum(run.metered for run in runs)
    kept = bool(runs) and all(run.charge and _as_metered(run, run.charge) for run in runs)
    charges = sum(run.charge is not None for run in runs)
    return Found(
        kept,
        f"{len(runs)} runs, {charges} charges: {shown_exactly(snapshot.charged)};"
        f" metered {shown_exactly(metered)}",
    )


def _as_metered(run: Attempt, charge: Charge) -> bool:
    """A run that was stopped may have begun one more call, which nobody can know the end of."""
    unsure = CALL if run.outcome is RunOutcome.CAPPED else 0
    return abs(charge.cost - run.metered) <= unsure


def _quota_holds(snapshot: Snapshot) -> Found:
    where = snapshot.credits.standing
    kept = 0 < snapshot.peak <= where.quota and where.charged <= where.quota
    return Found(
        kept,
        f"{shown_exactly(where.charged)} of {shown_exactly(where.quota)};"
        f" with holds at most {shown_exactly(snapshot.peak)}",
    )


def _queries_agree(snapshot: Snapshot) -> Found:
    wanted: dict[str, Nano] = {}
    for task in snapshot.played:
        if task.act.project and task.charged:
            so_far = wanted.get(task.act.project, 0)
            wanted[task.act.project] = Nano(so_far + task.charged)
    projects = {row[0]: _dollars(row[1]) for row in snapshot.project_costs.rows}
    days = sum((_dollars(row[1]) for row in snapshot.daily_spending.rows), Decimal(0))
    kept = projects == {name: usd(cost) for name, cost in wanted.items()}
    return Found(
        kept and days == usd(snapshot.charged), f"{len(projects)} projects; ${days} in all days"
    )


def _dollars(answer: float) -> Decimal:
    """SQLite's sum is a binary float; nine decimals are what was stored."""
    return round(Decimal(answer), 9)


def _nothing_is_open(snapshot: Snapshot) -> Found:
    running = sum(task.status is TaskStatus.IN_PROGRESS for task in snapshot.played)
    return Found(
        not running and not snapshot.open_holds,
        f"{running} tasks running, {snapshot.open_holds} holds open",
    )


def _all_is_marked(snapshot: Snapshot) -> Found:
    charges = [run.charge for run in snapshot.attempts if run.charge]
    marked = sum(charge.rehearsal for charge in charges)
    return Found(0 < marked == len(charges), f"{marked} of {len(charges)} charges")


def _stopped_cleanly(snapshot: Snapshot) -> Found:
    return Found(snapshot.exit_code == 0, f"exit code {snapshot.exit_code}")


def _in_time(snapshot: Snapshot) -> Found:
    return Found(snapshot.seconds < SECONDS, f"{snapshot.seconds:.1f} s")


PROMISES: Final[Sequence[Promise]] = (
    Promise("Three tasks of my-dashboard are done in turn", _one_after_the_other),
    Promise("They are three merges on main, in their order", _three_merges),
    Promise("Each has the files of those before it", _each_builds_on_the_last),
    Promise("They are one conversation, charged in parts", _one_conversation),
    Promise("landing-page was worked on at the same time", _in_parallel),
    Promise("The expensive task stopped at its cap, or one call on", _stopped_by_its_cap),
    Promise("What it did is kept on its branch", _work_is_kept),
    Promise("The task that failed is charged all the same", _failure_is_charged),
    Promise("The last task waits for money and says until when", _waits_for_money),
    Promise("The daemon warned of it, once", _warned_once),
    Promise("Every run is charged once, for what its calls cost", _every_run_is_charged_once),
    Promise("The night's quota was never passed", _quota_holds),
    Promise("The two SQL queries agree with the books", _queries_agree),
    Promise("Nothing is left running, no money on hold", _nothing_is_open),
    Promise("Every figure is marked as rehearsed", _all_is_marked),
    Promise("The daemon stopped cleanly when told to", _stopped_cleanly),
    Promise("The night took less than a minute", _in_time),
)
