"""How SQLite would answer what is asked of it, gathered while it is asked."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event


class Plans:
    """How SQLite answers each statement that is sent, with the values it is sent with."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, _connection, cursor, statement, parameters, *_rest) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN002 - the driver's hook
        if statement.startswith(("SELECT", "UPDATE")):
            explained = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            self.lines += [row[3] for row in explained]

    def scans(self) -> set[str]:
        return {line for line in self.lines if line.startswith("SCAN") and "CONSTANT" not in line}


@contextmanager
def plans() -> Iterator[Plans]:
    seen = Plans()
    event.listen(Engine, "before_cursor_execute", seen)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", seen)
