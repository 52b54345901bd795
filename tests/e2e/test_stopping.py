"""Told to stop, by systemd or by a person: at a turn, with everything kept, and soon."""

import signal
import time

import pytest

from core.models import RunOutcome, RunPhase, TaskStatus
from fixtures_daemon import Daemon, Home, OutsideModel, home, model, until

__all__ = ["home", "model"]

#: several starts of several programs; a busy machine takes its time
pytestmark = pytest.mark.timeout(180)

#: the tool waits until the test opens the gate, in the home that the agent has for itself
GATED = (
    "[rehearse: write a.txt A] [rehearse: bash until test -e ~/gate; do read -t 0.1 < /dev/zero;"
    " done; true] [rehearse: write b.txt B]"
)
STOPPED_WITHIN = 2.0


def at_the_gate(home: Home, task_id: int) -> None:
    until(lambda: '"tool"' in home.run_log(home.run(task_id)) and home.run(task_id).pid, "a tool")
    until(lambda: "until test" in home.run_log(home.run(task_id)), "the tool at the gate")


def open_the_gate(home: Home, name: str) -> None:
    (home.root / ".sleepless" / "sessions" / name / "home" / "gate").touch()


def working(home: Home, model: OutsideModel, text: str, project: str | None) -> tuple[Daemon, int]:
    """A daemon whose agent hangs in the middle of its second call."""
    home.configure(agent={"backend": "claude"})
    task_id = home.add(f"{text} [rehearse: write a.txt A] [rehearse: hang]", project)
    daemon = home.start(**model.environ)
    model.until_called(2, text)
    until(lambda: home.run(task_id).metered_nano >= model.sold() > 0, "the meter")
    return daemon, task_id


def test_the_first_sigterm_stops_at_a_turn_and_the_next_start_goes_on_in_the_session(
    home: Home,
) -> None:
    task_id = home.add(GATED, "app")
    daemon = home.start().until_ready()
    until(lambda: home.queue.runs_of(task_id) and home.run(task_id).pid, "the agent")
    at_the_gate(home, task_id)
    assert daemon.stop() == 0
    daemon.until_told("STOPPING=1")
    home.assert_sound()
    first, task = home.run(task_id), home.task(task_id)
    assert (first.outcome, task.status) == (RunOutcome.DRAINED, TaskStatus.PENDING)
    assert "a.txt" in home.branch_files("project_app", first.branch or "")
    assert home.landed("project_app") == []
    open_the_gate(home, "project_app")
    again = home.start()
    task = home.until_status(task_id, TaskStatus.COMPLETED)
    assert again.stop() == 0
    home.assert_sound()
    assert home.run(task_id).session_id == first.session_id
    assert (task.attempt_count, task.crash_count) == (1, 0)
    assert home.branch_files("project_app", "main") == ["a.txt", "b.txt"]


def test_a_second_sigterm_stops_at_once_and_leaves_no_process(
    home: Home, model: OutsideModel
) -> None:
    daemon, task_id = working(home, model, "Stand still", "app")
    daemon.signal(signal.SIGTERM)
    daemon.until_logged("daemon.draining")
    asked = time.monotonic()
    daemon.signal(signal.SIGTERM)
    code = daemon.exit_code()
    home.measured("second_sigterm_seconds", time.monotonic() - asked)
    # the agent may have come to its turn just before
    assert code in {0, 128 + signal.SIGTERM}
    assert until(lambda: not home.strays(), "processes to end", STOPPED_WITHIN)
    again = home.start().until_ready()
    assert again.stop() == 0
    home.assert_sound()
    assert home.cost(task_id) >= model.sold() > 0


def test_a_person_cancels_a_running_task_from_another_process(
    home: Home, model: OutsideModel
) -> None:
    daemon, task_id = working(home, model, "Never ends", "app")
    asked = time.monotonic()
    home.queue.cancel_task(task_id, by="a person")
    home.until_status(task_id, TaskStatus.CANCELLED)
    took = time.monotonic() - asked
    home.measured("cancel_seconds", took)
    assert took < STOPPED_WITHIN
    assert not home.strays()
    assert daemon.stop() == 0
    home.assert_sound()
    run = home.run(task_id)
    assert run.outcome is RunOutcome.CANCELLED
    assert home.cost(task_id) >= model.sold() > 0
    assert "a.txt" in home.branch_files("project_app", run.branch or "")
    assert home.landed("project_app") == []


@pytest.mark.parametrize(
    ("how", "outcome", "status"),
    [
        ("cancel", RunOutcome.CANCELLED, TaskStatus.CANCELLED),
        ("drain", RunOutcome.DRAINED, TaskStatus.PENDING),
    ],
)
def test_a_check_that_takes_long_is_stopped_as_well(
    home: Home, how: str, outcome: RunOutcome, status: TaskStatus
) -> None:
    home.configure(verify={"command": "touch ../checking; exec sleep 600"})
    task_id = home.add("[rehearse: write a.txt A]", "app")
    daemon = home.start()
    until((home.root / "checking").exists, "the check")
    asked = time.monotonic()
    if how == "cancel":
        home.queue.cancel_task(task_id)
    else:
        daemon.signal(signal.SIGTERM)
    home.until_status(task_id, status)
    home.measured("stopped_seconds", time.monotonic() - asked)
    assert time.monotonic() - asked < STOPPED_WITHIN
    assert daemon.stop() == 0 if how == "cancel" else daemon.exit_code() == 0
    home.assert_sound()
    assert home.run(task_id).outcome is outcome
    assert home.landed("project_app") == []


def test_a_task_cancelled_while_its_daemon_is_dead_ends_at_the_next_start(
    home: Home,
) -> None:
    task_id = home.add("[rehearse: write a.txt A]", "app")
    assert home.start(SLEEPLESS_FAILPOINT="run.worked").exit_code() == -signal.SIGKILL
    assert home.run(task_id).phase is RunPhase.WORKING
    home.queue.cancel_task(task_id)
    daemon = home.start().until_ready()
    assert home.task(task_id).status is TaskStatus.CANCELLED
    assert daemon.stop() == 0
    home.assert_sound()


def test_systemd_hears_that_the_daemon_is_ready_alive_and_stopping(home: Home) -> None:
    daemon = home.start(WATCHDOG_USEC="200000")
    daemon.until_told("READY=1")
    daemon.until_told("WATCHDOG=1")
    assert daemon.stop() == 0
    daemon.until_told("STOPPING=1")
    assert not (home.folder / "sleepless_agent.db.wake").exists()
