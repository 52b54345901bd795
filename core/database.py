"""The database: one writer at a time, readers that never wait for it.

A write transaction is serialised on both engines, so the code inside it may read, decide and
write as if it were alone: on SQLite by BEGIN IMMEDIATE, on PostgreSQL by one transaction-level
advisory lock. That is what makes "read the headroom, then take from it" safe. Measured on SQLite:
the driver's own modes lose updates without an error, hence `isolation_level = None`.
"""

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from core.errors import ConfigError, DatabaseError
from core.wakeup import Bell

#: RETURNING and JSON operators; older ones are refused
SQLITE_FLOOR = (3, 38, 0)
#: how long a transaction waits for another writer before it gives up, seconds
LOCK_PATIENCE = 30.0
#: "sleepless" as a 63-bit number: the advisory lock on PostgreSQL
WRITER_LOCK = 0x736C_6565_706C

_PRAGMAS = (
    "journal_mode=WAL",
    # FULL: with NORMAL a power cut forgets acknowledged claims, and paid work would run again
    "synchronous=FULL",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "journal_size_limit=67108864",
    "trusted_schema=OFF",
)


class Database:
    """Short synchronous transactions; call it from a thread when in an event loop."""

    def __init__(self, url: str) -> None:
        try:
            self.url = make_url(url)
        except ArgumentError:
            raise _bad_address(url) from None
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite and self.url.database in (None, "", ":memory:"):
            raise _bad_address(url)  # other processes read it too
        self.path = Path(self.url.database or "") if self.is_sqlite else None
        self._bell = Bell(self.path) if self.path else None
        self._writer = self._engine(read_only=False)
        self._reader = self._engine(read_only=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._writer.dispose()
        self._reader.dispose()

    @contextmanager
    def write(self, *, wakes: bool = False) -> Iterator[Connection]:
        """One transaction, alone among writers; `wakes` tells the daemon of it once it is done."""
        with self._writer.begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": WRITER_LOCK})
            yield connection
            if wakes and not self.is_sqlite:
                connection.execute(text("SELECT pg_notify('sleepless', '')"))
        if wakes and self._bell:
            self._bell.ring()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view that waits for nobody; objects stay usable afterwards."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    def _engine(self, *, read_only: bool) -> Engine:
        if self.is_sqlite:
            return _sqlite_engine(self.url.render_as_string(hide_password=False), read_only)
        return _postgresql_engine(self.url.render_as_string(hide_password=False), read_only)


def _bad_address(url: str) -> ConfigError:
    problem = "give sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
    return ConfigError(where="database.url", value=url, problem=problem)


def _sqlite_engine(url: str, read_only: bool) -> Engine:  # noqa: FBT001 - private, one caller
    engine = create_engine(
        url,
        # the writer never waits inside SQLite: its busy handler starves processes, ours does not
        connect_args={"timeout": LOCK_PATIENCE if read_only else 0},
        pool_size=4 if read_only else 1,
        max_overflow=0,
    )

    @event.listens_for(engine, "connect")
    def configure(dbapi: sqlite3.Connection, _record: object) -> None:
        if sqlite3.sqlite_version_info < SQLITE_FLOOR:
            problem = f"SQLite {sqlite3.sqlite_version} is too old; 3.38 or newer is needed"
            raise DatabaseError(database=url, problem=problem)
        dbapi.isolation_level = None  # the driver must not begin transactions by itself
        for pragma in _PRAGMAS:
            _patiently(dbapi, f"PRAGMA {pragma}")
        if read_only:
            dbapi.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        dbapi: Any = connection.connection.dbapi_connection
        if read_only:
            dbapi.execute("BEGIN")
        else:
            _patiently(dbapi, "BEGIN IMMEDIATE")

    return engine


def _patiently(dbapi: sqlite3.Connection, statement: str) -> None:
    """Try until the lock is free, with short jittered pauses: fair to every process.

    Measured with four processes writing flat out: SQLite's own handler let one of them wait 3 s
    and the worst get 0.02 % of its share; this one 0.13 s and 90 %.
    """
    deadline = time.monotonic() + LOCK_PATIENCE
    pause = 0.0002
    while True:
        try:
            dbapi.execute(statement)
        except sqlite3.OperationalError as refusal:
            if not _is_busy(refusal):
                raise
            if time.monotonic() > deadline:
                raise _locked_out(dbapi) from refusal
            time.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 1.3, 0.004)
        else:
            return


def _is_busy(refusal: sqlite3.OperationalError) -> bool:
    return (refusal.sqlite_errorcode & 0xFF) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _locked_out(dbapi: sqlite3.Connection) -> DatabaseError:
    """Raised in SQLAlchemy's hooks, which would let SQLite's own error pass unwrapped."""
    (_, _, file), *_ = dbapi.execute("PRAGMA database_list")
    problem = f"another program has kept it locked for {LOCK_PATIENCE:.0f} s; stop that one first"
    return DatabaseError(database=file, problem=problem)


def _postgresql_engine(url: str, read_only: bool) -> Engine:  # noqa: FBT001 - private, one caller
    options = (
        "-c lock_timeout=30s -c statement_timeout=60s -c timezone=UTC"
        " -c idle_in_transaction_session_timeout=60s -c synchronous_commit=on"
    )
    if read_only:
        options += " -c default_transaction_read_only=on"
    return create_engine(
        url,
        isolation_level="READ COMMITTED",
        connect_args={"options": options},
        pool_pre_ping=True,
        pool_size=4,
    )
