"""Two processes on one database: what neither may do to the other."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.database import Database
from core.errors import ConfigError, DatabaseError
from fixtures_postgres import postgres, postgres_server, postgres_url
from fixtures_storage import Programs, programs, sql

__all__ = ["postgres", "postgres_server", "postgres_url", "programs"]

ROUNDS = 60
SET = "UPDATE credit_windows SET tasks_executed = :n"
READ = "SELECT tasks_executed FROM credit_windows"

COUNT_UP = """
import sys
from core.database import Database
from sqlalchemy import text

with Database(sys.argv[1]) as database:
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(int(sys.argv[2])):
        with database.write() as connection:
            seen = connection.scalar(text("SELECT tasks_executed FROM credit_windows"))
            more = text("UPDATE credit_windows SET tasks_executed = :n")
            connection.execute(more, {"n": seen + 1})
"""

HOLD_THE_LOCK = """
import sys
from core.database import Database

with Database(sys.argv[1]) as database, database.write():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def counted(request: pytest.FixtureRequest) -> Database:
    """A migrated database of each kind with one row to count in."""
    kind = "database" if request.param == "sqlite" else "postgres"
    database: Database = request.getfixturevalue(kind)
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO credit_windows"
                " (id, backend, starts_at, ends_at, tasks_executed, reported)"
                " VALUES (1, 'claude', '2026-03-10 12:00', '2026-03-10 17:00', 0, false)"
            )
        )
    return database


def url_of(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


def count(database: Database) -> int:
    with database.read() as session:
        return int(session.scalar(text(READ)) or 0)


def count_up(database: Database) -> None:
    with database.write() as connection:
        seen = connection.scalar(text(READ))
        connection.execute(text(SET), {"n": (seen or 0) + 1})


def test_no_update_of_two_processes_is_lost(counted: Database, programs: Programs) -> None:
    both = [programs.start(COUNT_UP, url_of(counted), ROUNDS) for _ in range(2)]
    assert [program.says() for program in both] == ["ready", "ready"]
    for program in both:
        program.tell("go")

    assert [program.exit_code() for program in both] == [0, 0]
    assert count(counted) == 2 * ROUNDS


def test_no_update_of_two_threads_is_lost(counted: Database) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: count_up(counted), range(ROUNDS)))

    assert count(counted) == ROUNDS


def test_a_reader_does_not_wait_for_a_writer_and_sees_what_was_committed(
    counted: Database, programs: Programs
) -> None:
    writer = programs.start(HOLD_THE_LOCK, url_of(counted))
    assert writer.says() == "held"

    assert count(counted) == 0


def test_a_writer_does_not_wait_for_a_reader_whose_view_stands_still(counted: Database) -> None:
    """On PostgreSQL each statement has a view of its own; nobody waits there either."""
    with counted.read() as session:
        before = session.scalar(text(READ))
        count_up(counted)
        after = session.scalar(text(READ))

    assert before == 0
    assert after == (0 if counted.is_sqlite else 1)
    assert count(counted) == 1


def test_a_writer_waits_until_another_process_is_done(
    counted: Database, programs: Programs
) -> None:
    other = programs.start(HOLD_THE_LOCK, url_of(counted))
    assert other.says() == "held"
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(count_up, counted)
        other.let_go()
        waiting.result(timeout=30)

    assert count(counted) == 1


def test_a_writer_gives_up_when_the_lock_is_kept_for_too_long(
    database: Database, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.database.LOCK_PATIENCE", 0.02)
    other = programs.start(HOLD_THE_LOCK, url_of(database))
    assert other.says() == "held"

    with (
        pytest.raises(DatabaseError, match=r"sleepless_agent\.db cannot be used: another program"),
        database.write(),
    ):
        pass


def test_a_killed_writer_leaves_nothing_behind_and_no_lock(
    counted: Database, programs: Programs
) -> None:
    other = programs.start(HOLD_THE_LOCK, url_of(counted))
    assert other.says() == "held"

    other.kill()
    count_up(counted)

    assert count(counted) == 1


def test_what_was_written_before_an_error_is_gone(counted: Database) -> None:
    def fails_half_way() -> None:
        with counted.write() as connection:
            connection.execute(text(SET), {"n": 9})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails_half_way()

    assert count(counted) == 0


def test_a_reader_cannot_write(counted: Database) -> None:
    with (
        counted.read() as session,
        pytest.raises(DBAPIError, match=r"readonly|read-only"),
    ):
        session.execute(text(SET), {"n": 9})


def test_a_commit_survives_a_power_cut(database: Database, tmp_path: Path) -> None:
    with database.write() as connection:
        facts = [
            connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
        ]

    assert facts == ["wal", 2, 1, 0]
    assert sql(tmp_path / "sleepless_agent.db", "PRAGMA journal_mode") == [("wal",)]


@pytest.mark.parametrize("wrong", ["", "sleepless_agent.db", "sqlite:///:memory:", "sqlite://"])
def test_an_address_that_cannot_hold_a_database_is_refused_with_advice(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"database\.url .* sqlite:///FILE"):
        Database(wrong)
