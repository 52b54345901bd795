"""Brings a database to the schema this program knows, by itself, or leaves it as it was.

All steps run in one transaction on a connection of its own: on SQLite BEGIN IMMEDIATE with foreign
keys off (tables are rebuilt), checked before the commit; on PostgreSQL under the writers' lock.
A failure or a kill in the middle leaves the old database.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError

from core import legacy
from core.backup import copy_consistently
from core.clock import Clock, SystemClock
from core.database import LOCK_PATIENCE, WRITER_LOCK, Database
from core.errors import DatabaseError
from core.migrations import HEAD

log = structlog.get_logger(__name__)

#: the step whose tables an older database is taken over into
_FIRST = "0001"
#: above this many bytes the full check of every index would keep people waiting for minutes
_QUICK_CHECK_ABOVE = 256 * 1024 * 1024

#: an option of a connection: its transaction takes no lock
_ONLY_READS = "only_reads"


def migrate(database: Database, clock: Clock | None = None) -> None:
    """Create or upgrade the schema; does nothing, and locks nothing, when it is current.

    Before anything is changed in a SQLite file with tables, a copy is written beside it:
    `<file>.pre-<revision>-<UTC time>.bak`. Raises DatabaseError for a file that is no database,
    a folder that does not exist, a schema newer than this program and a failed upgrade.
    """
    with _explained(database), _one_connection_engine(database) as engine:
        if _revision(engine) == HEAD:
            return
        _keep_to_owner(database)
        with engine.begin() as connection:
            _upgrade(database, connection, clock or SystemClock())


def _keep_to_owner(database: Database) -> None:
    """Task texts and what models said are in it; SQLite gives its -wal and -shm the same mode."""
    if database.path is not None:
        database.path.chmod(0o600)


def revision(database: Database) -> str | None:
    """The schema the database has; None: none of ours yet."""
    with _explained(database), _one_connection_engine(database) as engine:
        return _revision(engine)


def _upgrade(database: Database, connection: Connection, clock: Clock) -> None:
    _lock(connection)
    found = _revision_in(connection)
    if found == HEAD:  # another process was faster
        return
    _refuse_newer(database, found)
    old = legacy.recognise(_name(database), connection) if found is None else None
    _copy_before(database, connection, clock)
    before = _dangling(connection)
    if old:
        legacy.set_aside(connection, old)
        _run_steps(connection, _FIRST)
        legacy.bring_over(_name(database), connection, old, clock.now())
    _run_steps(connection, HEAD)
    _check(database, connection, before)
    log.info("database.upgraded", database=_name(database), before=found, now=HEAD)


def _run_steps(connection: Connection, to: str) -> None:
    # late: Alembic costs a tenth of a second, and a current database does not need it
    from alembic import command

    config = _alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _alembic_config() -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _refuse_newer(database: Database, found: str | None) -> None:
    from alembic.script import ScriptDirectory

    known = {
        step.revision for step in ScriptDirectory.from_config(_alembic_config()).walk_revisions()
    }
    if found is not None and found not in known:
        raise DatabaseError(
            database=_name(database),
            problem=f"its schema is revision {found}, and this program knows up to {HEAD}; "
            "start the newer program that wrote it, or restore a copy from before",
        )


def _copy_before(database: Database, connection: Connection, clock: Clock) -> None:
    """While we hold the write lock and have changed nothing: the copy is what the upgrade sees."""
    if not database.path or not inspect(connection).get_table_names():
        return
    moment = clock.now().astimezone(UTC)
    target = database.path.with_name(
        f"{database.path.name}.pre-{HEAD}-{moment:%Y%m%dT%H%M%S%fZ}.bak"
    )
    copy_consistently(database.path, target)
    log.info("database.copied", database=_name(database), copy=str(target))


def _dangling(connection: Connection) -> set[tuple[Any, ...]]:
    if connection.dialect.name != "sqlite":
        return set()
    return {tuple(row) for row in connection.execute(text("PRAGMA foreign_key_check"))}


def _check(database: Database, connection: Connection, before: set[tuple[Any, ...]]) -> None:
    """References that dangled before the upgrade are not its fault; new ones are."""
    if connection.dialect.name != "sqlite":
        return
    lost = {row for row in _dangling(connection) - before if not row[0].startswith(legacy.PREFIX)}
    if lost:
        table, rowid, parent, _ = min(lost, key=str)
        problem = (
            f"the upgrade would leave {len(lost)} rows pointing nowhere, the first one is row "
            f"{rowid} of {table}, which points to {parent}; nothing was changed"
        )
        raise DatabaseError(database=_name(database), problem=problem)
    size = connection.scalar(
        text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    )
    pragma = "quick_check" if (size or 0) > _QUICK_CHECK_ABOVE else "integrity_check"
    verdict = connection.scalar(text(f"PRAGMA {pragma}(1)"))
    if verdict != "ok":
        problem = f"it is damaged ({verdict}); nothing was changed, restore a copy"
        raise DatabaseError(database=_name(database), problem=problem)


def _revision(engine: Engine) -> str | None:
    with engine.connect().execution_options(**{_ONLY_READS: True}) as connection:
        return _revision_in(connection)


def _revision_in(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": WRITER_LOCK})


@contextmanager
def _one_connection_engine(database: Database) -> Iterator[Engine]:
    url = database.url.render_as_string(hide_password=False)
    options = (
        {"timeout": LOCK_PATIENCE} if database.is_sqlite else {"options": "-c lock_timeout=30s"}
    )
    engine = create_engine(url, poolclass=NullPool, connect_args=options)
    if database.is_sqlite:
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
    try:
        yield engine
    finally:
        engine.dispose()


def _configure(dbapi: sqlite3.Connection, _record: object) -> None:
    dbapi.isolation_level = None  # the driver must not begin transactions by itself
    dbapi.execute("PRAGMA foreign_keys=OFF")
    # a table that is set aside must not take along what refers to it by name
    dbapi.execute("PRAGMA legacy_alter_table=ON")


def _begin(connection: Connection) -> None:
    reads = _ONLY_READS in connection.get_execution_options()
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def _explained(database: Database) -> Iterator[None]:
    if database.path and not database.path.parent.is_dir():
        problem = f"the folder {database.path.parent} does not exist; create it first"
        raise DatabaseError(database=_name(database), problem=problem)
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise DatabaseError(database=_name(database), problem=_advice(cause)) from error


def _advice(cause: BaseException | None) -> str:
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return "the file is no SQLite database; move it away or set database.url to another file"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"another program has kept it locked for {LOCK_PATIENCE:.0f} s; stop that one first"
    return f"{str(cause).strip()}; nothing was changed"


def _name(database: Database) -> str:
    return str(database.path) if database.path else database.url.render_as_string()
