"""Takes over a database of the first generation: tables tasks, results and usage_metrics."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, inspect

from core.clock import Clock
from core.database import Database
from core.errors import DatabaseError

#: what an older table is called while, and if needed after, its rows are taken over
PREFIX = "legacy_"


@dataclass(frozen=True)
class Old:
    tables: tuple[str, ...]


def recognise(database: Database, connection: Connection) -> Old | None:
    tables = inspect(connection).get_table_names()
    if "tasks" not in tables:
        return None
    raise DatabaseError(database=database.path, problem="it has a table tasks that is not ours")


@contextmanager
def taken_over(old: Old, connection: Connection, clock: Clock) -> Iterator[None]:
    yield
