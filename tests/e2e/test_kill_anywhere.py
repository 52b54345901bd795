"""Killed as by a power cut at every step of a run: nothing lost, nothing done or charged twice, and
the next start is back at work at once.
"""

import signal
from datetime import UTC, datetime

import pytest

from core.models import CostSource, RunOutcome, RunPhase, TaskStatus
from fixtures_daemon import Daemon, Home, OutsideModel, home, model, until

__all__ = ["home", "model"]

#: several starts of several programs; a busy machine takes its time
pytestmark = pytest.mark.timeout(180)

#: promised and measured are 2 s, on a machine that does nothing else and counts no coverage; to
#: wait for a lease to run out would take 60
BACK_AT_WORK_SECONDS = 20.0
TEXT = "Say hello [rehearse: write hello.txt hello]"


def back_at_work(daemon: Daemon, event: str) -> float:
    """Seconds from the start of the process to its first step on the task."""
    at = datetime.fromisoformat(daemon.until_logged(event)["timestamp"])
    return (at - datetime.fromtimestamp(daemon.begun_at, UTC)).total_seconds()


def killed_at(home: Home, point: str) -> Daemon:
    daemon = home.start(SLEEPLESS_FAILPOINT=point)
    assert daemon.exit_code() == -signal.SIGKILL, daemon.text
    return daemon


def killed_one_after_the_other(home: Home, points: list[str], first_step: str) -> list[float]:
    """Each start is back at work, and dies a little later than the one before; how soon each of
    them was, but for the first, in seconds.
    """
    killed_at(home, points[0])
    took = [back_at_work(killed_at(home, point), first_step) for point in points[1:]]
    daemon = home.start()
    took.append(back_at_work(daemon, first_step))
    (task,) = home.queue.list_tasks().tasks
    home.until_status(task.id, TaskStatus.COMPLETED)
    assert daemon.stop() == 0
    home.assert_sound()
    return took


@pytest.mark.parametrize(
    ("points", "first_step", "runs"),
    [
        (["run.claimed", "run.preparing", "run.worked"], "run.started", 4),
        (
            ["run.kept", "run.verifying", "run.landing", "run.landed", "run.settling"],
            "run.taken_up",
            1,
        ),
    ],
    ids=["before the work is kept", "from then on"],
)
def test_kills_lose_nothing_and_nothing_is_done_twice(
    home: Home, points: list[str], first_step: str, runs: int
) -> None:
    home.configure(
        verify={"command": "test -f hello.txt"}, scheduler={"max_crashes": len(points) + 1}
    )
    task_id = home.add(TEXT, "app")
    took = killed_one_after_the_other(home, points, first_step)
    home.measured("back_at_work_seconds", dict(zip(points, took, strict=True)))
    assert home.landed("project_app") == [str(task_id)]
    assert home.file("project_app", "hello.txt") == "hello"
    assert len(home.queue.runs_of(task_id)) == runs
    assert home.cost(task_id) > 0
    assert max(took) < BACK_AT_WORK_SECONDS


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
    assert home.branch_files("project_app", first.branch or "") == []
    killed.kill()
    assert until(lambda: not home.strays(), "the agent to follow its daemon", 2.0)
    daemon = home.start(**model.environ)
    took = back_at_work(daemon, "run.started")
    assert home.branch_files("project_app", first.branch or "") == ["hello.txt"], "kept"
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
