"""How a daemon comes up: alone, with what it has, saying what it lacks; and what it hears."""

from datetime import timedelta

import pytest

from core.models import TaskPriority, TaskStatus
from core.task_queue import Wishes
from fixtures_daemon import KEY, Home, home
from fixtures_legacy import write_with_usage

__all__ = ["home"]

#: several starts of several programs; a busy machine takes its time
pytestmark = pytest.mark.timeout(180)

#: promised: a task added by another process starts within this
START_SECONDS = 0.050


def test_a_second_daemon_on_the_same_database_or_workspace_is_told_whose_it_is(
    home: Home,
) -> None:
    first = home.start().until_ready()
    others = [home.start(), home.start(SLEEPLESS_DATABASE__URL="sqlite:///other.db")]
    assert [other.exit_code() for other in others] == [4, 4]
    for other in others:
        assert f"pid {first.pid}" in other.text
        assert "Traceback" not in other.text
    assert first.stop() == 0


def test_without_any_credentials_it_says_what_is_missing_and_takes_tasks_but_starts_none(
    home: Home,
) -> None:
    home.configure(agent={"backend": "claude"})
    daemon = home.start().until_ready()
    assert "ANTHROPIC_API_KEY" in daemon.until_logged("dispatch.off")["because"]
    assert daemon.lines("slack.off")
    assert "ANTHROPIC_API_KEY" in daemon.until_told("STATUS=")
    task_id = home.add("wait for a key", "app")
    assert daemon.stop() == 0
    assert home.task(task_id).status is TaskStatus.PENDING
    assert home.queue.runs_of(task_id) == []


def test_no_secret_reaches_an_agent_a_check_or_a_log(home: Home) -> None:
    home.configure(verify={"command": "env > ../checked; true"})
    task_id = home.add("[rehearse: bash env > env.txt; true]", "app")
    daemon = home.start(ANTHROPIC_API_KEY=KEY, SLACK_BOT_TOKEN="xoxb-1-2-abcdef")
    home.until_status(task_id, TaskStatus.COMPLETED)
    assert daemon.stop() == 0
    seen = home.file("project_app", "env.txt")
    assert "SLEEPLESS_RUN=" in seen
    places = [seen, (home.root / "checked").read_text(), daemon.text]
    places.append(home.run_log(home.run(task_id)))
    assert [place for place in places if KEY in place or "xoxb-" in place] == []


def test_one_id_leads_from_the_request_to_the_charge_and_one_line_tells_the_end(
    home: Home,
) -> None:
    task_id = home.add("[rehearse: write a.txt A]", "my-app")
    daemon = home.start()
    home.until_status(task_id, TaskStatus.COMPLETED)
    assert daemon.stop() == 0
    task, run, (charge,) = home.task(task_id), home.run(task_id), home.charges(task_id)
    (added,) = home.events("task.added")
    (settled,) = home.events("run.settled")
    (finished,) = daemon.lines("run.finished")
    ids = {row.correlation_id for row in (task, run, charge, added, settled)}
    assert ids == {finished["correlation_id"]}
    assert finished["cost"] == charge.total_cost_usd
    assert (finished["outcome"], finished["files"]) == ("completed", 1)
    assert finished["merge"] == home.git("project_my-app", "rev-parse", "main")
    assert daemon.lines("Using project workspace 'my-app'")


def test_a_task_of_another_process_starts_at_once_without_any_poll(home: Home) -> None:
    home.configure(scheduler={"safety_poll_seconds": 3600, "max_parallel_tasks": 1})
    daemon = home.start().until_ready()
    took = [_seconds_to_start(home, n) for n in range(3)]
    home.measured("start_milliseconds", [round(each * 1000, 1) for each in took])
    assert daemon.stop() == 0
    assert min(took) < START_SECONDS


def _seconds_to_start(home: Home, number: int) -> float:
    task_id = home.add(f"number {number} [rehearse: text Done]")
    task = home.until_status(task_id, TaskStatus.COMPLETED)
    return (home.run(task_id).started_at - task.created_at).total_seconds()


def test_a_task_whose_time_comes_starts_then_and_not_at_the_next_poll(home: Home) -> None:
    home.configure(scheduler={"safety_poll_seconds": 3600})
    daemon = home.start().until_ready()
    its_time = home.queue.clock.now() + timedelta(seconds=1)
    wishes = Wishes(not_before=its_time)
    task_id = home.queue.add_task("[rehearse: text Done]", wishes=wishes).id
    home.until_status(task_id, TaskStatus.COMPLETED)
    assert daemon.stop() == 0
    assert home.run(task_id).started_at >= its_time


def test_an_old_database_is_taken_over_and_its_tasks_go_on(home: Home) -> None:
    file = home.folder / "sleepless_agent.db"
    file.unlink()
    write_with_usage(file)
    daemon = home.start().until_ready()
    waiting = home.queue.list_tasks(TaskStatus.PENDING).tasks
    new = home.add("[rehearse: write new.txt new]", "my-app", TaskPriority.SERIOUS)
    home.until_status(new, TaskStatus.COMPLETED)
    for task in waiting:
        home.until_status(task.id, TaskStatus.COMPLETED)
    assert daemon.stop() == 0
    assert home.task(1).status is TaskStatus.COMPLETED
    assert home.landed("project_my-app")


def test_nonsense_in_the_configuration_is_refused_in_one_line(home: Home) -> None:
    home.configure(budget={"daily_budget_usd": "lots"})
    daemon = home.start()
    assert daemon.exit_code() == 2
    assert "daily_budget_usd" in daemon.text
    assert "Traceback" not in daemon.text
