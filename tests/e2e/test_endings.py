"""Every way a run can end, and what it means for the task, the branch and the bill."""

import psutil
import pytest

from core.models import Run, RunOutcome, TaskStatus, WaitReason
from fixtures_daemon import Home, OutsideModel, home, model, until

__all__ = ["home", "model"]

#: several starts of several programs; a busy machine takes its time
pytestmark = pytest.mark.timeout(180)


CHECKS = {
    "good": {"verify": "grep -q A a.txt && echo fine"},
    "bad": {"verify": "echo no such luck; exit 3"},
    "stuck": {
        "verify": "nohup sleep 600 & setsid sleep 600 & exec sleep 600",
        "verify_timeout_seconds": 1,
    },
}


def test_the_check_of_a_project_decides_and_nothing_of_it_stays(home: Home) -> None:
    home.configure(projects=CHECKS)
    good, bad, stuck = (home.add("[rehearse: write a.txt A]", name) for name in CHECKS)
    daemon = home.start()
    home.until_status(good, TaskStatus.COMPLETED)
    for task_id in (bad, stuck):
        home.until_status(task_id, TaskStatus.FAILED)
    assert daemon.stop() == 0
    home.assert_sound()
    assert_landed(home, home.run(good))
    assert_kept(home, home.run(bad), "says no (exit 3)")
    assert_kept(home, home.run(stuck), "no answer in 1 s")
    assert home.run(bad).verify_output == "no such luck\n"


def assert_landed(home: Home, run: Run) -> None:
    name = f"project_{run.project_id}"
    assert (run.verified, run.verify_output, run.files_changed) == (True, "fine\n", ["a.txt"])
    assert run.merge_sha == home.git(name, "rev-parse", "main")


def assert_kept(home: Home, run: Run, words: str) -> None:
    name = f"project_{run.project_id}"
    assert (run.outcome, run.verified) == (RunOutcome.REFUTED, False)
    assert words in (home.task(run.task_id).error_message or "")
    assert home.landed(name) == []
    assert home.branch_files(name, run.branch or "") == ["a.txt"]
    assert home.cost(run.task_id) > 0


def test_a_retry_after_a_refuted_run_hears_what_the_check_said(home: Home) -> None:
    home.configure(verify={"command": "test -f ../ok || { echo no such luck; exit 3; }"})
    task_id = home.add("[rehearse: write a.txt A]", "app")
    daemon = home.start()
    home.until_status(task_id, TaskStatus.FAILED)
    (home.root / "ok").touch()
    home.queue.retry_task(task_id)
    home.until_status(task_id, TaskStatus.COMPLETED)
    assert daemon.stop() == 0
    home.assert_sound()
    sessions = (home.root / ".sleepless" / "sessions" / "project_app").rglob("*.jsonl")
    assert any("no such luck" in session.read_text() for session in sessions)
    assert home.landed("project_app") == [str(task_id)]


def test_what_the_provider_refuses_waits_or_fails_by_its_kind(home: Home) -> None:
    home.configure(scheduler={"max_parallel_tasks": 3})
    limit = home.add("[rehearse: write a.txt A] [rehearse: 429 3600]")
    down = home.add("[rehearse: 529]")
    refused = home.add("[rehearse: 401]")
    daemon = home.start()
    for task_id, status in (
        (limit, TaskStatus.PENDING),
        (down, TaskStatus.PENDING),
        (refused, TaskStatus.FAILED),
    ):
        home.until_status(task_id, status, runs=1)
    assert daemon.stop() == 0
    home.assert_sound()
    # with a key of the API the program does not tell when the limit ends
    now, waiting = home.queue.clock.now(), home.task(limit)
    assert (waiting.wait_reason, waiting.attempt_count) == (WaitReason.LIMIT_REACHED, 0)
    assert waiting.wait_until
    assert (waiting.wait_until - now).total_seconds() > 60
    assert home.cost(limit) > 0
    again = home.task(down)
    assert (again.wait_reason, again.attempt_count) == (WaitReason.BACKEND_DOWN, 1)
    assert again.wait_until
    assert again.wait_until > now
    assert (home.task(refused).error_class, home.cost(refused)) == ("auth", 0)


def kill_the_agent(home: Home, model: OutsideModel, task_id: int, calls: int) -> None:
    """The program alone, as the kernel does it when memory runs out; not before it has passed on
    that its call is being answered, for that is all a meter can know of it.
    """
    model.until_called(calls, "dies")
    until(
        lambda: home.cost(task_id) + home.run(task_id).metered_nano >= model.sold() > 0,
        "the meter",
    )
    run = home.run(task_id)
    assert run.pid
    for program in psutil.Process(run.pid).children():
        program.kill()


def test_an_agent_that_dies_is_charged_and_tried_again_until_it_is_put_aside(
    home: Home, model: OutsideModel
) -> None:
    home.configure(agent={"backend": "claude"}, scheduler={"max_crashes": 2})
    task_id = home.add("It dies [rehearse: write a.txt A] [rehearse: hang]", "app")
    daemon = home.start(**model.environ)
    kill_the_agent(home, model, task_id, 2)
    until(lambda: len(home.queue.runs_of(task_id)) == 2 and home.run(task_id).pid, "a new try")
    kill_the_agent(home, model, task_id, 3)
    task = home.until_status(task_id, TaskStatus.FAILED)
    assert daemon.stop() == 0
    home.assert_sound()
    outcomes = [run.outcome for run in home.queue.runs_of(task_id)]
    assert outcomes == [RunOutcome.CRASHED, RunOutcome.CRASHED]
    assert (task.crash_count, task.error_class) == (2, "crashed")
    assert home.cost(task_id) >= model.sold() > 0
    branch = home.run(task_id).branch or ""
    assert home.branch_files("project_app", branch) == ["a.txt"]


def test_work_goes_on_from_where_main_is_by_then(home: Home) -> None:
    first = home.add("[rehearse: write a.txt A]", "app")
    second = home.add("[rehearse: write b.txt B]", "app")
    daemon = home.start()
    home.until_status(second, TaskStatus.COMPLETED)
    assert daemon.stop() == 0
    home.assert_sound()
    assert home.landed("project_app") == [str(second), str(first)]
    assert home.run(second).session_id == home.run(first).session_id
    costs = [home.cost(task_id) for task_id in (first, second)]
    assert all(cost > 0 for cost in costs)
    assert home.run(second).reported_total_nano == sum(costs)
