"""Looking at tasks, and the honest answers to what may not be done to them."""

import json
from pathlib import Path

import pytest

from core.models import RunOutcome, TaskPriority, TaskStatus
from fixtures_cli import Shell, empty_shell, shell
from fixtures_heart import at, nano

__all__ = ["empty_shell", "shell"]

READING = [
    ["tasks"],
    ["tasks", "list", "--json"],
    ["tasks", "show", "1"],
    ["tasks", "why", "1"],
    ["tasks", "log", "1"],
    ["tasks", "cancel", "1"],
    ["tasks", "retry", "1"],
    ["tasks", "priority", "1", "random"],
    ["credits", "--json"],
    ["costs"],
    ["sql", "SELECT 1"],
]


@pytest.fixture
def three(shell: Shell) -> Shell:
    """One that runs, one behind it, one alone."""
    shell.world.add("first", TaskPriority.SERIOUS, "shop")
    shell.world.add("second", TaskPriority.SERIOUS, "shop")
    shell.world.add("third")
    shell.world.start()
    return shell


def write_log(shell: Shell, run_id: int, *entries: object, rest: str = "") -> Path:
    folder = shell.folder / "workspace" / ".sleepless" / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"run_{run_id}.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries) + rest)
    return path


ENTRIES: tuple[dict[str, object], ...] = (
    {"at": "2026-03-10T12:00:01+00:00", "kind": "started", "session_id": "s-1", "pid": 7},
    {"at": "2026-03-10T12:00:02+00:00", "kind": "tool", "name": "Bash", "target": "make \x1b[31m"},
    {"at": "2026-03-10T12:00:03+00:00", "kind": "said", "text": "Done.\nAll of it."},
    {
        "at": "2026-03-10T12:00:04+00:00",
        "kind": "call",
        "usage": {"model": "opus", "input_tokens": 10, "output_tokens": 2, "cost": 5},
        "spent": 72_102_000,
    },
    {
        "at": "2026-03-10T12:00:05+00:00",
        "kind": "limit",
        "status": "rejected",
        "resets_at": "2026-03-10 15:00:00+00:00",
    },
    {"at": "2026-03-10T12:00:06+00:00", "kind": "ended", "outcome": "completed"},
)


def test_a_list_has_the_newest_first_in_plain_columns(three: Shell) -> None:
    assert three.says("tasks") == (
        "ID  STATUS       WAITS FOR     PRIORITY  PROJECT  TASK\n"
        "3   pending                    random             third\n"
        "2   pending      project_busy  serious   shop     second\n"
        "1   in_progress                serious   shop     first\n"
    )


def test_a_terminal_gets_a_table_that_obeys_no_markup(three: Shell) -> None:
    three.world.add("[b]x[/b]\x1b[2J")
    said = three.says("tasks", terminal=True)
    assert "[b]x[/b]\\x1b[2J" in said


def test_options_without_list_list_as_well(three: Shell) -> None:
    assert [task["id"] for task in three.json("tasks", "--status", "pending")["tasks"]] == [3, 2]


def test_a_list_can_be_of_one_project_by_any_of_its_names(three: Shell) -> None:
    assert three.json("tasks", "list", "--project", "SHOP")["total"] == 2


def test_pages_go_on_below_an_id(three: Shell) -> None:
    first = three.run("tasks", "--limit", "2")
    assert first.stderr == "2 of 3; go on with --before 2\n"
    page = three.json("tasks", "--limit", "2", "--before", "2")
    assert ([task["id"] for task in page["tasks"]], page["next_before"]) == ([1], None)


def test_showing_a_task_tells_its_runs_and_what_it_cost(shell: Shell) -> None:
    shell.world.add("first of all", project="shop", max_cost=nano("2"))
    shell.world.finish(shell.world.start(), "0.25", RunOutcome.FAILED)
    said = shell.says("tasks", "show", "#1")
    assert "Task 1: failed\n" in said
    assert "Spent: $0.2500 of at most $2.0000\n" in said
    assert "\nfirst of all\n" in said
    assert "1    failed   2026-03-10 12:00 UTC" in said
    shown = shell.json("tasks", "show", "1")
    assert (shown["spent_usd"], shown["runs"][0]["outcome"]) == ("0.250000000", "failed")


def test_why_names_the_reason_and_the_earliest_start(shell: Shell) -> None:
    shell.configure("budget: {timezone: Europe/Berlin, night_start: '21:00', night_end: '09:00'}\n")
    shell.world.spend(at("09:00"), "1.00")
    shell.world.add()
    said = shell.says("tasks", "why", "2")
    assert said.endswith("Earliest start: 2026-03-10 20:00 UTC (21:00 Europe/Berlin)\n")
    assert shell.json("tasks", "why", "2")["reason"] == "budget"


def test_why_gives_no_time_where_there_is_no_wait(shell: Shell) -> None:
    shell.world.add()
    assert shell.says("tasks", "why", "1") == (
        "Nothing keeps it: it starts when the daemon looks.\n"
    )


