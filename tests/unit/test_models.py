"""The rules that the database holds even when our code is wrong."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import IntegrityError

from core.database import Database
from core.models import CostSource, Project, Run, RunPhase, Task, TaskDependency, UsageMetric

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
CLAIM = (
    "SELECT id FROM tasks WHERE status='pending' AND wait_reason IS NULL"
    " ORDER BY (priority='serious') DESC, id LIMIT 1"
)

HEAD_OF_LINE = (
    "SELECT id FROM tasks WHERE project_id='shop' AND status='pending'"
    " AND (wait_reason IS NULL OR wait_reason='project_busy')"
    " ORDER BY (priority='serious') DESC, id LIMIT 1"
)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as connection:
        for slug in ("shop", "blog"):
            project = insert(Project).values(id=slug, name=slug, created_at=NOON, updated_at=NOON)
            connection.execute(project)
        yield connection


def a_task(**given: Any) -> Any:
    facts = {"description": "Fix it", "created_at": NOON, "updated_at": NOON, "correlation_id": "c"}
    return insert(Task).values(**(facts | given)).returning(Task.id)


def running(project: str | None, **given: Any) -> Any:
    return a_task(status="in_progress", lease_owner="daemon", project_id=project, **given)


def a_run(task_id: int, number: int, **given: Any) -> Any:
    return insert(Run).values(
        task_id=task_id,
        number=number,
        lease_epoch=1,
        worker="daemon",
        phase=RunPhase.CLAIMED,
        backend="claude",
        model="m",
        correlation_id="c",
        started_at=NOON,
        **given,
    )


def a_charge(nano: int | None, told: str | None) -> Any:
    return insert(UsageMetric).values(
        task_id=1, cost_nano=nano, total_cost_usd=told, created_at=NOON
    )


def test_only_one_task_of_a_project_runs(connection: Connection) -> None:
    connection.execute(running("shop"))
    connection.execute(running("blog"))

    with pytest.raises(IntegrityError, match=r"tasks\.project_id"):
        connection.execute(running("shop"))


def test_tasks_without_a_project_run_side_by_side(connection: Connection) -> None:
    connection.execute(running(None))
    connection.execute(running(None))


def test_a_project_takes_its_next_task_when_the_one_before_has_ended(
    connection: Connection,
) -> None:
    connection.execute(running("shop"))
    connection.execute(text("UPDATE tasks SET status='completed', lease_owner=NULL"))

    connection.execute(running("shop"))


@pytest.mark.parametrize(
    ("nano", "told"),
    [
        (72_102_000, "0.072102001"),
        (72_102_000, "0.0721020"),
        (72_102_000, "7.2102e-2"),
        (72_102_000, None),
        (None, "0.072102000"),
        (-1, "-0.000000001"),
    ],
)
def test_a_charge_whose_columns_disagree_is_refused(
    connection: Connection, nano: int | None, told: str | None
) -> None:
    with pytest.raises(IntegrityError, match="CHECK"):
        connection.execute(a_charge(nano, told))


@pytest.mark.parametrize(
    ("nano", "told"),
    [(0, "0.000000000"), (1, "0.000000001"), (10**15, "1000000.000000000"), (None, None)],
)
def test_a_charge_whose_columns_agree_is_taken(
    connection: Connection, nano: int | None, told: str | None
) -> None:
    connection.execute(a_charge(nano, told))


def test_a_charge_written_by_hand_counts_as_reported(connection: Connection) -> None:
    connection.execute(
        text("INSERT INTO usage_metrics (task_id, created_at) VALUES (1, '2026-03-10 12:00:00')")
    )

    source = connection.scalar(text("SELECT cost_source FROM usage_metrics"))
    assert source == CostSource.REPORTED


@pytest.mark.parametrize("blank", ["", "   "])
def test_a_task_says_something(connection: Connection, blank: str) -> None:
    with pytest.raises(IntegrityError, match="tasks_description_says_something"):
        connection.execute(a_task(description=blank))


@pytest.mark.parametrize(
    "contradiction",
    [{"status": "in_progress"}, {"status": "pending", "lease_owner": "daemon"}],
)
def test_a_task_is_leased_exactly_while_it_runs(
    connection: Connection, contradiction: dict[str, str]
) -> None:
    with pytest.raises(IntegrityError, match="tasks_running_is_leased"):
        connection.execute(a_task(**contradiction))


def test_only_a_pending_task_waits_for_something(connection: Connection) -> None:
    with pytest.raises(IntegrityError, match="tasks_only_pending_waits"):
        connection.execute(a_task(status="completed", wait_reason="budget"))


def test_a_task_has_one_open_run_and_any_number_of_ended_ones(connection: Connection) -> None:
    task_id = connection.scalar(a_task())
    assert task_id
    connection.execute(a_run(task_id, 1, outcome="failed", ended_at=NOON))
    connection.execute(a_run(task_id, 2, outcome="failed", ended_at=NOON))
    connection.execute(a_run(task_id, 3))

    with pytest.raises(IntegrityError, match=r"runs\.task_id"):
        connection.execute(a_run(task_id, 4))


def test_a_task_does_not_wait_for_itself(connection: Connection) -> None:
    task_id = connection.scalar(a_task())

    with pytest.raises(IntegrityError, match="dependencies_not_on_itself"):
        connection.execute(insert(TaskDependency).values(task_id=task_id, depends_on_id=task_id))


def test_a_task_of_a_project_that_does_not_exist_is_refused(connection: Connection) -> None:
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        connection.execute(a_task(project_id="nowhere"))


@pytest.mark.parametrize("wrong", ["", "-rf"])
def test_a_project_id_that_is_no_folder_name_is_refused(connection: Connection, wrong: str) -> None:
    with pytest.raises(IntegrityError, match="projects_id_is_a_slug"):
        connection.execute(
            insert(Project).values(id=wrong, name="n", created_at=NOON, updated_at=NOON)
        )


def test_numbers_of_tasks_are_never_used_again(connection: Connection) -> None:
    first = connection.scalar(a_task())
    connection.execute(text("DELETE FROM tasks"))

    assert first is not None
    assert connection.scalar(a_task()) == first + 1


@pytest.mark.parametrize("statement", [CLAIM, HEAD_OF_LINE])
@pytest.mark.parametrize("analyzed", [False, True])
def test_the_next_task_is_the_first_of_an_index(
    connection: Connection, *, analyzed: bool, statement: str
) -> None:
    """Seen: a sort of the whole queue before ANALYZE, and with other columns after it."""
    fill_the_queue(connection)
    if analyzed:
        connection.execute(text("ANALYZE"))

    plan = [row[-1] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {statement}"))]

    assert len(plan) == 1
    assert plan[0].startswith("SEARCH tasks USING")
    assert ("ix_tasks_claim" if statement == CLAIM else "ix_tasks_line") in plan[0]


def fill_the_queue(connection: Connection) -> None:
    """20,000 tasks, most of them pending."""
    connection.execute(
        text(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            " INSERT INTO tasks (description, priority, status, wait_reason, project_id,"
            "   created_at, updated_at, attempt_count, crash_count, correlation_id, lease_epoch)"
            " SELECT 'Fix it', iif(i % 10, 'random', 'serious'),"
            "   iif(i % 3, 'pending', 'completed'), iif(i % 3 AND i % 2, 'project_busy', NULL),"
            "   iif(i % 5, 'shop', 'blog'), :noon, :noon, 0, 0, 'c', 0 FROM n"
        ),
        {"noon": "2026-03-10 12:00:00.000000"},
    )
