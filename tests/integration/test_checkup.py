from pathlib import Path

import pytest

from core import migrations
from core.checkup import advise, check, filesystem_of, is_sound
from core.database import Database
from fixtures_postgres import postgres, postgres_server, postgres_url
from fixtures_storage import sql

__all__ = ["postgres", "postgres_server", "postgres_url"]

TASK = (
    "INSERT INTO tasks (id, description, priority, status, lease_owner, created_at, updated_at,"
    " attempt_count, crash_count, correlation_id, lease_epoch)"
    " VALUES (1, 'a', 'random', '{status}', {owner}, '2026-03-10', '2026-03-10', 0, 0, 'c', 0)"
)
RUN = (
    "INSERT INTO runs (id, task_id, number, lease_epoch, worker, phase, outcome, backend, model,"
    " metered_nano, num_turns, duration_ms, duration_api_ms, correlation_id, started_at, ended_at)"
    " VALUES (5, 1, 1, 1, 'w', 'working', {outcome}, 'claude', 'm', 0, 0, 0, 0, 'c', '2026-03-10',"
    " {ended})"
)
WINDOW = (
    "INSERT INTO budget_windows (id, label, starts_at, ends_at, limit_nano)"
    " VALUES (1, 'day', '2026-03-10', '2026-03-11', 0)"
)
HOLD = (
    "INSERT INTO holds (run_id, window_id, admitted_at, amount_nano, state)"
    " VALUES (5, 1, '2026-03-10', 1, 'held')"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sleepless_agent.db"


def test_nothing_is_wrong_with_a_new_database(database: Database) -> None:
    assert check(database) == []


def test_nothing_is_wrong_with_a_new_database_on_postgresql(postgres: Database) -> None:
    assert check(postgres) == []
    assert advise(postgres) == []


def test_a_task_in_progress_that_nothing_runs_is_found(database: Database, file: Path) -> None:
    sql(file, TASK.format(status="in_progress", owner="'w'"))

    assert check(database) == ["Tasks are in progress and nothing runs them: 1."]


def test_money_held_for_an_ended_run_is_found(database: Database, file: Path) -> None:
    ended = RUN.format(outcome="'failed'", ended="'2026-03-10'")
    sql(file, TASK.format(status="failed", owner="NULL"), ended, WINDOW, HOLD)

    assert check(database) == ["Money is still set aside for runs that have ended: 5."]


def test_an_open_run_of_a_task_that_is_done_is_found(database: Database, file: Path) -> None:
    open_run = RUN.format(outcome="NULL", ended="NULL")
    sql(file, TASK.format(status="completed", owner="NULL"), open_run)

    assert check(database) == ["Runs are open though their tasks are not in progress: 5."]


def test_a_row_that_points_nowhere_is_found(database: Database, file: Path) -> None:
    sql(file, "INSERT INTO task_dependencies VALUES (8, 9)")

    (problem,) = check(database)
    assert problem.startswith("2 rows point to nothing, the first is row 1 of task_dependencies")


def test_damage_is_found(database: Database, file: Path) -> None:
    sql(file, TASK.format(status="pending", owner="NULL"))
    sql(file, "PRAGMA writable_schema=ON", "DELETE FROM sqlite_master WHERE name='ix_tasks_claim'")

    assert any("It is damaged: " in problem for problem in check(database))


def test_another_schema_is_named_and_how_to_upgrade(database: Database, file: Path) -> None:
    sql(file, "UPDATE alembic_version SET version_num = '0000'")

    upgraded = f"`sleepless db upgrade` makes it {migrations.HEAD}."
    assert check(database) == [f"Its schema is 0000; {upgraded}"]


def test_a_file_that_is_not_there_is_a_problem_and_is_not_created(tmp_path: Path) -> None:
    with Database(f"sqlite:///{tmp_path}/none.db") as database:
        (problem,) = check(database)

    assert problem.startswith("There is no database ")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_a_problem(file: Path) -> None:
    file.write_text("Dear diary, " * 100)

    with Database(f"sqlite:///{file}") as database:
        (problem,) = check(database)

    assert "the file is no SQLite database" in problem


def test_a_long_write_ahead_log_is_told(database: Database, file: Path) -> None:
    with file.with_name(file.name + "-wal").open("ab") as log:
        log.truncate(200 * 2**20)

    assert any("has 200 MiB" in advice for advice in advise(database))


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 0), True),
    ],
)
def test_versions_of_sqlite_that_can_lose_data_are_known(
    version: tuple[int, ...], *, sound: bool
) -> None:
    assert is_sound(version) is sound


def test_the_filesystem_of_a_file_is_the_one_of_its_innermost_mount() -> None:
    assert filesystem_of(Path("/proc/self/status")) == "proc"