def test_a_log_is_told_in_words(three: Shell) -> None:
    write_log(three, 1, *ENTRIES)
    assert three.says("tasks", "log", "1").splitlines() == [
        "Run 1 (open)",
        "12:00:01  started  session s-1",
        "12:00:02  Bash  make \\x1b[31m",
        "12:00:03  Done.",
        "          All of it.",
        "12:00:04  call     opus input 10, output 2, $0.072102 so far",
        "12:00:05  limit    rejected, resets 2026-03-10 15:00:00+00:00",
        "12:00:06  ended    outcome=completed",
    ]


def test_a_log_as_json_is_the_files_own_lines(three: Shell) -> None:
    path = write_log(three, 1, *ENTRIES)
    assert three.says("tasks", "log", "1", "--json") == path.read_text()


def test_half_a_line_and_a_line_that_is_no_object_are_left_out(three: Shell) -> None:
    write_log(three, 1, {"kind": "?"}, [1], rest='nonsense\n{"kind": "torn')
    assert three.says("tasks", "log", "1", "--json") == '{"kind": "?"}\n'


def test_following_a_run_that_is_over_ends(shell: Shell) -> None:
    shell.world.add()
    shell.world.finish(shell.world.start())
    write_log(shell, 1, ENTRIES[-1])
    assert "ended" in shell.says("tasks", "log", "1", "--follow")


def test_a_task_without_a_log_says_why(three: Shell) -> None:
    assert "it has not run yet" in three.refuses(3, "tasks", "log", "3")
    assert "there is nothing of run 1" in three.refuses(3, "tasks", "log", "1")


def test_cancelling_what_waits_is_done(three: Shell) -> None:
    assert three.says("tasks", "cancel", "3") == "Task 3 is cancelled.\n"
    assert three.world.queue.get_task(3).status is TaskStatus.CANCELLED


def test_cancelling_what_runs_says_that_it_is_being_stopped(three: Shell) -> None:
    assert three.says("tasks", "cancel", "1").startswith("Task 1 is being stopped;")
    assert three.world.queue.get_task(1).status is TaskStatus.IN_PROGRESS


def test_cancelling_what_is_completed_changes_nothing_and_says_so(shell: Shell) -> None:
    shell.world.spend(at("12:00"), "0.10")
    line = shell.refuses(4, "tasks", "cancel", "1")
    assert line == "Task 1 is completed: only what waits or runs can be cancelled."
    assert shell.world.queue.get_task(1).status is TaskStatus.COMPLETED


def test_a_cancelled_task_can_be_retried_with_a_new_cap(three: Shell) -> None:
    three.says("tasks", "cancel", "3")
    assert three.says("tasks", "retry", "3", "--max-cost", "2") == "Task 3 is queued again.\n"
    assert three.world.queue.get_task(3).max_cost_nano == nano("2")


def test_a_waiting_task_changes_its_place(three: Shell) -> None:
    assert three.says("tasks", "priority", "3", "serious") == "Task 3 is serious now.\n"
    assert three.world.queue.get_task(3).priority is TaskPriority.SERIOUS


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (["cancel", "99"], 3),
        (["retry", "99"], 3),
        (["show", "99"], 3),
        (["why", "99"], 3),
        (["log", "99"], 3),
        (["priority", "99", "random"], 3),
        (["show", "9" * 40], 3),
        (["show", "0"], 3),
        (["list", "--project", "nowhere"], 3),
        (["retry", "1"], 4),
        (["priority", "1", "random"], 4),
        (["show", "one"], 2),
        (["show", "1.5"], 2),
        (["show", "\u0661"], 2),
        (["show", "-1"], 2),
        (["show", ""], 2),
        (["show", "1;DROP TABLE tasks"], 2),
        (["show", "1", "2"], 2),
        (["show"], 2),
        (["shwo", "1"], 2),
        (["list", "--status", "lost"], 2),
        (["list", "--limit", "0"], 2),
        (["list", "--limit", "9" * 30], 2),
        (["list", "--project", "///"], 2),
        (["list", "--nope"], 2),
        (["retry", "1", "--max-cost", "x"], 2),
        (["priority", "1", "urgent"], 2),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_its_exit_code(
    three: Shell, typed: list[str], code: int
) -> None:
    assert three.refuses(code, "tasks", *typed)


@pytest.mark.parametrize("typed", READING, ids=" ".join)
def test_without_a_database_every_reading_command_says_so(
    empty_shell: Shell, typed: list[str]
) -> None:
    assert "there is none yet" in empty_shell.refuses(1, *typed)
    assert list(empty_shell.folder.iterdir()) == []


@pytest.mark.parametrize("typed", READING, ids=" ".join)
def test_an_older_database_is_not_read_but_the_upgrade_named(
    empty_shell: Shell, typed: list[str]
) -> None:
    (empty_shell.folder / "sleepless_agent.db").touch()
    assert "run `sleepless db upgrade`" in empty_shell.refuses(1, *typed)
