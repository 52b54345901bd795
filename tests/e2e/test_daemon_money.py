"""What a night may cost, as seen from outside: by window, by run, by task."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.models import BudgetEntry, EntryKind, RunOutcome, TaskStatus
from core.money import to_nano
from core.policy import BudgetPolicy
from core.scheduler import SmartScheduler
from core.settings import BudgetSettings, load_settings
from core.why import why
from fixtures_daemon import Home, home

__all__ = ["home"]

#: several starts of several programs; a busy machine takes its time
pytestmark = pytest.mark.timeout(180)

CALLS = "[rehearse: write a.txt A] [rehearse: calls 4 $0.20] [rehearse: write b.txt B]"


def by_day(home: Home, dollars: str) -> BudgetSettings:
    """It is day for hours to come, and the day has so much."""
    now = home.queue.clock.now()
    home.configure(
        budget={
            "daily_budget_usd": dollars,
            "night_quota_percent": 0,
            "night_start": (now + timedelta(hours=6)).strftime("%H:%M"),
            "night_end": (now - timedelta(hours=6)).strftime("%H:%M"),
        }
    )
    return load_settings(home.folder / "config.yaml", {}).budget


def test_with_49_cents_left_nothing_starts_and_the_reason_is_told(home: Home) -> None:
    settings = by_day(home, "1.00")
    spent = home.add("spent by somebody")
    SmartScheduler(home.queue).record_task_usage(spent, "0.51")
    home.queue.cancel_task(spent)
    task_id = home.add("too late", "app")
    daemon = home.start()
    daemon.until_told("STATUS=waiting for budget until")
    assert daemon.stop() == 0
    assert home.queue.runs_of(task_id) == []
    assert home.events("budget.exhausted")
    (told,) = [line for line in daemon.log if line["level"] == "WARNING" and "$0.49" in str(line)]
    assert told
    answer = why(home.queue, BudgetPolicy.of(settings), 3, task_id)
    assert "$0.49" in answer.sentence
    home.assert_sound()


def test_a_run_whose_hold_cannot_grow_waits_for_money_and_goes_on_in_its_session(
    home: Home,
) -> None:
    by_day(home, "0.70")
    task_id = home.add(CALLS, "app")
    daemon = home.start()
    home.until_status(task_id, TaskStatus.PENDING, runs=1)
    assert daemon.stop() == 0
    home.assert_sound()
    first = home.run(task_id)
    assert first.outcome is RunOutcome.OUT_OF_BUDGET
    assert to_nano("0.40") < home.cost(task_id) <= to_nano("0.70")
    assert home.branch_files("project_app", first.branch or "") == ["a.txt"]
    assert home.landed("project_app") == []
    by_day(home, "5.00")
    again = home.start()
    task = home.until_status(task_id, TaskStatus.COMPLETED)
    assert again.stop() == 0
    home.assert_sound()
    assert home.run(task_id).session_id == first.session_id
    assert home.branch_files("project_app", "main") == ["a.txt", "b.txt"]
    assert home.cost(task_id) == sum(run.metered_nano for run in home.queue.runs_of(task_id))
    assert task.attempt_count == 1


def test_a_task_stops_under_its_own_cap_and_a_retry_with_a_higher_one_goes_on(
    home: Home,
) -> None:
    task_id = home.add(CALLS, "app", max_cost="0.50")
    daemon = home.start()
    task = home.until_status(task_id, TaskStatus.FAILED)
    first = home.run(task_id)
    assert first.outcome is RunOutcome.CAPPED
    assert "--max-cost" in (task.error_message or "")
    assert to_nano("0.20") < home.cost(task_id) <= to_nano("0.50")
    home.queue.retry_task(task_id, max_cost=to_nano(Decimal(2)))
    home.until_status(task_id, TaskStatus.COMPLETED)
    assert daemon.stop() == 0
    home.assert_sound()
    assert home.run(task_id).session_id == first.session_id
    assert home.landed("project_app") == [str(task_id)]
    assert to_nano("0.80") < home.cost(task_id) <= to_nano(2)


def test_a_run_that_needs_more_than_its_estimate_grows_its_hold_and_ends(home: Home) -> None:
    task_id = home.add("[rehearse: calls 3 $0.40] [rehearse: write a.txt A]", "app")
    daemon = home.start()
    home.until_status(task_id, TaskStatus.COMPLETED)
    assert daemon.stop() == 0
    home.assert_sound()
    assert len(home.queue.runs_of(task_id)) == 1
    assert home.rows(BudgetEntry, BudgetEntry.kind == EntryKind.GROW)
    # the program stops before the tool of its last call, so that call is made again
    assert to_nano("1.20") < home.cost(task_id) < to_nano("1.65")
