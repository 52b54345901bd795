"""The two queries that people were given for their spend, word for word, on both databases."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import insert, text

from core.database import Database
from core.models import UsageMetric
from core.money import canonical
from fixtures_postgres import postgres, postgres_server, postgres_url

__all__ = ["postgres", "postgres_server", "postgres_url"]

BY_PROJECT = """
SELECT project_id, SUM(CAST(total_cost_usd AS DECIMAL)) as total_cost
FROM usage_metrics
WHERE project_id IS NOT NULL
GROUP BY project_id;
"""
BY_DAY = """
SELECT DATE(created_at) as date,
       SUM(CAST(total_cost_usd AS DECIMAL)) as daily_cost
FROM usage_metrics
GROUP BY DATE(created_at)
ORDER BY date DESC;
"""
CHARGES = (
    ("shop", 72_102_000, datetime(2026, 3, 10, 23, 59, 59, 999999, tzinfo=UTC)),
    ("shop", 1, datetime(2026, 3, 11, 0, 0, tzinfo=UTC)),
    ("blog", 10_000_000_000, datetime(2026, 3, 11, 12, 0, tzinfo=UTC)),
    (None, 500_000_000, datetime(2026, 3, 11, 13, 0, tzinfo=UTC)),
    ("blog", None, datetime(2026, 3, 11, 14, 0, tzinfo=UTC)),
)


@pytest.fixture(params=["database", "postgres"])
def charged(request: pytest.FixtureRequest) -> Database:
    database: Database = request.getfixturevalue(request.param)
    rows = [
        {
            "task_id": 1,
            "project_id": project,
            "cost_nano": nano,
            "total_cost_usd": None if nano is None else canonical(nano),
            "created_at": at,
        }
        for project, nano, at in CHARGES
    ]
    with database.write() as connection:
        connection.execute(insert(UsageMetric), rows)
    return database


def answer(database: Database, query: str) -> list[tuple[str, Decimal]]:
    with database.read() as session:
        rows = session.execute(text(query)).all()
    return [(str(key), Decimal(str(total)).quantize(Decimal("1e-9"))) for key, total in rows]


def test_the_spend_of_each_project_is_exact(charged: Database) -> None:
    assert sorted(answer(charged, BY_PROJECT)) == [
        ("blog", Decimal("10.000000000")),
        ("shop", Decimal("0.072102001")),
    ]


def test_the_spend_of_each_day_is_exact_and_the_newest_comes_first(charged: Database) -> None:
    assert answer(charged, BY_DAY) == [
        ("2026-03-11", Decimal("10.500000001")),
        ("2026-03-10", Decimal("0.072102000")),
    ]
