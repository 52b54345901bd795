"""Queries that people write themselves, on a connection that cannot change anything.

SQLite: the file is opened read-only and an authorizer lets nothing but reading through, for ATTACH
and VACUUM INTO would write other files. PostgreSQL: a read-only transaction, one statement in the
extended protocol, which takes no second one, and none but those that only read.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import URL

from core.database import LOCK_PATIENCE, Database
from core.errors import QueryFailed, QueryRefused

#: how many steps of SQLite's machine lie between two chances for Ctrl-C
_STEPS_BETWEEN_SIGNALS: Final = 100_000
_READS: Final = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    }
)
_READING_PRAGMAS: Final = frozenset(
    {"table_info", "table_list", "index_list", "index_info", "foreign_key_list"}
)
_READING_WORDS: Final = frozenset({"select", "with", "values", "table", "explain", "show"})
_LEADING_COMMENTS: Final = re.compile(r"(?:\s|\(|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    #: there were more rows than asked for
    cut: bool


def query(database: Database, statement: str, limit: int | None = None) -> Answer:
    """At most `limit` rows. Raises QueryFailed, and QueryRefused for what would not only read."""
    if not statement.strip():
        raise QueryFailed(problem="it is empty; give a SELECT")
    if database.path:
        return _on_sqlite(database.path, statement, limit)
    return _on_postgresql(database.url, statement, limit)


def _on_sqlite(path: Path, statement: str, limit: int | None) -> Answer:
    uri = f"{path.resolve().as_uri()}?mode=ro"
    with (
        _explained_sqlite(),
        closing(sqlite3.connect(uri, uri=True, timeout=LOCK_PATIENCE)) as connection,
    ):
        connection.set_authorizer(_authorize)
        # Python looks at signals only between its own steps, of which a long query has none
        connection.set_progress_handler(lambda: 0, _STEPS_BETWEEN_SIGNALS)
        return _answer(connection.execute(statement), limit)


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    reads = action in _READS and second != "load_extension"
    looks = action == sqlite3.SQLITE_PRAGMA and first in _READING_PRAGMAS
    return sqlite3.SQLITE_OK if reads or looks else sqlite3.SQLITE_DENY


def _on_postgresql(url: URL, statement: str, limit: int | None) -> Answer:
    word = statement[_LEADING_COMMENTS.match(statement).end() :].split(maxsplit=1)[:1]  # type: ignore[union-attr]  # it matches everything
    if not word or word[0].lower().rstrip("(;*") not in _READING_WORDS:
        raise QueryRefused(problem=f"it starts with {' '.join(word) or 'nothing'!r}")
    conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
    options = "-c default_transaction_read_only=on -c statement_timeout=60s -c timezone=UTC"
    with _explained_postgresql(), psycopg.connect(conninfo, options=options) as connection:
        connection.read_only = True
        with connection.cursor() as cursor:
            # prepared: the extended protocol, where "SELECT 1; DELETE …" is an error
            return _answer(cursor.execute(statement.encode(), prepare=True), limit)


def _answer(cursor: Any, limit: int | None) -> Answer:
    columns = [column[0] for column in cursor.description or ()]
    if limit is None:
        return Answer(columns, cursor.fetchall(), cut=False)
    rows = cursor.fetchmany(limit + 1)
    return Answer(columns, rows[:limit], cut=len(rows) > limit)


@contextmanager
def _explained_sqlite() -> Iterator[None]:
    try:
        yield
    # a Warning is what Python 3.11 raises for two statements at once
    except (sqlite3.Error, sqlite3.Warning) as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from error
        if code in (sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY) or "not authorized" in str(error):
            raise QueryRefused(problem=str(error)) from error
        raise QueryFailed(problem=str(error)) from error


@contextmanager
def _explained_postgresql() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise QueryRefused(problem=_first_line(error)) from error
    except psycopg.Error as error:
        raise QueryFailed(problem=_first_line(error)) from error


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0]
