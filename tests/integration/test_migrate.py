import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from conftest import StoppedClock
from core import migrations
from core.database import Database
from core.errors import DatabaseError
from core.migrate import migrate, revision
from core.models import Base
from fixtures_postgres import postgres, postgres_server, postgres_url
from fixtures_storage import Programs, definitions, programs, sql

__all__ = ["postgres", "postgres_server", "postgres_url", "programs"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sleepless_agent.db"


@pytest.fixture
def empty(file: Path) -> Iterator[Database]:
    with Database(f"sqlite:///{file}") as database:
        yield database


def differences(database: Database) -> list[object]:
    with database.read() as session:
        context = MigrationContext.configure(
            session.connection(),
            opts={"compare_type": True, "compare_server_default": True},
        )
        return list(compare_metadata(context, Base.metadata))


def test_a_new_file_gets_exactly_the_tables_of_the_models(empty: Database, file: Path) -> None:
    migrate(empty)

    wanted = file.with_name("wanted.db")
    engine = create_engine(f"sqlite:///{wanted}")
    Base.metadata.create_all(engine)
    engine.dispose()
    assert definitions(file) == definitions(wanted)


# expressions in an index cannot be read back; the comparison of definitions above sees them
@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_alembic_sees_no_difference_to_the_models_on_sqlite(database: Database) -> None:
    assert differences(database) == []


def test_alembic_sees_no_difference_to_the_models_on_postgresql(postgres: Database) -> None:
    assert differences(postgres) == []


def test_postgresql_gets_exactly_the_rules_and_indexes_of_the_models(
    postgres: Database, postgres_server: object, postgres_url: str
) -> None:
    migrated = rules(postgres)
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
        Base.metadata.create_all(connection)
    engine.dispose()

    assert migrated == rules(postgres)


def rules(database: Database) -> set[tuple[str, str]]:
    query = (
        "SELECT conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(oid)"
        "  FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
        " UNION ALL SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    )
    with database.read() as session:
        found = {(table, rule) for table, rule in session.execute(text(query))}
    return {pair for pair in found if pair[0] != "alembic_version"}


def test_the_newest_step_is_the_one_the_program_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")

    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_a_current_database_is_left_alone_even_while_another_program_writes(
    database: Database, file: Path
) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        migrate(database)
        writer.execute("ROLLBACK")

    assert list(file.parent.glob("*.bak")) == []
    assert revision(database) == migrations.HEAD


def test_a_new_file_leaves_no_copy_behind(empty: Database, file: Path) -> None:
    migrate(empty)

    assert list(file.parent.glob("*.bak*")) == []


def test_a_file_with_tables_is_copied_before_it_is_changed(
    empty: Database, file: Path, clock: StoppedClock
) -> None:
    sql(file, "CREATE TABLE notes (words TEXT)", "INSERT INTO notes VALUES ('precious')")

    migrate(empty, clock)

    (copy,) = file.parent.glob("*.bak")
    assert copy.name == f"sleepless_agent.db.pre-{migrations.HEAD}-20260310T120000000000Z.bak"
    assert definitions(copy).keys() == {"notes"}
    assert sql(copy, "SELECT words FROM notes") == [("precious",)]
    assert sql(file, "SELECT words FROM notes") == [("precious",)]


def test_a_newer_database_is_refused_with_both_revisions(database: Database, file: Path) -> None:
    sql(file, "UPDATE alembic_version SET version_num = '0042'")

    with pytest.raises(
        DatabaseError, match=f"revision 0042, and this program knows up to {migrations.HEAD}"
    ):
        migrate(database)

    assert list(file.parent.glob("*.bak")) == []


def test_a_file_that_is_no_database_is_refused_and_not_touched(empty: Database, file: Path) -> None:
    file.write_text("Dear diary, " * 100)

    with pytest.raises(DatabaseError, match="the file is no SQLite database"):
        migrate(empty)

    assert file.read_text() == "Dear diary, " * 100


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with (
        Database(f"sqlite:///{tmp_path}/nowhere/a.db") as database,
        pytest.raises(DatabaseError, match=r"the folder .*/nowhere does not exist"),
    ):
        migrate(database)


def test_a_damaged_database_is_not_upgraded(empty: Database, file: Path) -> None:
    sql(file, "CREATE TABLE notes (words TEXT UNIQUE)", "INSERT INTO notes VALUES ('a'), ('b')")
    sql(
        file,
        "PRAGMA writable_schema=ON",
        "UPDATE sqlite_master SET sql = 'CREATE TABLE notes (words TEXT UNIQUE NOT NULL)'"
        " WHERE type = 'table'",
        "INSERT INTO notes VALUES (NULL)",
    )

    with pytest.raises(DatabaseError, match=r"damaged \(NULL value in notes\.words\)"):
        migrate(empty)

    assert definitions(file).keys() == {"notes"}


def test_references_that_dangled_before_do_not_stop_an_upgrade(empty: Database, file: Path) -> None:
    sql(
        file,
        "CREATE TABLE parents (id INTEGER PRIMARY KEY)",
        "CREATE TABLE children (parent INTEGER REFERENCES parents)",
        "INSERT INTO children VALUES (1)",
    )

    migrate(empty)

    assert sql(file, "SELECT parent FROM children") == [(1,)]


def test_two_daemons_that_start_at_once_upgrade_once(file: Path, programs: Programs) -> None:
    sql(file, "CREATE TABLE notes (words TEXT)")

    both = [programs.start(MIGRATE, file) for _ in range(2)]

    assert [program.exit_code() for program in both] == [0, 0]
    assert len(list(file.parent.glob("*.bak"))) == 1


@pytest.mark.parametrize("table", ["projects", "runs", "credit_windows"])
def test_a_kill_in_the_middle_leaves_the_old_database(
    file: Path, table: str, programs: Programs
) -> None:
    sql(file, "CREATE TABLE notes (words TEXT)", "INSERT INTO notes VALUES ('precious')")

    killed = programs.start(MIGRATE_AND_DIE, file, table)

    assert killed.exit_code() == -signal.SIGKILL
    assert definitions(file).keys() == {"notes"}
    assert sql(file, "SELECT words FROM notes") == [("precious",)]
    with Database(f"sqlite:///{file}") as database:
        migrate(database)
    assert "tasks" in definitions(file)


def test_an_upgrade_waits_for_a_lock_that_is_given_up_in_time(
    empty: Database, file: Path, programs: Programs
) -> None:
    sql(file, "CREATE TABLE notes (words TEXT)")
    held = programs.start(HOLD_UNTIL_STDIN_ENDS, file)
    assert held.says() == "held"
    upgrade = programs.start(MIGRATE, file)
    assert upgrade.says() == "starts"
    held.let_go()

    assert (held.exit_code(), upgrade.exit_code()) == (0, 0)
    assert revision(empty) == migrations.HEAD


def test_postgresql_is_upgraded_once_and_then_left_alone(postgres_url: str) -> None:
    with Database(postgres_url) as database:
        assert revision(database) is None
        migrate(database)
        migrate(database)
        assert revision(database) == migrations.HEAD


def test_a_failed_upgrade_leaves_nothing_on_postgresql(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE mine (id INTEGER)"))
        connection.execute(text("CREATE INDEX ix_events_task ON mine (id)"))

    with Database(postgres_url) as database, pytest.raises(DatabaseError, match="ix_events_task"):
        migrate(database)

    with engine.connect() as connection:
        tables = connection.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ).all()
    engine.dispose()
    assert tables == ["mine"]


def test_tables_of_another_program_on_postgresql_are_not_touched(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE tasks (id INTEGER)"))
    engine.dispose()

    with (
        Database(postgres_url) as database,
        pytest.raises(DatabaseError, match=r"tables of another program \(tasks\)"),
    ):
        migrate(database)


def test_the_steps_stand_on_their_own() -> None:
    """A step that used today's models would change when they do."""
    ours = re.compile(r"^\s*(from|import) (core|execution|interfaces)", re.MULTILINE)
    steps = list((Path(migrations.__file__).parent / "versions").glob("*.py"))

    assert steps
    assert [step.name for step in steps if ours.search(step.read_text())] == []


MIGRATE = """
import sys
from core.database import Database
from core.migrate import migrate
print("starts", flush=True)
with Database(f"sqlite:///{sys.argv[1]}") as database:
    migrate(database)
"""

MIGRATE_AND_DIE = (
    """
import os, signal, sys
from sqlalchemy import Engine, event

@event.listens_for(Engine, "after_cursor_execute")
def die(connection, cursor, statement, *_):
    if statement.strip().startswith(f"CREATE TABLE {sys.argv[2]} "):
        os.kill(os.getpid(), signal.SIGKILL)
"""
    + MIGRATE
)

HOLD_UNTIL_STDIN_ENDS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("COMMIT")
"""


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    """Task texts and what models said are in it, and its log beside it."""
    path = tmp_path / "sleepless_agent.db"
    with Database(f"sqlite:///{path}") as database:
        migrate(database)
        with database.write() as connection:
            connection.exec_driver_sql("DELETE FROM events")
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == dict.fromkeys(modes, 0o600)
    assert "sleepless_agent.db-wal" in modes
