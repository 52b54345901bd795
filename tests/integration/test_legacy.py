import re
import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from conftest import StoppedClock
from core import legacy, migrations
from core.database import Database
from core.errors import DatabaseError
from core.migrate import migrate
from core.models import CostSource, Project, Task, UsageMetric
from core.task_queue import TaskQueue
from fixtures_legacy import (
    OLD_TASKS,
    OLD_USAGE,
    USAGE,
    write_before_projects,
    write_with_usage,
)
from fixtures_storage import Programs, definitions, programs, sql, sqlite3_program

__all__ = ["programs"]

SPEND_BY_PROJECT = """
SELECT project_id, SUM(CAST(total_cost_usd AS DECIMAL)) as total_cost
FROM usage_metrics
WHERE project_id IS NOT NULL
GROUP BY project_id;
"""
SPEND_BY_DAY = """
SELECT DATE(created_at) as date,
       SUM(CAST(total_cost_usd AS DECIMAL)) as daily_cost
FROM usage_metrics
GROUP BY DATE(created_at)
ORDER BY date DESC;
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sleepless_agent.db"


@pytest.fixture
def old(file: Path) -> Iterator[Database]:
    with Database(f"sqlite:///{file}") as database:
        yield database


def tasks(database: Database) -> dict[int, Task]:
    with database.read() as session:
        return {task.id: task for task in session.scalars(select(Task))}


def charges(database: Database) -> dict[int, UsageMetric]:
    with database.read() as session:
        return {charge.id: charge for charge in session.scalars(select(UsageMetric))}


@pytest.mark.parametrize("write", [write_before_projects, write_with_usage])
def test_every_task_keeps_its_number_and_its_words(
    old: Database, file: Path, write: Callable[[Path], None]
) -> None:
    write(file)

    migrate(old)

    found = tasks(old)
    assert [row[0] for row in OLD_TASKS] == sorted(found)
    assert [row[1] for row in OLD_TASKS if str(row[1]).strip()] == [
        task.description for task in found.values() if task.id != 9
    ]


def test_old_words_of_status_and_priority_mean_the_same_today(
    old: Database, file: Path, clock: StoppedClock
) -> None:
    write_with_usage(file)

    migrate(old, clock)

    assert {n: (task.priority, task.status) for n, task in tasks(old).items()} == {
        1: ("serious", "completed"),
        2: ("random", "pending"),
        3: ("serious", "failed"),
        7: ("random", "failed"),
        8: ("random", "cancelled"),
        9: ("random", "failed"),
        10: ("random", "failed"),
    }


def test_a_task_that_was_in_progress_is_failed_and_says_how_to_go_on(
    old: Database, file: Path, clock: StoppedClock
) -> None:
    write_with_usage(file)

    migrate(old, clock)

    task = tasks(old)[3]
    assert task.error_class == "crash"
    assert task.error_message == (
        "it was in progress when the database was taken over; `sleepless tasks retry 3` queues it"
        " again (before that: timeout)"
    )
    assert task.completed_at == clock.now()
    assert (task.attempt_count, task.result_id) == (2, 77)


def test_a_pending_task_without_words_is_not_started(old: Database, file: Path) -> None:
    write_with_usage(file)

    migrate(old)

    task = tasks(old)[9]
    assert (task.status, task.description) == ("failed", "(no description)")
    assert task.error_message == "it has no description, so there is nothing to do"


def test_the_first_pending_task_of_each_project_may_start_and_the_others_wait(
    old: Database, file: Path
) -> None:
    pending = "INSERT INTO tasks (id, description, priority, status, created_at, attempt_count,"
    pending += " project_id) VALUES (20, 'a', 'RANDOM', 'PENDING', '2025-10-24', 0, 'shop'),"
    pending += " (21, 'b', 'SERIOUS', 'PENDING', '2025-10-24', 0, 'Shop'),"
    pending += " (22, 'c', 'SERIOUS', 'PENDING', '2025-10-24', 0, 'shop')"
    write_with_usage(file, more=(pending,))

    migrate(old)

    found = tasks(old)
    assert {n: found[n].wait_reason for n in (2, 20, 21, 22)} == {
        2: None,
        20: "project_busy",
        21: None,
        22: "project_busy",
    }


def test_a_status_nobody_knows_is_told(old: Database, file: Path) -> None:
    write_with_usage(file)

    migrate(old)

    assert "its status was 'SHELVED'" in (tasks(old)[10].error_message or "")


def test_times_are_utc_and_missing_ones_are_the_time_of_the_upgrade(
    old: Database, file: Path, clock: StoppedClock
) -> None:
    write_with_usage(file)

    migrate(old, clock)

    found = tasks(old)
    assert found[2].created_at.isoformat() == "2025-10-21T09:30:00.123456+00:00"
    assert found[3].created_at.isoformat() == "2025-10-22T01:00:00+00:00"
    assert found[8].created_at.isoformat() == "2025-10-22T01:00:00+00:00"
    assert found[9].created_at == clock.now()
    assert sql(file, "SELECT DISTINCT length(created_at) FROM tasks") == [(26,)]
    assert sql(file, "SELECT DISTINCT length(created_at) FROM usage_metrics") == [(26,)]


def test_every_project_exists_under_its_slug_and_keeps_its_name(old: Database, file: Path) -> None:
    write_with_usage(file)

    migrate(old)

    with old.read() as session:
        names = {project.id: project.name for project in session.scalars(select(Project))}
    unreadable = next(slug for slug, name in names.items() if name == "!!!")
    assert unreadable.startswith("project-")
    assert names == {
        "my-app": "My App",
        "ri-ben-yu": "日本語",
        "x": "-x",
        unreadable: "!!!",
        "gone": "gone",
    }
    assert {n: task.project_id for n, task in tasks(old).items()} == {
        1: "my-app",
        2: "my-app",
        3: "ri-ben-yu",
        7: "x",
        8: unreadable,
        9: None,
        10: None,
    }


def test_costs_that_are_amounts_become_exact_and_others_keep_their_text(
    old: Database, file: Path
) -> None:
    write_with_usage(file)

    migrate(old)

    found = charges(old)
    assert sorted(found) == [row[0] for row in OLD_USAGE]
    assert {
        n: (charge.cost_nano, charge.total_cost_usd, charge.unread_cost)
        for n, charge in found.items()
    } == {
        1: (72_100_000, "0.072100000", None),
        2: (10_000, "0.000010000", None),
        3: (None, None, ""),
        4: (None, None, "abc"),
        5: (None, None, "NaN"),
        6: (None, None, "-1"),
        7: (None, None, None),
        12: (2_500_000_000, "2.500000000", None),
    }
    assert {charge.cost_source for charge in found.values()} == {CostSource.IMPORTED}
    assert (found[1].duration_ms, found[1].duration_api_ms, found[1].num_turns) == (1000, 900, 4)


def test_results_are_not_touched(old: Database, file: Path) -> None:
    write_with_usage(file)
    before = sql(file, "SELECT * FROM results"), definitions(file)["results"]

    migrate(old)

    assert before == (sql(file, "SELECT * FROM results"), definitions(file)["results"])


def test_both_old_queries_answer_right_in_the_sqlite3_program(old: Database, file: Path) -> None:
    write_with_usage(file)

    migrate(old)

    by_project = dict(line.split("|") for line in sqlite3_program(file, SPEND_BY_PROJECT))
    assert by_project.keys() == {"gone", "my-app", "ri-ben-yu"}
    assert Decimal(by_project["my-app"]).quantize(Decimal("1e-9")) == Decimal("0.072110000")
    assert Decimal(by_project["gone"]) == Decimal("2.5")
    by_day = dict(line.split("|") for line in sqlite3_program(file, SPEND_BY_DAY))
    assert list(by_day) == ["2025-10-23", "2025-10-22", "2025-10-20"]
    assert Decimal(by_day["2025-10-20"]).quantize(Decimal("1e-9")) == Decimal("0.072110000")
    assert Decimal(by_day["2025-10-23"]) == Decimal("2.5")


def test_a_new_task_never_gets_the_number_of_one_whose_costs_are_still_here(
    old: Database, file: Path, clock: StoppedClock
) -> None:
    write_with_usage(file)
    migrate(old)

    assert TaskQueue(old, clock).add_task("Next").id == 1000


def test_the_old_database_is_copied_first(old: Database, file: Path) -> None:
    write_with_usage(file)
    before = definitions(file)

    migrate(old)

    (copy,) = file.parent.glob("*.bak")
    assert definitions(copy) == before
    assert sql(copy, "SELECT count(*) FROM tasks") == [(len(OLD_TASKS),)]


def test_what_was_brought_over_whole_is_not_kept_twice(old: Database, file: Path) -> None:
    write_with_usage(file)

    migrate(old)

    assert [name for name in definitions(file) if name.startswith(legacy.PREFIX)] == []


def test_columns_and_tables_that_nobody_knows_are_kept(old: Database, file: Path) -> None:
    write_with_usage(
        file,
        more=(
            "ALTER TABLE tasks ADD COLUMN task_type VARCHAR(7)",
            "UPDATE tasks SET task_type = 'NEW'",
            "CREATE INDEX ix_tasks_status ON tasks (status)",
            "CREATE TABLE events (id INTEGER PRIMARY KEY, words TEXT)",
            "INSERT INTO events VALUES (1, 'theirs')",
            "CREATE TABLE generation_history (id INTEGER, task_id INTEGER REFERENCES tasks (id))",
            "INSERT INTO generation_history VALUES (1, 2)",
        ),
    )

    migrate(old)

    assert sql(file, "SELECT DISTINCT task_type FROM legacy_tasks") == [("NEW",)]
    assert sql(file, "SELECT words FROM legacy_events") == [("theirs",)]
    assert sql(file, "SELECT task_id FROM generation_history") == [(2,)]
    assert "REFERENCES tasks (id)" in " ".join(definitions(file)["generation_history"])
    assert len(tasks(old)) == len(OLD_TASKS)


def test_a_table_called_tasks_of_another_program_is_not_touched(old: Database, file: Path) -> None:
    sql(file, "CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT)")
    before = definitions(file)

    with pytest.raises(DatabaseError, match=r"tables of another program \(tasks\)"):
        migrate(old)

    assert definitions(file) == before


def test_a_row_that_does_not_come_over_stops_the_upgrade(old: Database, file: Path) -> None:
    """Nothing in this program loses one; here a row of the old table has no number to keep."""
    bare = USAGE.replace("id INTEGER NOT NULL PRIMARY KEY", "id INTEGER")
    write_before_projects(file)
    sql(
        file,
        bare,
        "INSERT INTO usage_metrics (id, task_id, created_at) VALUES (NULL, 1, '2025-10-20')",
    )
    before = definitions(file)

    with pytest.raises(DatabaseError, match="usage_metrics has 1 rows and only 0 came over"):
        migrate(old)

    assert definitions(file) == before


def test_a_kill_while_rows_come_over_leaves_the_old_database(
    old: Database, file: Path, programs: Programs
) -> None:
    write_with_usage(file)
    before = definitions(file)

    killed = programs.start(MIGRATE_AND_DIE_AT_USAGE, file)

    assert killed.exit_code() == -signal.SIGKILL
    assert definitions(file) == before
    migrate(old)
    assert sorted(tasks(old)) == [row[0] for row in OLD_TASKS]


def test_an_empty_old_database_is_taken_over(old: Database, file: Path) -> None:
    write_before_projects(file)
    sql(file, "DELETE FROM tasks", "DELETE FROM results")

    migrate(old)

    assert tasks(old) == {}


def test_the_tables_that_are_set_aside_are_those_of_the_first_schema() -> None:
    created = (Path(migrations.__file__).parent / "versions/0001_the_first_schema.py").read_text()

    assert set(re.findall(r'create_table\(\s*"(\w+)"', created)) == legacy.OURS


MIGRATE_AND_DIE_AT_USAGE = """
import os, signal, sys
from sqlalchemy import Engine, event
from core.database import Database
from core.migrate import migrate

@event.listens_for(Engine, "after_cursor_execute")
def die(connection, cursor, statement, *_):
    if statement.startswith("INSERT INTO usage_metrics"):
        os.kill(os.getpid(), signal.SIGKILL)

with Database(f"sqlite:///{sys.argv[1]}") as database:
    migrate(database)
"""
