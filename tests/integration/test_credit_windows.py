"""The provider's usage window, assumed at first and corrected by what the provider says."""

from datetime import timedelta

from sqlalchemy import func, select

from conftest import StoppedClock
from core import credit_windows
from core.credits import credit_status
from core.models import CreditWindow
from core.policy import BudgetPolicy
from core.task_queue import TaskQueue

POLICY = BudgetPolicy.from_dollars(10, 90, (20, 8))


def minutes_and_runs(queue: TaskQueue) -> tuple[int, int]:
    status = credit_status(queue, POLICY, slots=3)
    return status.minutes_left, status.tasks_executed


def test_a_full_window_is_shown_before_the_first_run(queue: TaskQueue) -> None:
    assert minutes_and_runs(queue) == (300, 0)


def test_the_first_run_opens_the_window_and_later_ones_are_counted(
    queue: TaskQueue, clock: StoppedClock
) -> None:
    for _ in range(2):
        with queue.database.write() as connection:
            credit_windows.count_run(connection, "claude", clock.now())
        clock.advance(minutes=65)
    assert minutes_and_runs(queue) == (170, 2)


def test_a_new_window_opens_when_the_old_one_is_over(queue: TaskQueue, clock: StoppedClock) -> None:
    for _ in range(2):
        with queue.database.write() as connection:
            credit_windows.count_run(connection, "claude", clock.now())
        clock.advance(hours=5)
    clock.advance(hours=-4)
    assert minutes_and_runs(queue) == (240, 1)


def test_the_provider_knows_better_when_its_window_ends(
    queue: TaskQueue, clock: StoppedClock
) -> None:
    with queue.database.write() as connection:
        credit_windows.count_run(connection, "claude", clock.now())
        resets_at = clock.now() + timedelta(minutes=235)
        credit_windows.correct_end(connection, "claude", resets_at, clock.now())
    assert minutes_and_runs(queue) == (235, 1)


def test_a_run_of_a_worker_whose_clock_is_behind_opens_no_second_window(
    queue: TaskQueue, clock: StoppedClock
) -> None:
    for seconds in (0, -0.2, 0.4):
        clock.advance(seconds=seconds)
        with queue.database.write() as connection:
            credit_windows.count_run(connection, "claude", clock.now())
    assert minutes_and_runs(queue)[1] == 3
    with queue.database.read() as session:
        assert session.scalar(select(func.count()).select_from(CreditWindow)) == 1
