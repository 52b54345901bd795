import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from conftest import StoppedClock
from core.backup import backup
from core.database import Database
from core.errors import DatabaseError
from core.task_queue import TaskQueue
from fixtures_postgres import postgres_server, postgres_url
from fixtures_storage import definitions, sql

__all__ = ["postgres_server", "postgres_url"]

COUNT = "SELECT count(*) FROM tasks"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sleepless_agent.db"


def test_a_copy_has_everything_and_says_when_it_was_made(
    database: Database, queue: TaskQueue, file: Path, clock: StoppedClock
) -> None:
    queue.add_task("Fix it")

    copy = backup(database, clock=clock)

    assert copy == file.with_name("sleepless_agent.db.20260310T120000000000Z.bak")
    assert definitions(copy) == definitions(file)
    assert sql(copy, COUNT) == [(1,)]


def test_a_copy_is_made_while_somebody_writes_and_shows_what_was_committed(
    database: Database, queue: TaskQueue, file: Path, tmp_path: Path
) -> None:
    queue.add_task("Fix it")

    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM tasks")
        copy = backup(database, tmp_path / "copy.db")

    assert sql(copy, COUNT) == [(1,)]


def test_only_the_newest_copies_stay(database: Database, file: Path, clock: StoppedClock) -> None:
    upgrade = file.with_name(f"{file.name}.pre-0001-20200101T000000000000Z.bak")
    upgrade.touch()
    for _ in range(4):
        clock.advance(hours=1)
        newest = backup(database, keep=2, clock=clock)

    left = sorted(file.parent.glob(f"{file.name}.2*.bak"))
    assert [copy.name.split(".")[2] for copy in left] == [
        "20260310T150000000000Z",
        "20260310T160000000000Z",
    ]
    assert left[-1] == newest
    assert upgrade.exists()


def test_a_copy_to_a_place_of_ones_own_removes_no_other(
    database: Database, file: Path, tmp_path: Path, clock: StoppedClock
) -> None:
    first = backup(database, keep=1, clock=clock)

    backup(database, tmp_path / "mine.db", keep=1)

    assert first.exists()


def test_a_file_that_is_there_is_not_overwritten(database: Database, tmp_path: Path) -> None:
    precious = tmp_path / "precious.db"
    precious.write_text("mine")

    with pytest.raises(DatabaseError, match=r"precious\.db is there already"):
        backup(database, precious)

    assert precious.read_text() == "mine"


def test_a_copy_that_cannot_be_written_leaves_nothing(database: Database, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="no copy could be written"):
        backup(database, tmp_path / "nowhere" / "copy.db")

    assert list(tmp_path.rglob("*.part")) == []


def test_a_copy_is_for_its_owners_eyes_alone(database: Database) -> None:
    assert backup(database).stat().st_mode & 0o777 == 0o600


def test_a_database_that_does_not_exist_is_not_created_by_copying_it(tmp_path: Path) -> None:
    with (
        Database(f"sqlite:///{tmp_path}/none.db") as database,
        pytest.raises(DatabaseError, match="there is no such file yet"),
    ):
        backup(database)

    assert list(tmp_path.iterdir()) == []


def test_a_database_on_a_server_is_copied_with_its_own_program(postgres_url: str) -> None:
    with (
        Database(postgres_url) as database,
        pytest.raises(DatabaseError, match=r"pg_dump --format=custom --file=sleepless_test_"),
    ):
        backup(database)
