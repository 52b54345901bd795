import pytest

from core.models import RunOutcome, Task
from execution.brief import Earlier, LastRun, brief, request

TASK = Task(id=7, description="Paint it {blue}\nand dry it")
OAK = Earlier("Plant a tree", RunOutcome.COMPLETED, "An  oak\nit is.", ("tree.txt",))


def test_the_house_rules_come_first_and_alone_where_there_is_no_project() -> None:
    assert brief(None, ()).startswith("You work for Sleepless, unattended")
    assert "project" not in brief(None, ()).partition("Rules")[0]


def test_a_project_and_its_last_tasks_are_told_as_material() -> None:
    text = brief("My {App}", [OAK])
    assert 'the project "My {App}"' in text
    assert "- Plant a tree\n  completed; changed tree.txt\n  An oak it is." in text


def test_long_last_words_and_many_files_are_cut() -> None:
    many = Earlier("Much", RunOutcome.FAILED, "x" * 5000, [f"{n}.py" for n in range(50)])
    assert len(str(many)) < 800
    assert "9.py" in str(many)
    assert "10.py" not in str(many)


def test_nothing_changed_is_said_so() -> None:
    assert "changed no files" in str(Earlier("Idle", RunOutcome.FAILED, "", ()))


@pytest.mark.parametrize("last", [None, LastRun(RunOutcome.COMPLETED), LastRun(RunOutcome.FAILED)])
def test_a_first_try_gets_the_task_as_it_was_written(last: LastRun | None) -> None:
    assert request(TASK, last) == TASK.description


@pytest.mark.parametrize(
    "outcome",
    [
        RunOutcome.DRAINED,
        RunOutcome.CRASHED,
        RunOutcome.OUT_OF_BUDGET,
        RunOutcome.LIMITED,
        RunOutcome.TRANSIENT,
        RunOutcome.CAPPED,
        RunOutcome.TIMED_OUT,
        RunOutcome.CANCELLED,
    ],
)
def test_after_an_interruption_the_agent_is_told_to_go_on(outcome: RunOutcome) -> None:
    text = request(TASK, LastRun(outcome))
    assert text.startswith("You were interrupted (")
    assert TASK.description in text


def test_after_a_refusal_the_agent_hears_the_end_of_what_the_check_said() -> None:
    text = request(TASK, LastRun(RunOutcome.REFUTED, "`make` says no.", "x" * 9000 + "{end}"))
    assert "`make` says no." in text
    assert "{end}" in text
    assert len(text) < 5000
    assert TASK.description in text


def test_a_check_that_said_nothing_is_no_gap() -> None:
    assert "(nothing)" in request(TASK, LastRun(RunOutcome.REFUTED, "no", " \n"))


def test_what_was_said_since_stands_behind_the_task_oldest_first() -> None:
    text = request(TASK, None, ["Use pytest {not unittest}.", "And no new dependency."])
    assert text.startswith(TASK.description)
    assert text.index("Use pytest {not unittest}.") < text.index("And no new dependency.")
