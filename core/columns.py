"""How times, money and words are stored: the same meaning on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, Dialect, Enum, Index, Numeric, Text, TypeDecorator, text
from sqlalchemy.types import TypeEngine

from core.clock import as_utc


class UtcTime(TypeDecorator[datetime]):
    """Aware in Python, naive UTC in the database."""

    impl = DateTime(timezone=False)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        return None if value is None else as_utc(value).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


class CanonicalUSD(TypeDecorator[str]):
    """`0.072102000`: text on SQLite, NUMERIC(20,9) on PostgreSQL, the same sums on both."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        numeric = dialect.name == "postgresql"
        return dialect.type_descriptor(Numeric(20, 9) if numeric else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | Decimal | None:
        return Decimal(value) if value is not None and dialect.name == "postgresql" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else f"{value:.9f}" if isinstance(value, Decimal) else value


def words(kind: type[StrEnum], name: str | None = None) -> Enum:
    """Stored as the lower-case word and checked by the database itself; the check wants a name of
    its own where one table has two columns of a kind.
    """
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
        name=name or kind.__name__.lower(),
    )


def partial_index(name: str, *columns: Any, where: str, unique: bool = False) -> Index:
    """An index over the rows that matter; the condition is the same on both databases."""
    return Index(
        name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where)
    )
