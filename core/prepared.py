"""An INSERT that is worked out once instead of at every call.

SQLAlchemy looks a statement up, binds it and makes a result of it each time. For a row of a dozen
columns that is more than SQLite's own work; nothing for most of what is written, but every task
brings a row and an event. Types are kept: each column's own processor makes its value.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Dialect, insert

from core.models import Base

Process = Callable[[Any], Any]


class PreparedInsert:
    """Always the same columns of one table; the others take what the database gives them."""

    def __init__(self, model: type[Base], *columns: str) -> None:
        self._table: Any = model.__table__
        self._columns = columns
        self._statement = insert(model)
        self._sqlite: tuple[str, list[tuple[str, Process | None]]] | None = None

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Write one row; answers its number."""
        if connection.dialect.name != "sqlite":
            row = connection.execute(self._statement, dict(values)).inserted_primary_key
            return int((row or (0,))[0])
        sql, parameters = self._sqlite = self._sqlite or self._prepare(connection.dialect)
        bound = tuple(
            values[name] if process is None else process(values[name])
            for name, process in parameters
        )
        return connection.exec_driver_sql(sql, bound).lastrowid

    def _prepare(self, dialect: Dialect) -> tuple[str, list[tuple[str, Process | None]]]:
        sql = str(self._statement.compile(dialect=dialect, column_keys=list(self._columns)))
        # in the order of the table, as the statement names them
        mine = [column for column in self._table.c if column.name in self._columns]
        return sql, [(column.name, _processor(column.type, dialect)) for column in mine]


def _processor(kind: Any, dialect: Dialect) -> Process | None:
    process: Process | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return process
