"""What is wrong with a database, each in one sentence that says what to do about it."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from core.database import Database
from core.errors import DatabaseError
from core.migrate import revision
from core.migrations import HEAD

#: write-ahead logs are cut to 64 MiB at every reset; a longer one has not been reset for a while
WAL_TOO_LONG = 128 * 1024 * 1024
#: write-ahead logging needs memory that all processes share: one machine
_NETWORK_FILESYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "afpfs", "ceph", "glusterfs", "lustre"}
    | {"fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.glusterfs", "davfs", "fuse.davfs2", "webdav"}
)


def check(database: Database) -> list[str]:
    """Problems, worst first; an empty list means that nothing was found. Changes nothing."""
    try:
        return list(_problems(database))
    except DatabaseError as error:
        return [error.message]
    except DBAPIError as error:
        return [f"The database cannot be read: {error.orig}"]


def _problems(database: Database) -> Iterator[str]:
    if database.path and not database.path.is_file():
        yield f"There is no database {database.path} yet; `sleepless db upgrade` creates it."
        return
    found = revision(database)
    with database.read() as session:
        if database.path:
            yield from _damage(session)
        if found == HEAD:
            yield from _contradictions(session)
    if found != HEAD:
        yield f"Its schema is {found or 'older than ours'}; `sleepless db upgrade` makes it {HEAD}."
    if database.path:
        yield from _filesystem(database.path)


def _damage(session: Session) -> Iterator[str]:
    for (verdict,) in session.execute(text("PRAGMA integrity_check(5)")):
        if verdict != "ok":
            yield f"It is damaged: {verdict}. Stop the daemon and restore a copy."
    dangling = session.execute(text("PRAGMA foreign_key_check")).all()
    if dangling:
        table, row, parent, _ = dangling[0]
        yield (
            f"{len(dangling)} rows point to nothing, the first is row {row} of {table}, which "
            f"points to {parent}; it was edited by hand, or needs a copy restored."
        )


def _contradictions(session: Session) -> Iterator[str]:
    for rule in _NEVER:
        rows = [str(row) for row in session.scalars(text(rule.query))]
        if rows:
            listed = ", ".join(rows[:_SHOWN]) + (" …" if len(rows) > _SHOWN else "")
            yield rule.sentence.format(ids=listed)


#: how many ids of a contradiction are told
_SHOWN = 5


@dataclass(frozen=True)
class _Rule:
    """What transactions of ours can never leave behind: no id may come out of the query."""

    sentence: str
    query: str


_NEVER = (
    _Rule(
        "Money is still set aside for runs that have ended: {ids}.",
        "SELECT h.run_id FROM holds h JOIN runs r ON r.id = h.run_id"
        " WHERE h.state = 'held' AND r.outcome IS NOT NULL ORDER BY 1",
    ),
    _Rule(
        "Tasks are in progress and nothing runs them: {ids}.",
        "SELECT t.id FROM tasks t WHERE t.status = 'in_progress' AND NOT EXISTS"
        " (SELECT 1 FROM runs r WHERE r.task_id = t.id AND r.outcome IS NULL) ORDER BY 1",
    ),
    _Rule(
        "Runs are open though their tasks are not in progress: {ids}.",
        "SELECT r.id FROM runs r JOIN tasks t ON t.id = r.task_id"
        " WHERE r.outcome IS NULL AND t.status <> 'in_progress' ORDER BY 1",
    ),
)


def advise(database: Database) -> list[str]:
    """What is not wrong but better otherwise, for doctor."""
    if not database.path:
        return []
    return [*_version_advice(sqlite3.sqlite_version_info), *_log_advice(database.path)]


def _version_advice(version: tuple[int, ...]) -> Iterator[str]:
    if not is_sound(version):
        yield (
            f"SQLite {'.'.join(map(str, version[:3]))} can, very rarely, damage a database that"
            " several programs write at once; 3.51.3, 3.50.7 and 3.44.6 cannot. Update it, or keep"
            " backups."
        )


def _log_advice(path: Path) -> Iterator[str]:
    log = path.with_name(path.name + "-wal")
    size = log.stat().st_size if log.exists() else 0
    if size > WAL_TOO_LONG:
        yield (
            f"The write-ahead log {log} has {size // 2**20} MiB, because some program reads without"
            " an end; close programs that have the database open."
        )


def _filesystem(path: Path) -> Iterator[str]:
    filesystem = filesystem_of(path)
    if filesystem in _NETWORK_FILESYSTEMS:
        yield (
            f"{path} lies on a network filesystem ({filesystem}), where SQLite's locks do not hold;"
            " move it to a local disk, or use PostgreSQL."
        )


def is_sound(version: tuple[int, ...]) -> bool:
    """Without the WAL-reset bug: sqlite.org/wal.html, "The WAL-reset bug"; 3.52.0 was withdrawn."""
    return (
        version >= (3, 51, 3)
        or (3, 50, 7) <= version < (3, 51, 0)
        or (3, 44, 6) <= version < (3, 45, 0)
    )


def filesystem_of(path: Path) -> str:
    """The type of the mount that holds the path, `ext4` say; empty where it is not told."""
    resolved = path.resolve()
    mounts = {Path(m.mountpoint): m.fstype for m in psutil.disk_partitions(all=True)}
    return next((mounts[folder] for folder in resolved.parents if folder in mounts), "")
