"""Copies of a SQLite database that is in use."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC
from pathlib import Path

import structlog
from sqlalchemy import URL

from core.clock import Clock, SystemClock
from core.database import LOCK_PATIENCE, Database
from core.errors import DatabaseError

log = structlog.get_logger(__name__)


def backup(
    database: Database, target: Path | None = None, *, keep: int = 5, clock: Clock | None = None
) -> Path:
    """Write a consistent copy while others go on writing, and answer where it is.

    Without a target it is `<file>.<UTC time>.bak` beside the database, and of those only the newest
    `keep` stay (0: all). A target is never overwritten. Raises DatabaseError.
    """
    source = _file_of(database)
    moment = (clock or SystemClock()).now().astimezone(UTC)
    copy = target or source.with_name(f"{source.name}.{moment:%Y%m%dT%H%M%S%fZ}.bak")
    copy_consistently(source, copy)
    if target is None and keep:
        _prune(source, keep)
    log.info("database.copied", database=str(source), copy=str(copy))
    return copy


def copy_consistently(source: Path, target: Path) -> None:
    """A snapshot that blocks no writer; `target` appears whole and on disk, or not at all."""
    if target.exists():
        problem = f"the copy {target} is there already; give another name"
        raise DatabaseError(database=str(source), problem=problem)
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.part")
    unfinished.unlink(missing_ok=True)  # VACUUM INTO refuses files that exist
    with _explained(source, target):
        try:
            _vacuum_into(source, unfinished)
            _sync(unfinished)
            unfinished.rename(target)
            _sync(target.parent)
        finally:
            unfinished.unlink(missing_ok=True)


def _vacuum_into(source: Path, unfinished: Path) -> None:
    # the file exists before SQLite writes to it, so that nobody else can ever read the copy
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    uri = f"{source.resolve().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=LOCK_PATIENCE)) as connection:
        connection.execute("VACUUM INTO ?", (str(unfinished),))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prune(source: Path, keep: int) -> None:
    """Copies made before an upgrade (`.pre-…`) are not ours to throw away."""
    stamp = "[0-9]" * 8 + "T" + "[0-9]" * 12 + "Z"
    for old in sorted(source.parent.glob(f"{_literal(source.name)}.{stamp}.bak"))[:-keep]:
        old.unlink()


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _file_of(database: Database) -> Path:
    if database.path is None:
        problem = f"it is on a server; copy it there with: {_pg_dump(database.url)}"
        raise DatabaseError(database=database.url.render_as_string(), problem=problem)
    if not database.path.is_file():
        problem = "there is no such file yet; `sleepless up` or `sleepless db upgrade` creates it"
        raise DatabaseError(database=str(database.path), problem=problem)
    return database.path


def _pg_dump(url: URL) -> str:
    bare = url.set(drivername="postgresql", password=None).render_as_string()
    return f"pg_dump --format=custom --file={url.database}.dump '{bare}'"


@contextmanager
def _explained(source: Path, target: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise DatabaseError(
            database=str(source), problem=f"no copy could be written to {target}: {error}"
        ) from error
