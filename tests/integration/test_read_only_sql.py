"""Queries answer on both databases, and can change neither."""

import signal
from collections.abc import Iterator

import pytest

from core.database import Database
from core.errors import QueryFailed, QueryRefused
from core.read_only_sql import query
from fixtures_heart import World, at

SPEND_BY_PROJECT = """SELECT project_id, SUM(CAST(total_cost_usd AS DECIMAL)) as total_cost
FROM usage_metrics
WHERE project_id IS NOT NULL
GROUP BY project_id;"""
SPEND_BY_DAY = """SELECT DATE(created_at) as date,
       SUM(CAST(total_cost_usd AS DECIMAL)) as daily_cost
FROM usage_metrics
GROUP BY DATE(created_at)
ORDER BY date DESC;"""


@pytest.fixture
def spent(world: World) -> World:
    world.clock.set(at("09:00"))
    world.add(project="shop")
    world.finish(world.start(), "0.25")
    return world


def test_the_two_known_queries_run_word_for_word(spent: World) -> None:
    by_project = query(spent.database, SPEND_BY_PROJECT)
    assert by_project.columns == ["project_id", "total_cost"]
    assert [(key, f"{total:.9f}") for key, total in by_project.rows] == [("shop", "0.250000000")]
    by_day = query(spent.database, SPEND_BY_DAY)
    assert [(str(day), f"{total:.2f}") for day, total in by_day.rows] == [("2026-03-10", "0.25")]


def test_rows_are_cut_at_the_limit_and_it_is_told(spent: World) -> None:
    answer = query(spent.database, "SELECT 1 UNION ALL SELECT 2", limit=1)
    assert (len(answer.rows), answer.cut) == (1, True)
    assert not query(spent.database, "SELECT 1", limit=1).cut


@pytest.mark.parametrize("statement", ["-- a comment\nSELECT 1", "/* x */ SELECT '%'"])
def test_comments_and_signs_are_no_hindrance(any_database: Database, statement: str) -> None:
    assert len(query(any_database, statement).rows) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM tasks",
        "UPDATE tasks SET priority = 'random'",
        "DROP TABLE tasks",
        "CREATE TABLE other (a int)",
        "-- SELECT\nDELETE FROM tasks",
        "BEGIN",
        "COMMIT",
    ],
)
def test_what_would_change_something_is_refused(spent: World, statement: str) -> None:
    with pytest.raises(QueryRefused):
        query(spent.database, statement)
    assert spent.queue.list_tasks().total == 1


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1; DELETE FROM tasks",
        "WITH gone AS (DELETE FROM tasks RETURNING id) SELECT * FROM gone",
        "EXPLAIN ANALYZE DELETE FROM tasks",
        "SELECT nonsense",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "",
    ],
)
def test_no_trick_changes_anything(spent: World, statement: str) -> None:
    with pytest.raises((QueryRefused, QueryFailed)):
        query(spent.database, statement)
    assert spent.queue.list_tasks().total == 1


@pytest.fixture
def interrupted() -> Iterator[None]:
    """Ctrl-C after a tenth of a second of work."""
    before = signal.signal(signal.SIGVTALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.1)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


@pytest.mark.usefixtures("interrupted")
def test_ctrl_c_ends_a_query_without_an_end(sqlite_database: Database) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with pytest.raises(KeyboardInterrupt):
        query(sqlite_database, endless)
