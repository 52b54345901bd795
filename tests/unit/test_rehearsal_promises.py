"""Every promise of a rehearsal is kept by the night it describes, and found broken by another."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.credits import CreditStatus
from core.ledger import Standing
from core.models import CostSource, RunOutcome, TaskStatus, WaitReason
from core.money import ZERO, Nano, to_nano
from core.policy import BudgetPolicy
from core.read_only_sql import Answer
from core.settings import Settings
from core.windows import window_at
from interfaces.cli.rehearsal_programme import (
    DASHBOARD,
    EXPENSIVE,
    FAILING,
    LANDING_PAGE,
    LATE,
    Act,
    config,
    night_around,
)
from interfaces.cli.rehearsal_promises import PROMISES, judge
from interfaces.cli.rehearsal_snapshot import Attempt, Charge, Landed, Played, Snapshot

BEGIN = datetime(2026, 3, 10, 23, 0, tzinfo=UTC)
WORDS = "(remaining: $0.29). Skipping task scheduling."
QUOTA = to_nano("1.20")
COSTS = {
    DASHBOARD[0]: "0.08824",
    DASHBOARD[1]: "0.10465",
    DASHBOARD[2]: "0.10294",
    LANDING_PAGE: "0.07278",
    FAILING: "0.05717",
    EXPENSIVE: "0.48",
}
SPENT = Nano(sum(map(to_nano, COSTS.values())))


def attempt(act: Act, begins: float, ends: float, outcome: RunOutcome, **more: object) -> Attempt:
    cost = to_nano(COSTS[act])
    whole = Attempt(
        outcome=outcome,
        started_at=BEGIN + timedelta(seconds=begins),
        ended_at=BEGIN + timedelta(seconds=ends),
        session_id=f"session of {act.project}",
        workspace=f"/night/workspace/project_{act.project}",
        merge_sha=None,
        metered=cost,
        charge=Charge(cost, CostSource.REPORTED, cost, rehearsal=True),
    )
    return replace(whole, **more)  # type: ignore[arg-type] # the fields' own types


def dashboard(number: int) -> Played:
    act = DASHBOARD[number]
    total = Nano(sum(to_nano(COSTS[each]) for each in DASHBOARD[: number + 1]))
    charge = Charge(to_nano(COSTS[act]), CostSource.REPORTED, total, rehearsal=True)
    run = attempt(
        act, 2 * number, 2 * number + 2, RunOutcome.COMPLETED, merge_sha=f"{number}" * 40,
        charge=charge,
    )  # fmt: skip
    return Played(act, number + 1, TaskStatus.COMPLETED, (run,))


def standing() -> Standing:
    hours = BudgetPolicy.of(Settings().budget).hours
    return Standing(window_at(BEGIN, hours), QUOTA, SPENT, ZERO, to_nano("1.60"), SPENT, ZERO)


def good_night() -> Snapshot:
    where = standing()
    page = attempt(LANDING_PAGE, 0, 3, RunOutcome.COMPLETED)
    failing = attempt(FAILING, 0, 2, RunOutcome.FAILED)
    expensive = attempt(EXPENSIVE, 6, 9, RunOutcome.CAPPED)
    late = Played(
        LATE, 7, TaskStatus.PENDING, (), WaitReason.BUDGET, earliest=where.window.ends_at
    )  # fmt: skip
    return Snapshot(
        played=(
            *map(dashboard, range(3)),
            Played(LANDING_PAGE, 4, TaskStatus.COMPLETED, (page,)),
            Played(FAILING, 5, TaskStatus.FAILED, (failing,)),
            Played(EXPENSIVE, 6, TaskStatus.FAILED, (expensive,)),
            late,
        ),
        landed=tuple(
            Landed(f"{n}" * 40, act.text, frozenset(map(str, range(n + 1))))
            for n, act in enumerate(DASHBOARD)
        ),
        kept_files=frozenset({"REFACTORING.md"}),
        credits=CreditStatus(
            where, BudgetPolicy.of(Settings().budget), None, 300, 6, {}, 3, 3, BEGIN
        ),
        peak=to_nano("1.05"),
        open_holds=0,
        warnings=(f"WARNING: Budget exhausted for night period {WORDS}",),
        project_costs=Answer(
            ("project_id", "total_cost"),
            (
                ("landing-page", 0.07278),
                ("legacy-api", 0.53717),
                ("my-dashboard", 0.29583000000000004),
            ),
            cut=False,
        ),
        daily_spending=Answer(
            ("date", "daily_cost"), (("2026-03-11", 0.10578), ("2026-03-10", 0.8)), cut=False
        ),
        last_words="daemon.stopped",
        exit_code=0,
        seconds=12.5,
    )


def with_task(act: Act, **changes: object) -> Snapshot:
    """The good night, but for one of its tasks."""
    night = good_night()
    changed = [replace(one, **changes) if one.act == act else one for one in night.played]  # type: ignore[arg-type]
    return replace(night, played=tuple(changed))


def with_run(act: Act, **changes: object) -> Snapshot:
    runs = good_night().of(act).attempts
    return with_task(act, attempts=tuple(replace(run, **changes) for run in runs))  # type: ignore[arg-type]


def charge(dollars: str, **more: object) -> Charge:
    whole = Charge(to_nano(dollars), CostSource.REPORTED, to_nano(dollars), rehearsal=True)
    return replace(whole, **more)  # type: ignore[arg-type]


BROKEN: dict[str, tuple[Callable[[], Snapshot], ...]] = {
    "Three tasks of my-dashboard are done in turn": (
        lambda: with_task(DASHBOARD[1], status=TaskStatus.FAILED),
        lambda: with_run(DASHBOARD[1], workspace="/night/workspace/task_2"),
        lambda: with_run(DASHBOARD[1], started_at=BEGIN + timedelta(seconds=1)),
        lambda: with_run(DASHBOARD[0], ended_at=None),
        lambda: with_task(DASHBOARD[2], attempts=()),
    ),
    "They are three merges on main, in their order": (
        lambda: replace(good_night(), landed=good_night().landed[::-1]),
        lambda: replace(good_night(), landed=good_night().landed[:2]),
        lambda: with_run(DASHBOARD[1], merge_sha=None),
    ),
    "Each has the files of those before it": (
        lambda: replace(good_night(), landed=good_night().landed[::-1]),
        lambda: replace(good_night(), landed=()),
        lambda: replace(good_night(), landed=(good_night().landed[0],) * 3),
    ),
    "They are one conversation, charged in parts": (
        lambda: with_run(DASHBOARD[2], session_id="another"),
        lambda: with_run(DASHBOARD[0], session_id=None),
        lambda: with_run(DASHBOARD[2], charge=charge("0.29583")),
        lambda: with_run(DASHBOARD[2], charge=None),
    ),
    "landing-page was worked on at the same time": (
        lambda: with_run(LANDING_PAGE, started_at=BEGIN - timedelta(1), ended_at=BEGIN),
        lambda: with_run(LANDING_PAGE, ended_at=None),
        lambda: with_task(LANDING_PAGE, status=TaskStatus.FAILED),
    ),
    "The expensive task stopped at its cap, or one call on": (
        lambda: with_run(EXPENSIVE, charge=charge("0.730000001")),
        lambda: with_run(EXPENSIVE, charge=None),
        lambda: with_run(EXPENSIVE, outcome=RunOutcome.OUT_OF_BUDGET),
        lambda: with_task(EXPENSIVE, status=TaskStatus.PENDING),
        lambda: with_task(EXPENSIVE, attempts=()),
    ),
    "What it did is kept on its branch": (
        lambda: replace(good_night(), kept_files=frozenset()),
        lambda: with_run(EXPENSIVE, merge_sha="6" * 40),
    ),
    "The task that failed is charged all the same": (
        lambda: with_run(FAILING, charge=None),
        lambda: with_run(FAILING, charge=charge("0")),
        lambda: with_run(FAILING, charge=charge("0.35", source=CostSource.HOLD)),
        lambda: with_run(FAILING, outcome=RunOutcome.CRASHED),
        lambda: with_task(FAILING, status=TaskStatus.COMPLETED),
    ),
    "The last task waits for money and says until when": (
        lambda: with_task(LATE, status=TaskStatus.COMPLETED, reason=None, earliest=None),
        lambda: with_task(LATE, reason=WaitReason.WINDOW),
        lambda: with_task(LATE, earliest=None),
        lambda: with_task(LATE, earliest=BEGIN),
        lambda: with_task(LATE, attempts=good_night().of(FAILING).attempts),
    ),
    "The daemon warned of it, once": (
        lambda: replace(good_night(), warnings=()),
        lambda: replace(good_night(), warnings=good_night().warnings * 2),
        lambda: replace(
            good_night(), warnings=(good_night().warnings[0].replace("$0.29", "$0.2942"),)
        ),
    ),
    "Every run is charged once, for what its calls cost": (
        lambda: with_run(LANDING_PAGE, charge=None),
        lambda: with_run(LANDING_PAGE, metered=to_nano("0.07278000") + 1),
        lambda: with_run(EXPENSIVE, metered=to_nano("0.600000001")),
        lambda: replace(good_night(), played=tuple(
            replace(one, attempts=()) for one in good_night().played
        )),
    ),
    "The night's quota was never passed": (
        lambda: replace(good_night(), peak=Nano(QUOTA + 1)),
        lambda: replace(good_night(), peak=ZERO),
        lambda: replace(good_night(), credits=replace(
            good_night().credits, standing=replace(standing(), charged=Nano(QUOTA + 1))
        )),
    ),
    "The two SQL queries agree with the books": (
        lambda: replace(good_night(), project_costs=Answer((), (), cut=False)),
        lambda: replace(good_night(), daily_spending=Answer((), (("2026-03-10", 0.9),), cut=False)),
    ),
    "Nothing is left running, no money on hold": (
        lambda: replace(good_night(), open_holds=1),
        lambda: with_task(LANDING_PAGE, status=TaskStatus.IN_PROGRESS),
    ),
    "Every figure is marked as rehearsed": (
        lambda: with_run(FAILING, charge=charge("0.05717", rehearsal=False)),
        lambda: replace(good_night(), played=(good_night().of(LATE),) ),
    ),
    "The daemon stopped cleanly when told to": (
        lambda: replace(good_night(), exit_code=143),
        lambda: replace(good_night(), exit_code=None),
    ),
    "The night took less than a minute": (lambda: replace(good_night(), seconds=60.0),),
}  # fmt: skip


def broken(snapshot: Snapshot) -> set[str]:
    return {verdict.promise for verdict in judge(snapshot) if not verdict.found.kept}


def test_the_good_night_keeps_every_promise() -> None:
    assert broken(good_night()) == set()
    assert len(judge(good_night())) == len(PROMISES)


def test_every_promise_is_tried_with_a_night_that_breaks_it() -> None:
    assert set(BROKEN) == {promise.text for promise in PROMISES}


@pytest.mark.parametrize(
    ("promise", "night"),
    [(promise, night) for promise, nights in BROKEN.items() for night in nights],
    ids=[f"{promise}-{n}" for promise, nights in BROKEN.items() for n in range(len(nights))],
)
def test_the_promise_is_found_broken(promise: str, night: Callable[[], Snapshot]) -> None:
    assert promise in broken(night())


def test_a_night_that_broke_off_breaks_what_was_promised_of_the_task_never_asked_for() -> None:
    night = replace(good_night(), played=good_night().played[:-1])
    assert broken(night) == {"The last task waits for money and says until when"}


def test_a_night_in_which_nothing_was_done_is_judged_and_found_wanting() -> None:
    night = replace(good_night(), played=(), landed=(), kept_files=frozenset(), warnings=())
    kept = {promise.text for promise in PROMISES} - broken(night)
    assert kept == {
        "The night's quota was never passed",
        "Nothing is left running, no money on hold",
        "The daemon stopped cleanly when told to",
        "The night took less than a minute",
    }


def test_a_call_that_had_begun_before_the_stop_may_be_charged_or_not() -> None:
    assert broken(with_run(EXPENSIVE, metered=to_nano("0.60"))) == set()


@pytest.mark.parametrize("hour", range(24))
@pytest.mark.parametrize("minute", [0, 59])
def test_at_any_hour_the_night_has_begun_long_ago_and_ends_much_later(
    hour: int, minute: int
) -> None:
    now = datetime(2026, 3, 10, hour, minute, 59, 999999, tzinfo=UTC)
    start, end = night_around(now)
    hours = BudgetPolicy.of(
        Settings.model_validate({"budget": {"night_start": start, "night_end": end}}).budget
    ).hours
    window = window_at(now, hours)
    assert window.period.value == "night"
    assert window.starts_at <= now - timedelta(hours=6)
    assert window.ends_at > now + timedelta(hours=5)


def test_the_configuration_says_in_its_first_line_that_it_is_a_rehearsal() -> None:
    assert config(BEGIN).startswith("# REHEARSAL: ")
