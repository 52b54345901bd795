"""Databases as the first generation of the program wrote them, in their two shapes."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

TASKS_BEFORE = """
CREATE TABLE tasks (
    id INTEGER NOT NULL PRIMARY KEY, description TEXT NOT NULL, priority VARCHAR(7) NOT NULL,
    status VARCHAR(11) NOT NULL, created_at DATETIME NOT NULL, started_at DATETIME,
    completed_at DATETIME, attempt_count INTEGER NOT NULL, error_message TEXT, result_id INTEGER,
    context TEXT, assigned_to VARCHAR(255), slack_thread_ts VARCHAR(255)
)"""
TASKS = TASKS_BEFORE.rstrip(")") + ", project_id VARCHAR(255), project_name VARCHAR(255))"
RESULTS = """
CREATE TABLE results (
    id INTEGER NOT NULL PRIMARY KEY, task_id INTEGER NOT NULL, output TEXT, files_modified TEXT,
    commands_executed TEXT, git_commit_sha VARCHAR(40), git_pr_url VARCHAR(512),
    git_branch VARCHAR(255), workspace_path VARCHAR(512), processing_time_seconds INTEGER,
    created_at DATETIME NOT NULL
)"""
USAGE = """
CREATE TABLE usage_metrics (
    id INTEGER NOT NULL PRIMARY KEY, task_id INTEGER NOT NULL, total_cost_usd TEXT,
    duration_ms INTEGER, duration_api_ms INTEGER, num_turns INTEGER, created_at DATETIME NOT NULL,
    project_id VARCHAR(255)
)"""

Rows = Sequence[tuple[object, ...]]

#: id, description, priority, status, created_at, attempt_count, error_message, result_id
OLD_TASKS: Rows = (
    (1, "Add login", "SERIOUS", "COMPLETED", "2025-10-20 20:00:00.000000", 1, None, 1),
    (2, "Idea", "RANDOM", "PENDING", "2025-10-21 09:30:00.123456", 0, None, None),
    (3, "Was running", "SERIOUS", "IN_PROGRESS", "2025-10-22 01:00:00", 2, "timeout", 77),
    (7, "Broke", "random", "Failed", "2025-10-22 02:00:00.000000", 3, "exit 1", None),
    (8, "Dropped", "Random", "cancelled", "2025-10-22T03:00:00+02:00", 0, None, None),
    (9, " \n", "RANDOM", "PENDING", "not a time", 0, None, None),
    (10, "Later word", "THOUGHT", "SHELVED", "2025-10-23 00:00:00.000000", 0, None, None),
)
#: task id → project id, project name
OLD_PROJECTS: dict[int, tuple[str | None, str | None]] = {
    1: ("my-app", "My App"),
    2: ("My App", None),
    3: ("日本語", "日本語"),
    7: ("-x", None),
    8: ("!!!", None),
    9: ("", None),
}
#: id, task_id, total_cost_usd, duration_ms, duration_api_ms, num_turns, created_at, project_id
OLD_USAGE: Rows = (
    (1, 1, "0.0721", 1000, 900, 4, "2025-10-20 20:05:00.000000", "my-app"),
    (2, 1, "1e-05", 10, 9, 1, "2025-10-20 23:59:59.999999", "My App"),
    (3, 3, "", None, None, None, "2025-10-22 01:05:00.000000", "日本語"),
    (4, 3, "abc", 1, 1, 1, "2025-10-22 01:06:00.000000", "日本語"),
    (5, 7, "NaN", 1, 1, 1, "2025-10-22 02:05:00.000000", None),
    (6, 7, "-1", 1, 1, 1, "2025-10-22 02:06:00.000000", None),
    (7, 7, None, 1, 1, 1, "2025-10-22 02:07:00.000000", None),
    (12, 999, "2.5", 1, 1, 1, "2025-10-23 00:00:00.000000", "gone"),
)
OLD_RESULT = (1, 1, "Done.", '["a.py"]', "[]", "abc123", None, "main", "workspace", 60)


def write_before_projects(file: Path) -> None:
    """The first shape: no projects, no usage."""
    with closing(sqlite3.connect(file)) as connection, connection:
        for table in (TASKS_BEFORE, RESULTS):
            connection.execute(table)
        _write_tasks(connection)


def write_with_usage(file: Path, *, more: Sequence[str] = ()) -> None:
    """The second shape; `more` is what later versions, or people, added."""
    with closing(sqlite3.connect(file)) as connection, connection:
        for table in (TASKS, RESULTS, USAGE):
            connection.execute(table)
        _write_tasks(connection)
        for task_id, (project, name) in OLD_PROJECTS.items():
            connection.execute(
                "UPDATE tasks SET project_id=?, project_name=? WHERE id=?", (project, name, task_id)
            )
        connection.executemany(
            "INSERT INTO usage_metrics VALUES (?, ?, ?, ?, ?, ?, ?, ?)", OLD_USAGE
        )
        for statement in more:
            connection.execute(statement)


def _write_tasks(connection: sqlite3.Connection) -> None:
    connection.executemany(
        "INSERT INTO tasks (id, description, priority, status, created_at, attempt_count,"
        " error_message, result_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        OLD_TASKS,
    )
    connection.execute(
        "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '2025-10-20 20:05:00.000000')",
        OLD_RESULT,
    )
