"""A database of our own for the time of a measurement."""

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


def file_of(database: Database) -> Path:
    assert database.path
    return database.path
