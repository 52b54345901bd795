"""Costs, queries, and the care of the database."""

import sqlite3

import pytest

from core.charges import ModelUsage
from core.money import Nano
from fixtures_cli import Shell, empty_shell, shell
from fixtures_heart import at

__all__ = ["empty_shell", "shell"]


@pytest.fixture
def spent(shell: Shell) -> Shell:
    """Two real charges on two days and a rehearsed one."""
    world = shell.world
    for moment, project, cost, more in (
        (at("09:00"), "shop", "0.25", {}),
        (at("21:00"), None, "0.072102", {"models": (ModelUsage("opus", Nano(70_000_000)),)}),
        (at("09:00", day=1), "shop", "0.10", {"rehearsal": True}),
    ):
        world.clock.set(moment)
        world.add(project=project, requested_by="ann")
        world.finish(world.start(), cost, **more)
    return shell


def test_costs_stand_by_project_with_a_total_and_the_rehearsed_apart(spent: Shell) -> None:
    assert spent.says("costs") == (
        "PROJECT       COST       CHARGES  TASKS\n"
        "shop          $0.2500    1        1\n"
        "(no project)  $0.072102  1        1\n"
        "shop          $0.1000    1        1      REHEARSAL\n"
        "Total: $0.322102\n"
        "REHEARSAL: $0.1000 more, never paid\n"
    )


def test_costs_stand_by_model_and_still_sum_up(spent: Shell) -> None:
    found = spent.json("costs", "--by", "model")
    costs = {row["model"]: row["cost_usd"] for row in found["rows"] if not row["rehearsal"]}
    assert costs == {"opus": "0.070000000", "sonnet": "0.252102000"}
    assert found["total_usd"] == "0.322102000"


def test_costs_stand_by_day_the_newest_first(spent: Shell) -> None:
    rows = spent.json("costs", "--by", "day")["rows"]
    assert [row["day"] for row in rows] == ["2026-03-11", "2026-03-10"]


def test_costs_stand_by_user(spent: Shell) -> None:
    assert {row["user"] for row in spent.json("costs", "--by", "user")["rows"]} == {"ann"}


def test_costs_of_one_project_leave_the_others_out(spent: Shell) -> None:
    assert spent.json("costs", "--project", "Shop")["total_usd"] == "0.250000000"
    assert "no project" in spent.refuses(3, "costs", "--project", "nope")


def test_charges_without_a_readable_cost_are_told(spent: Shell) -> None:
    with sqlite3.connect(spent.folder / "sleepless_agent.db") as connection:
        connection.execute("UPDATE usage_metrics SET cost_nano = NULL, total_cost_usd = NULL")
    connection.close()
    assert "3 charges have no readable cost" in spent.run("costs").stderr


def test_a_query_answers_in_aligned_columns(spent: Shell) -> None:
    assert spent.says("sql", "SELECT id, project_id FROM tasks ORDER BY id LIMIT 2") == (
        "ID  PROJECT_ID\n1   shop\n2   NULL\n"
    )


def test_a_query_answers_in_a_table_on_a_terminal(spent: Shell) -> None:
    assert "project_id" in spent.says("sql", "SELECT project_id FROM tasks", terminal=True)


def test_a_query_answers_in_json_with_every_column_named_once(spent: Shell) -> None:
    rows = spent.json("sql", "SELECT id, id, x'ff' AS raw, NULL AS none FROM tasks LIMIT 1")
    assert rows == [{"id": 1, "id_2": 1, "raw": "ff", "none": None}]


def test_a_query_answers_in_csv(spent: Shell) -> None:
    said = spent.says("sql", "--csv", "SELECT 'a,b' AS x, NULL AS y")
    assert said == 'x,y\n"a,b",\n'


def test_a_table_is_cut_and_says_so_and_json_is_whole(shell: Shell) -> None:
    many = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001)"
        " SELECT i FROM n"
    )
    result = shell.run("sql", many)
    assert len(result.stdout.splitlines()) == 1001
    assert "only the first 1000 rows" in result.stderr
    assert len(shell.json("sql", many)) == 1001
    assert shell.says("sql", many, "--csv", "--limit", "1") == "i\n1\n"


def files(shell: Shell) -> set[str]:
    return {path.name for path in shell.folder.iterdir()}


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM tasks", 4),
        ("UPDATE usage_metrics SET cost_nano = 0", 4),
        ("INSERT INTO projects VALUES (1) RETURNING id", 4),
        ("DROP TABLE tasks", 4),
        ("PRAGMA query_only = OFF", 4),
        ("PRAGMA journal_mode = DELETE", 4),
        ("ATTACH 'other.db' AS other", 4),
        ("VACUUM INTO 'copy.db'", 4),
        ("BEGIN IMMEDIATE", 4),
        ("SELECT load_extension('x')", 4),
        ("SELECT 1; DELETE FROM tasks", 1),
        ("SELECT nonsense", 1),
        ("SELEC 1", 1),
        ("SELECT '\x00'", 1),
        ("", 1),
        ("   ", 1),
    ],
)
def test_a_query_that_would_change_or_cannot_run_is_refused(
    spent: Shell, statement: str, code: int
) -> None:
    before = files(spent)
    assert spent.refuses(code, "sql", statement)
    assert files(spent) - before <= {
        "sleepless_agent.db-wal",
        "sleepless_agent.db-shm",
    }
    assert spent.world.queue.list_tasks().total == 3


def test_two_forms_at_once_are_refused(shell: Shell) -> None:
    assert "exclude each other" in shell.refuses(2, "sql", "SELECT 1", "--json", "--csv")


def test_the_schema_can_be_looked_at(shell: Shell) -> None:
    assert shell.json("sql", "PRAGMA table_info(task_dependencies)")[0]["name"] == "task_id"


def test_an_upgrade_creates_the_database_and_may_be_repeated(empty_shell: Shell) -> None:
    for _ in range(2):
        assert "has schema" in empty_shell.says("db", "upgrade")
    assert (empty_shell.folder / "sleepless_agent.db").is_file()


def test_a_backup_prints_where_it_is_and_overwrites_nothing(spent: Shell) -> None:
    copy = spent.says("db", "backup").strip()
    assert (spent.folder / copy).is_file()
    assert spent.says("db", "backup", "mine.bak") == "mine.bak\n"
    assert "is there already" in spent.refuses(1, "db", "backup", "mine.bak")
    assert spent.refuses(1, "db", "backup", "no/such/folder/x.bak")


def test_a_sound_database_has_no_problems(spent: Shell) -> None:
    assert spent.says("db", "check").startswith("No problem was found in sleepless_agent.db.")
    assert spent.json("db", "check")["problems"] == []


def test_a_contradiction_is_told_with_exit_code_1(shell: Shell) -> None:
    shell.world.add()
    shell.world.start()
    with sqlite3.connect(shell.folder / "sleepless_agent.db") as connection:
        connection.execute("UPDATE tasks SET status = 'pending', lease_owner = NULL")
    connection.close()
    result = shell.run("db", "check")
    assert result.exit_code == 1
    assert "Runs are open though their tasks are not in progress: 1." in result.stdout


def test_a_file_that_is_no_database_is_told(empty_shell: Shell) -> None:
    (empty_shell.folder / "sleepless_agent.db").write_text("certainly no database " * 100)
    for typed in (["db", "upgrade"], ["task", "x"], ["credits"], ["sql", "SELECT 1"]):
        assert "is no SQLite database" in empty_shell.refuses(1, *typed)
