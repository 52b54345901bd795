"""What is typed after `sleepless task` arrives to the letter, or is refused by name."""

import json

import pytest

from core.models import TaskPriority, TaskStatus, WaitReason
from core.ownership import Ownership
from fixtures_cli import Shell, empty_shell, shell
from fixtures_heart import at, nano

__all__ = ["empty_shell", "shell"]


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("Run mkdir -p build/out then compile", "Run mkdir -p build/out then compile"),
        ("docker run -p 8080:80", "docker run -p 8080:80"),
        ("explain tar -h and - alone", "explain tar -h and - alone"),
        ("-x comes first", "-x comes first"),
        ("add -- --verbose and --project=x", "add --verbose and --project=x"),
        ("-- --verbose -- twice", "--verbose -- twice"),
        ("fix --priority random it", "fix it"),
        ("--project shop fix it", "fix it"),
        ("fix it --project=shop", "fix it"),
        ("$HOME & 'quotes' \"here\"", "$HOME & 'quotes' \"here\""),
    ],
)
def test_words_are_kept_and_only_our_options_are_options(
    shell: Shell, typed: str, text: str
) -> None:
    shell.says("task", *typed.split(" "))
    assert shell.world.queue.get_task(1).description == text


def test_a_quoted_text_is_kept_with_its_spaces_and_lines(shell: Shell) -> None:
    text = "Do  this:\n  - step --one\n\tand 'that' ✓"
    shell.says("task", text)
    assert shell.world.queue.get_task(1).description == text


def test_a_dash_alone_reads_the_text_from_stdin(shell: Shell) -> None:
    shell.says("task", "-", "--project", "shop", stdin="From a file\nwith --options\n")
    assert shell.world.queue.get_task(1).description == "From a file\nwith --options"


def test_a_project_in_quotes_is_one_name(shell: Shell) -> None:
    shell.says("task", "fix", "--project=My App")
    task = shell.world.queue.get_task(1)
    assert (task.project_id, task.project_name) == ("my-app", "My App")


def test_two_names_of_one_slug_are_told_and_the_id_still_stands_alone(shell: Shell) -> None:
    shell.says("task", "fix", "--project", "My App")
    result = shell.run("task", "fix more", "--project", "my.app")
    assert result.stdout == "2\n"
    assert result.stderr == 'note: "my.app" is the project my-app, known as "My App"\n'


@pytest.mark.parametrize("name", ["my-app", "my app", "MY APP"])
def test_the_same_project_in_other_letters_is_no_news(shell: Shell, name: str) -> None:
    shell.says("task", "fix", "--project", "My App")
    assert shell.run("task", "fix", "--project", name).stderr == ""


def test_what_is_asked_for_is_stored(shell: Shell) -> None:
    shell.says("task", "first")
    words = "second --priority random --max-cost $1.50 --model opus --after 1 --not-before 20:00"
    shell.says("task", *words.split())
    task = shell.world.queue.get_task(2)
    assert task.priority is TaskPriority.RANDOM
    assert task.max_cost_nano == nano("1.50")
    assert task.model == "opus"
    assert task.not_before == at("20:00")
    assert task.wait_reason is WaitReason.DEPENDENCY


def test_a_task_is_serious_unless_told_otherwise(shell: Shell) -> None:
    shell.says("task", "fix")
    assert shell.world.queue.get_task(1).priority is TaskPriority.SERIOUS


def test_the_same_key_adds_nothing_and_prints_the_same_id(shell: Shell) -> None:
    assert [shell.says("task", "fix", "--key", "k") for _ in range(2)] == ["1\n", "1\n"]


def test_json_is_an_object_with_the_id(shell: Shell) -> None:
    added = shell.json("task", "fix", "--project", "Shop")
    assert added | {"id": 1, "status": "pending", "project_id": "shop"} == added


def test_a_missing_database_is_created(empty_shell: Shell) -> None:
    assert empty_shell.says("task", "fix") == "1\n"
    assert (empty_shell.folder / "sleepless_agent.db").is_file()


def test_on_a_terminal_it_says_that_no_daemon_runs(shell: Shell) -> None:
    assert shell.says("task", "fix", terminal=True) == (
        "Task 1 is queued.\nNo daemon is running here; `sleepless up` starts one.\n"
    )


