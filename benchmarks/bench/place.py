"""A database of our own for the time of a measurement."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.database import Database
from core.migrate import migrate


@contextmanager
def fresh_database() -> Iterator[Database]:
    with (
        tempfile.TemporaryDirectory(prefix="sleepless-bench-") as place,
        Database(f"sqlite:///{Path(place) / 'sleepless_agent.db'}") as database,
    ):
        migrate(database)
        yield database


def bare_connection(database: Database) -> sqlite3.Connection:
    """What sqlite3 alone can do with the same file, just as durably."""
    connection = sqlite3.connect(file_of(database), isolation_level=None)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "journal_size_limit=67108864"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def file_of(database: Database) -> Path:
    assert database.path
    return database.path
