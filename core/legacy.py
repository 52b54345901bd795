"""Takes over a SQLite database of the first generation: tables tasks, results, usage_metrics.

Every row keeps its id. Tables whose names ours need are set aside as `legacy_<name>`, and tasks and
usage_metrics are brought over from there. A table set aside is dropped when all of its columns
were brought over, and stays when it has columns, or is a table, that this program does not know:
nothing that somebody stored is thrown away. `results` and every other table stay untouched.

Tasks in progress become failed (nothing owns their runs any more); costs that are no amounts keep
their text in `unread_cost`. Projects are created for every project id, under the slug that
`--project` would give them today.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, inspect, text

from core import legacy_rows
from core.errors import DatabaseError

log = structlog.get_logger(__name__)

#: what a table of the older database is called once it is set aside
PREFIX = "legacy_"
#: the tables of schema revision 0001, into which the rows are brought over
OURS = frozenset(
    {
        "projects",
        "tasks",
        "task_dependencies",
        "runs",
        "budget_windows",
        "holds",
        "budget_entries",
        "usage_metrics",
        "usage_models",
        "events",
        "credit_windows",
    }
)
_TASK = frozenset({"id", "description", "priority", "status", "created_at", "attempt_count"})
_TASK_LATER = frozenset(
    {"started_at", "completed_at", "error_message", "result_id", "context", "assigned_to"}
    | {"slack_thread_ts", "project_id", "project_name"}
)
_USAGE = frozenset({"id", "task_id", "created_at", "total_cost_usd"})
_USAGE_LATER = frozenset({"duration_ms", "duration_api_ms", "num_turns", "project_id"})
#: rows of one INSERT
_BATCH = 500


@dataclass(frozen=True)
class Old:
    """What was found: the columns of each table whose name is ours."""

    columns: dict[str, frozenset[str]]

    @property
    def has_usage(self) -> bool:
        return self.columns.get("usage_metrics", frozenset()) >= _USAGE

    @property
    def brought_over_whole(self) -> set[str]:
        known = {"tasks": _TASK | _TASK_LATER}
        if self.has_usage:
            known["usage_metrics"] = _USAGE | _USAGE_LATER
        return {name for name, columns in known.items() if self.columns.get(name, set()) <= columns}

    def has_project(self, table: str) -> bool:
        return "project_id" in self.columns.get(table, frozenset())


def recognise(database: str, connection: Connection) -> Old | None:
    """None: nothing is in our way. Raises DatabaseError for tables of another program."""
    found = inspect(connection)
    in_the_way = OURS.intersection(found.get_table_names())
    if not in_the_way:
        return None
    old = Old({t: frozenset(c["name"] for c in found.get_columns(t)) for t in sorted(in_the_way)})
    if connection.dialect.name != "sqlite" or not old.columns.get("tasks", frozenset()) >= _TASK:
        problem = (
            f"it has tables of another program ({', '.join(sorted(in_the_way))}); "
            "set database.url to a database of its own"
        )
        raise DatabaseError(database=database, problem=problem)
    return old


def set_aside(connection: Connection, old: Old) -> None:
    """Make room for our tables. Names of indexes are shared by all tables, so they go."""
    for table in old.columns:
        for name in _indexes(connection, table):
            connection.exec_driver_sql(f"DROP INDEX {_quoted(name)}")
        connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {PREFIX}{table}")


def bring_over(database: str, connection: Connection, old: Old, now: datetime) -> None:
    """Copy what was set aside into revision 0001, count it, and drop what is held twice.

    Raises DatabaseError when a row is missing; the caller's transaction is then rolled back.
    """
    slugs = _create_projects(connection, old, now)

    def slug(original: object) -> str | None:
        return slugs.get(_spelled(original))

    _copy(connection, "tasks", _INSERT_TASK, lambda row: legacy_rows.task(row, slug, now))
    if old.has_usage:
        _copy(connection, "usage_metrics", _INSERT_USAGE, lambda r: legacy_rows.usage(r, slug, now))
    _continue_numbering(connection, old)
    connection.execute(_FORM_LINES)
    for table in ("tasks", *(("usage_metrics",) if old.has_usage else ())):
        _refuse_losses(database, connection, table)
    for table in old.brought_over_whole & old.columns.keys():
        connection.exec_driver_sql(f"DROP TABLE {PREFIX}{table}")
    log.info("database.taken_over", database=database, projects=len(set(slugs.values())))


_INSERT_TASK = text(
    "INSERT INTO tasks (id, description, priority, status, created_at, updated_at, started_at,"
    " completed_at, attempt_count, crash_count, error_class, error_message, result_id, context,"
    " assigned_to, slack_thread_ts, project_id, project_name, correlation_id, lease_epoch)"
    " VALUES (:id, :description, :priority, :status, :created_at, :updated_at, :started_at,"
    " :completed_at, :attempt_count, 0, :error_class, :error_message, :result_id, :context,"
    " :assigned_to, :slack_thread_ts, :project_id, :project_name, :correlation_id, 0)"
)
_INSERT_USAGE = text(
    "INSERT INTO usage_metrics (id, task_id, project_id, total_cost_usd, cost_nano, cost_source,"
    " duration_ms, duration_api_ms, num_turns, created_at, unread_cost, correlation_id)"
    " VALUES (:id, :task_id, :project_id, :total_cost_usd, :cost_nano, 'imported',"
    " :duration_ms, :duration_api_ms, :num_turns, :created_at, :unread_cost, :correlation_id)"
)
#: of each project's pending tasks the first may start, the others wait behind it (core.line)
_FORM_LINES = text(
    "UPDATE tasks SET wait_reason = 'project_busy' WHERE id IN ("
    "  SELECT id FROM (SELECT id, row_number() OVER ("
    "    PARTITION BY project_id ORDER BY (priority = 'serious') DESC, id) AS place"
    "    FROM tasks WHERE status = 'pending' AND project_id IS NOT NULL) WHERE place > 1)"
)
_INSERT_PROJECT = text(
    "INSERT INTO projects (id, name, status, created_at, updated_at)"
    " VALUES (:id, :name, 'active', :now, :now)"
)


def _copy(
    connection: Connection, table: str, insert: Any, translate: Callable[[Any], dict[str, Any]]
) -> None:
    rows = connection.exec_driver_sql(f"SELECT * FROM {PREFIX}{table} ORDER BY id")  # noqa: S608 - our names
    for batch in rows.mappings().partitions(_BATCH):
        connection.execute(insert, [translate(row) for row in batch])


def _create_projects(connection: Connection, old: Old, now: datetime) -> dict[str, str]:
    """One project for every id that was used; the slug of each original spelling."""
    slugs: dict[str, str] = {}
    names: dict[str, str] = {}
    for original, name in _used_projects(connection, old):
        slugs[original] = slug = legacy_rows.usable_slug(original)
        if slug not in names:
            names[slug] = name or original
        elif slug != original:
            log.warning("database.projects_met", slug=slug, known=names[slug], also=original)
    created = legacy_rows.stored(now)
    for slug, name in names.items():
        connection.execute(_INSERT_PROJECT, {"id": slug, "name": name, "now": created})
    return slugs


def _used_projects(connection: Connection, old: Old) -> Iterable[tuple[str, str | None]]:
    """Original spellings, each once, tasks before usage, the oldest first."""
    seen: dict[str, str | None] = {}
    for table in ("tasks", "usage_metrics"):
        if not old.has_project(table):
            continue
        name = "project_name" if "project_name" in old.columns[table] else "NULL"
        rows = connection.exec_driver_sql(
            f"SELECT project_id, max({name}) FROM {PREFIX}{table}"  # noqa: S608 - our names
            " GROUP BY project_id ORDER BY min(id)"
        )
        for project_id, named in rows:
            if original := _spelled(project_id):
                seen[original] = seen.get(original) or named
    return seen.items()


def _spelled(original: object) -> str:
    return str(original).strip() if original is not None else ""


def _continue_numbering(connection: Connection, old: Old) -> None:
    """A new task must not get the number of a deleted one whose costs or results are still here."""
    used = [connection.exec_driver_sql("SELECT max(id) FROM tasks").scalar()]
    if old.has_usage:
        used.append(connection.exec_driver_sql("SELECT max(task_id) FROM usage_metrics").scalar())
    if "task_id" in _columns(connection, "results"):
        used.append(connection.exec_driver_sql("SELECT max(task_id) FROM results").scalar())
    highest = max((n for n in used if isinstance(n, int)), default=0)
    connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = 'tasks'")
    connection.exec_driver_sql("INSERT INTO sqlite_sequence VALUES ('tasks', ?)", (highest,))


def _refuse_losses(database: str, connection: Connection, table: str) -> None:
    before = connection.exec_driver_sql(f"SELECT count(*) FROM {PREFIX}{table}").scalar_one()  # noqa: S608 - our names
    after = connection.exec_driver_sql(
        f"SELECT count(*) FROM {table} JOIN {PREFIX}{table} USING (id)"  # noqa: S608 - our names
    ).scalar_one()
    if before != after:
        problem = f"{table} has {before} rows and only {after} came over; nothing was changed"
        raise DatabaseError(database=database, problem=problem)


def _indexes(connection: Connection, table: str) -> list[str]:
    """Those with a definition; SQLite's own go with the table."""
    rows = connection.execute(
        text("SELECT name FROM sqlite_master WHERE type='index' AND tbl_name=:t AND sql NOTNULL"),
        {"t": table},
    )
    return [row[0] for row in rows]


def _columns(connection: Connection, table: str) -> set[str]:
    found = connection.execute(text("SELECT name FROM pragma_table_info(:t)"), {"t": table})
    return {row[0] for row in found}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
