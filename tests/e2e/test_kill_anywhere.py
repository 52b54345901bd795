"""Killed as by a power cut at every step of a run: nothing lost, nothing done or charged twice, and
the next start is back at work at once.
"""

import signal
from datetime import UTC, datetime

import pytest

from core.models import CostSource, RunOutcome, RunPhase, TaskStatus
from fixtures_daemon import Daemon, Home, OutsideModel, home, model, until

__all__ = ["home", "model"]

#: promised: 2 s; this machine may be doing other things, and coverage is counted
BACK_AT_WORK_SECONDS = 6.0
TEXT = "Say hello [rehearse: write hello.txt hello]"


def back_at_work(daemon: Daemon, event: str) -> float:
    """Seconds from the start of the process to its first step on the task."""
    at = datetime.fromisoformat(daemon.until_logged(event)["timestamp"])
    return (at - datetime.fromtimestamp(daemon.begun_at, UTC)).total_seconds()


@pytest.mark.parametrize(
    ("point", "first_step", "runs"),
    [
        ("run.claimed", "run.started", 2),
        ("run.preparing", "run.started", 2),
        ("run.worked", "run.started", 2),
        ("run.kept", "run.taken_up", 1),
        ("run.verifying", "run.taken_up", 1),
        ("run.landing", "run.taken_up", 1),
        ("run.landed", "run.taken_up", 1),
        ("run.settling", "run.taken_up", 1),
    ],
)
def test_a_kill_loses_nothing_and_does_nothing_twice(
    home: Home, point: str, first_step: str, runs: int
) -> None:
    home.configure(verify={"command": "test -f hello.txt"})
    task_id = home.add(TEXT, "app")
    assert home.start(SLEEPLESS_FAILPOINT=point).exit_code() == -signal.SIGKILL
    assert home.task(task_id).status is TaskStatus.IN_PROGRESS
    daemon = home.start()
    took = back_at_work(daemon, first_step)
    home.until_status(task_id, TaskStatus.COMPLETED)
    assert daemon.stop() == 0
    home.assert_sound()
    assert home.landed("project_app") == [str(task_id)]
    assert home.file("project_app", "hello.txt") == "hello"
    assert len(home.queue.runs_of(task_id)) == runs
    assert home.cost(task_id) > 0
    home.measured("back_at_work_seconds", took)
    assert took < BACK_AT_WORK_SECONDS


def test_a_kill_while_the_agent_works_charges_what_was_sold_and_goes_on_in_its_session(
    home: Home, model: OutsideModel
) -> None:
    home.configure(agent={"backend": "claude"})
    task_id = home.add(f"{TEXT} [rehearse: hang x1]", "app")
    killed = home.start(**model.environ)
    model.until_called(2, "Say hello")
    # the call that hangs is answered in part: it is paid, and the meter knows
    until(lambda: home.run(task_id).metered_nano >= model.sold() > 0, "the meter")
    first = home.run(task_id)
    assert first.phase is RunPhase.WORKING
    killed.kill()
    assert until(lambda: not home.strays(), "the agent to follow its daemon", 2.0)
    daemon = home.start(**model.environ)
    took = back_at_work(daemon, "run.started")
    home.until_status(task_id, TaskStatus.COMPLETED)
    assert daemon.stop() == 0
    home.assert_sound()
    runs = home.queue.runs_of(task_id)
    assert [run.outcome for run in runs] == [RunOutcome.CRASHED, RunOutcome.COMPLETED]
    assert runs[0].session_id == runs[1].session_id
    charged = [charge.cost_nano or 0 for charge in home.charges(task_id)]
    assert home.charges(task_id)[0].cost_source is CostSource.METERED
    assert charged[0] >= first.metered_nano > 0
    assert sum(charged) >= model.sold(), "nothing uncharged"
    home.measured("back_at_work_seconds", took)
    home.measured("charged_sold_nano", (charged, model.sold(), runs[1].reported_total_nano))
    assert home.landed("project_app") == [str(task_id)]
    assert home.task(task_id).crash_count == 1
    assert took < BACK_AT_WORK_SECONDS


def test_what_an_agent_left_unfinished_is_kept_on_the_branch(
    home: Home, model: OutsideModel
) -> None:
    home.configure(agent={"backend": "claude"})
    task_id = home.add("[rehearse: write half.txt half] [rehearse: hang]", "app")
    killed = home.start(**model.environ)
    model.until_called(2, "half.txt")
    killed.kill()
    daemon = home.start(**model.environ)
    daemon.until_ready()
    branch = home.queue.runs_of(task_id)[0].branch or ""
    assert "half.txt" in home.branch_files("project_app", branch)
    assert "half.txt" not in home.branch_files("project_app", "main")
    assert daemon.stop() == 0
    home.assert_sound()
