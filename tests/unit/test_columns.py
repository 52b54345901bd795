from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Dialect,
    Integer,
    MetaData,
    Table,
    create_engine,
    insert,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.schema import CreateIndex

from core.columns import CanonicalUSD, UtcTime, partial_index, words
from core.errors import NaiveTime


class Mood(StrEnum):
    CALM = "calm"
    AWAKE = "wide awake"


things = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", UtcTime()),
    Column("usd", CanonicalUSD()),
    Column("mood", words(Mood)),
    partial_index("ix_calm", "id", where="mood = 'calm'"),
)

SQLITE: Dialect = make_url("sqlite://").get_dialect()()
POSTGRESQL: Dialect = make_url("postgresql+psycopg://").get_dialect()()
BERLIN_SUMMER = timezone(timedelta(hours=2))


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        things.metadata.create_all(connection)
        yield connection
    engine.dispose()


def test_a_naive_time_is_refused_at_the_border(connection: Connection) -> None:
    with pytest.raises(StatementError) as refused:
        connection.execute(insert(things).values(at=datetime(2026, 3, 10, 12, 0)))  # noqa: DTZ001 - the point

    assert isinstance(refused.value.orig, NaiveTime)


@pytest.mark.parametrize(
    ("moment", "stored"),
    [
        (datetime(2026, 3, 10, 12, 0, tzinfo=UTC), "2026-03-10 12:00:00.000000"),
        (datetime(2026, 3, 10, 1, 2, 3, 4, tzinfo=BERLIN_SUMMER), "2026-03-09 23:02:03.000004"),
    ],
)
def test_a_time_is_stored_as_utc_text_with_microseconds(
    connection: Connection, moment: datetime, stored: str
) -> None:
    connection.execute(insert(things).values(at=moment))

    assert stored == connection.scalar(text("SELECT at FROM things"))
    assert moment == connection.scalar(select(things.c.at))


def test_a_time_that_comes_back_is_aware_and_in_utc(connection: Connection) -> None:
    connection.execute(insert(things).values(at=datetime(2026, 3, 10, 12, tzinfo=BERLIN_SUMMER)))

    found = connection.scalar(select(things.c.at))

    assert found is not None
    assert timedelta(0) == found.utcoffset()


def test_stored_times_sort_as_they_happened(connection: Connection) -> None:
    first = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)
    for step in (2, 0, 1):
        connection.execute(insert(things).values(at=first + timedelta(microseconds=step)))

    stored = connection.scalars(text("SELECT at FROM things ORDER BY at")).all()

    assert [f"2026-03-10 12:00:00.00000{n}" for n in range(3)] == list(stored)


def test_an_absent_value_stays_absent(connection: Connection) -> None:
    connection.execute(insert(things).values(at=None, usd=None, mood=None))

    assert connection.execute(select(things.c.at, things.c.usd, things.c.mood)).one() == (
        None,
        None,
        None,
    )


def test_money_is_text_on_sqlite_and_a_number_on_postgresql() -> None:
    assert CanonicalUSD().compile(dialect=SQLITE) == "TEXT"
    assert CanonicalUSD().compile(dialect=POSTGRESQL) == "NUMERIC(20, 9)"


def test_a_word_is_stored_as_its_value(connection: Connection) -> None:
    connection.execute(insert(things).values(mood=Mood.AWAKE))

    assert connection.scalar(text("SELECT mood FROM things")) == "wide awake"
    assert connection.scalar(select(things.c.mood)) is Mood.AWAKE


@pytest.mark.parametrize("wrong", ["CALM", "Calm", "asleep", ""])
def test_the_database_itself_refuses_other_words(connection: Connection, wrong: str) -> None:
    with pytest.raises(IntegrityError, match="CHECK"):
        connection.execute(text("INSERT INTO things (mood) VALUES (:wrong)"), {"wrong": wrong})


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL])
def test_a_partial_index_has_its_condition_on_both_databases(dialect: Dialect) -> None:
    (index,) = things.indexes

    assert str(CreateIndex(index).compile(dialect=dialect)).endswith("WHERE mood = 'calm'")
