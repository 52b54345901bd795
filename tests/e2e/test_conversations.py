"""What the next task of a project knows of the ones before it."""

import pytest

from core.models import TaskStatus
from fixtures_daemon import Home, OutsideModel, home, model

__all__ = ["home", "model"]

#: several starts of several programs; a busy machine takes its time
pytestmark = pytest.mark.timeout(180)

FIRST = "Plant a tree [rehearse: write tree.txt oak]"
SECOND = "Water it [rehearse: write water.txt yes]"


def brief(home: Home) -> str:
    return (home.root / ".sleepless" / "sessions" / "project_app" / "brief.md").read_text()


def forget_the_transcripts(home: Home) -> None:
    for transcript in (home.root / ".sleepless" / "sessions").rglob("projects/**/*.jsonl"):
        transcript.unlink()


def test_with_digests_a_new_session_is_told_what_the_last_tasks_did(home: Home) -> None:
    home.configure(agent={"backend": "rehearsal", "resume": "digest"})
    first, second = home.add(FIRST, "app"), home.add(SECOND, "app")
    daemon = home.start()
    home.until_status(second, TaskStatus.COMPLETED)
    assert daemon.stop() == 0
    home.assert_sound()
    assert home.run(first).session_id != home.run(second).session_id
    assert "Plant a tree" in brief(home)
    assert "tree.txt" in brief(home)


def test_a_session_that_is_gone_is_replaced_by_a_digest(home: Home) -> None:
    first = home.add(FIRST, "app")
    daemon = home.start()
    home.until_status(first, TaskStatus.COMPLETED)
    forget_the_transcripts(home)
    second = home.add(SECOND, "app")
    home.until_status(second, TaskStatus.COMPLETED)
    assert daemon.stop() == 0
    home.assert_sound()
    assert daemon.lines("session.lost")
    assert home.run(first).session_id != home.run(second).session_id
    assert "Plant a tree" in brief(home)
    assert home.landed("project_app") == [str(second), str(first)]


def test_three_projects_are_worked_on_at_once_and_one_project_once(
    home: Home, model: OutsideModel
) -> None:
    home.configure(agent={"backend": "claude"}, scheduler={"max_parallel_tasks": 3})
    hang = "[rehearse: write a.txt A] [rehearse: hang x1]"
    heads = [home.add(f"Task of {name} {hang}", name) for name in ("one", "two", "three")]
    next_of_one = home.add(f"Next of one {hang.replace('a.txt', 'b.txt')}", "one")
    fourth = home.add(f"Task of four {hang}", "four")
    daemon = home.start(**model.environ)
    for name in ("one", "two", "three"):
        model.until_called(2, f"Task of {name}")
    running = home.queue.list_tasks(TaskStatus.IN_PROGRESS).tasks
    assert sorted(task.id for task in running) == sorted(heads)
    assert home.task(next_of_one).status is TaskStatus.PENDING
    model.release()
    for task_id, text in ((next_of_one, "Next of one"), (fourth, "Task of four")):
        model.until_called(2, text)
        assert home.task(task_id).status is TaskStatus.IN_PROGRESS
    assert home.task(heads[0]).status is TaskStatus.COMPLETED
    model.release()
    for task_id in (*heads, next_of_one, fourth):
        home.until_status(task_id, TaskStatus.COMPLETED)
    assert daemon.stop() == 0
    home.assert_sound()
    assert sum(home.cost(task.id) for task in home.queue.list_tasks().tasks) == model.sold()
    assert home.landed("project_one") == [str(next_of_one), str(heads[0])]