def test_on_a_terminal_it_says_when_and_why(shell: Shell) -> None:
    shell.world.spend(at("09:00"), "1.00")
    with Ownership(shell.world.database, shell.folder / "workspace"):
        said = shell.says("task", "fix", terminal=True)
    assert said.splitlines() == [
        "Task 2 is queued.",
        (
            "It needs $0.50 and $0.00 is free: the daytime quota binds ($0.00 of $1.00 remaining in"
            " the daytime, $1.00 spent today, $0.00 held by running tasks)."
        ),
        "Earliest start: 2026-03-10 20:00 UTC",
    ]


def test_waiting_for_a_task_that_is_completed_ends_well(shell: Shell) -> None:
    shell.says("task", "fix", "--key", "k")
    shell.world.finish(shell.world.start(), "0.10")
    assert shell.says("task", "fix", "--key", "k", "--wait") == "1\n"


def test_waiting_for_a_task_that_was_cancelled_fails(shell: Shell) -> None:
    shell.says("task", "fix", "--key", "k")
    shell.says("tasks", "cancel", "1")
    result = shell.run("task", "fix", "--key", "k", "--wait", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["status"] == TaskStatus.CANCELLED


def test_a_time_that_is_over_is_told(shell: Shell) -> None:
    result = shell.run("task", "fix", "--not-before", "2026-03-09T20:00")
    assert result.stdout == "1\n"
    assert "2026-03-09 20:00 UTC is over" in result.stderr


def test_an_unknown_option_is_named_with_the_nearest_and_how_to_quote(shell: Shell) -> None:
    line = shell.refuses(2, "task", "fix", "--projct", "shop")
    assert line.startswith("There is no option --projct; did you mean --project?")
    assert 'put it behind --, as in: sleepless task -- "--projct …"' in line
    assert shell.world.queue.list_tasks().total == 0


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        (["fix", "-", "--nope=1"], 2, "no option --nope"),
        (["--verbose should be added"], 2, "no option --verbose"),
        (["fix", "--project", "a", "--project", "b"], 2, "--project is given twice"),
        (["fix", "--project"], 2, "--project needs a value"),
        (["fix", "--project", "--wait"], 2, "--project needs a value"),
        (["fix", "--wait=yes"], 2, "--wait takes no value"),
        (["fix", "--config", "x"], 2, "sleepless --config FILE task"),
        (["fix", "--project", "///"], 2, "nothing is left of it as a folder name"),
        (["fix", "--project", "x" * 65], 2, "64 is the most"),
        (["fix", "--priority", "urgent"], 2, "'random', 'serious'"),
        (["fix", "--max-cost", "lots"], 2, "give dollars"),
        (["fix", "--max-cost", "1e999999999"], 2, "give dollars"),
        (["fix", "--max-cost", "nan"], 2, "not finite"),
        (["fix", "--max-cost=-1"], 2, "negative"),
        (["fix", "--max-cost", "0"], 2, "cap is $0.00"),
        (["fix", "--model", "--"], 2, "--model needs a value"),
        (["fix", "--model", "-x"], 2, "not the name of a model"),
        (["fix", "--after", "9"], 2, "after task 9, which does not exist"),
        (["fix", "--after", "one"], 2, "not a task's id"),
        (["fix", "--after", "9" * 30], 3, "There is no task 9999"),
        (["fix", "--not-before", "soon"], 2, "'soon' is not a time"),
        (["fix", "--not-before", "+999999999999h"], 2, "is not a time"),
        (["fix", "--not-before", "0001-01-01T00:00+23:00"], 2, "is not a time"),
        ([""], 2, "it has no text"),
        (["  \n "], 2, "it has no text"),
        (["\x00"], 2, "it has no text"),
        ([], 2, "Missing argument"),
        (["x" * 50_001], 2, "50,000 is the most"),
        (["caf\udce9"], 2, "not UTF-8"),
    ],
)
def test_what_cannot_be_queued_is_refused_in_one_line(
    shell: Shell, typed: list[str], code: int, words: str
) -> None:
    assert words in shell.refuses(code, "task", *typed)
    assert shell.world.queue.list_tasks().total == 0


def test_bytes_on_stdin_that_are_no_text_are_refused(shell: Shell) -> None:
    assert "stdin is not UTF-8" in shell.refuses(2, "task", "-", stdin=b"\xff\xfe")


def test_help_is_shown_for_a_lone_h_and_anywhere_for_help(shell: Shell) -> None:
    assert shell.says("task", "-h").startswith("Usage: sleepless task")
    assert shell.says("task", "fix", "--help").startswith("Usage: sleepless task")
