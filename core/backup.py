"""Copies of a SQLite database that is in use, and what is wrong with a database, in words."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from core.database import LOCK_PATIENCE


def copy_consistently(source: Path, target: Path) -> None:
    """A snapshot that blocks no writer; `target` appears whole and on disk, or not at all."""
    unfinished = target.with_name(target.name + ".part")
    unfinished.unlink(missing_ok=True)  # VACUUM INTO refuses files that exist
    try:
        with closing(sqlite3.connect(source, timeout=LOCK_PATIENCE)) as connection:
            connection.execute("VACUUM INTO ?", (str(unfinished),))
        _sync(unfinished)
        unfinished.rename(target)
        _sync(target.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
