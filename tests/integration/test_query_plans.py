"""The queries that every claim asks read their index and nothing else, however long the history.

SQLite once scanned and sorted the whole queue for one row, before ANALYZE for one reason and after
it for another; hence both. Twenty thousand rows of everything.
"""

import pytest
from sqlalchemy import text

from core import ledger
from fixtures_heart import World, at
from query_plans import plans


@pytest.fixture(params=["as it grew", "after ANALYZE"])
def old_world(sqlite_world: World, request: pytest.FixtureRequest) -> World:
    """A database with a long past, a long queue and one project with a long line."""
    sqlite_world.add(project="a")
    sqlite_world.start()
    with sqlite_world.database.write() as connection:
        for statement in PAST:
            connection.execute(text(statement))
        if request.param == "after ANALYZE":
            connection.execute(text("ANALYZE"))
    return sqlite_world


PAST = [
    "CREATE TEMP TABLE n (i INTEGER)",
    """INSERT INTO n WITH RECURSIVE c(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM c WHERE i < 20000)
    SELECT i FROM c""",
    """INSERT INTO tasks (description, priority, status, wait_reason, created_at, updated_at,
        attempt_count, crash_count, correlation_id, lease_epoch, project_id)
    SELECT 'x', CASE i % 9 WHEN 0 THEN 'serious' ELSE 'random' END,
        CASE WHEN i % 2 THEN 'completed' ELSE 'pending' END,
        CASE WHEN i % 2 = 0 AND i % 4 = 0 THEN 'project_busy' END,
        '2026-03-01', '2026-03-01', 0, 0, 'c', 0, CASE WHEN i % 4 = 0 THEN 'a' END FROM n""",
    """INSERT INTO runs (task_id, number, lease_epoch, worker, phase, outcome, backend, model,
        metered_nano, num_turns, duration_ms, duration_api_ms, correlation_id, started_at, ended_at)
    SELECT i, 1, 1, 'w', 'settling', 'completed', 'claude', 'm', 0, 0, 0, 0, 'c',
        '2026-03-01', '2026-03-01' FROM n""",
    """INSERT INTO usage_metrics (task_id, run_id, total_cost_usd, cost_nano, cost_source,
        created_at, admitted_at)
    SELECT i, i, '0.000001000', 1000, 'reported',
        datetime('2026-03-10', -i || ' minutes') || '.000000',
        datetime('2026-03-10', -i || ' minutes') || '.000000' FROM n""",
    """INSERT INTO holds (run_id, window_id, admitted_at, amount_nano, state, closed_at)
    SELECT i, 1, '2026-03-01', 1000, 'settled', '2026-03-01' FROM n""",
]  # fmt: skip


def test_the_sums_of_the_budget_read_covering_indexes(old_world: World) -> None:
    with old_world.database.read() as session, plans() as seen:
        ledger.standing(session, old_world.policy, at("12:00"))

    window, today, held, held_anywhere = (
        line for line in seen.lines if " usage_metrics" in line or " holds" in line
    )
    assert window == (
        "SEARCH usage_metrics USING COVERING INDEX ix_usage_window (<expr>>? AND <expr><?)"
    )
    assert today == (
        "SEARCH usage_metrics USING COVERING INDEX ix_usage_created (created_at>? AND created_at<?)"
    )
    assert held == (
        "SEARCH holds USING COVERING INDEX ix_holds_open"
        " (state=? AND admitted_at>? AND admitted_at<?)"
    )
    assert held_anywhere == "SEARCH holds USING COVERING INDEX ix_holds_open (state=?)"


#: read as far as their end, which is near: the last entry, the few windows there are
SHORT = {"SCAN budget_entries", "SCAN budget_windows", "SCAN credit_windows"}


def test_a_claim_looks_at_one_row_of_its_index(old_world: World) -> None:
    with plans() as seen:
        old_world.start()

    assert "SEARCH tasks USING INDEX ix_tasks_claim (status=? AND wait_reason=?)" in seen.lines
    assert seen.scans() <= SHORT
    assert not [line for line in seen.lines if "TEMP B-TREE" in line]


def test_the_end_of_a_run_reads_no_table_through(old_world: World) -> None:
    claim = old_world.claim_of(1)
    with plans() as seen:
        old_world.finish(claim, "0.10", session_id="s-1")

    assert seen.scans() <= SHORT
    assert "USE TEMP B-TREE FOR ORDER BY" not in seen.lines
    assert "SEARCH tasks USING INDEX ix_tasks_line (project_id=? AND status=?)" in seen.lines


def test_adding_to_a_long_line_and_moving_it_up_reads_no_table_through(old_world: World) -> None:
    old_world.finish(old_world.claim_of(1))
    with plans() as seen:
        old_world.add(project="a")
        old_world.queue.cancel_task(4)

    assert "SEARCH tasks USING INDEX ix_tasks_line (project_id=? AND status=?)" in seen.lines
    head = "SEARCH tasks USING INDEX ix_tasks_head (project_id=? AND status=? AND wait_reason=?)"
    assert head in seen.lines
    assert seen.scans() == set()
