"""What every command needs: settings, a clock, and the queue on a database that is fit for use."""

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from core.clock import Clock, SystemClock
from core.errors import DatabaseError

if TYPE_CHECKING:
    from core.database import Database
    from core.policy import BudgetPolicy
    from core.settings import Settings
    from core.task_queue import TaskQueue


@dataclass
class Invocation:
    """One call of the program; the heavy parts of core are imported when a command needs them."""

    config: Path | None = None
    debug: bool = False
    clock: Clock | None = None
    #: None: look whether stdout is one
    on_terminal: bool | None = None

    def configure(self, config: str | None, *, debug: bool) -> None:
        self.config = Path(config) if config else self.config
        self.debug = self.debug or debug

    @property
    def terminal(self) -> bool:
        return sys.stdout.isatty() if self.on_terminal is None else self.on_terminal

    @cached_property
    def time(self) -> Clock:
        return self.clock or SystemClock()

    @cached_property
    def settings(self) -> "Settings":
        from core.logs import configure_logging
        from core.settings import load_settings

        settings = load_settings(self.config)
        # what core logs beside its answer: only what a person at a prompt must know
        configure_logging(settings.logging.model_copy(update={"level": "WARNING"}))
        return settings

    @property
    def policy(self) -> "BudgetPolicy":
        from core.policy import BudgetPolicy

        return BudgetPolicy.of(self.settings.budget)

    @property
    def slots(self) -> int:
        return self.settings.scheduler.max_parallel_tasks

    @contextmanager
    def database(self) -> Iterator["Database"]:
        """As it is, existing or not; the driver's errors come out as ours."""
        from sqlalchemy.exc import DBAPIError

        from core.database import Database

        with Database(self.settings.database.url) as database:
            try:
                yield database
            except DBAPIError as error:
                raise DatabaseError(database=name_of(database), problem=str(error.orig)) from error

    @contextmanager
    def queue(self) -> Iterator["TaskQueue"]:
        """On a database that is there and has today's schema. Raises DatabaseError."""
        from core.task_queue import TaskQueue

        with self.database() as database:
            require_current(database)
            yield TaskQueue(database, self.time)

    @contextmanager
    def queue_made(self) -> Iterator["TaskQueue"]:
        """The database is created or upgraded where it has to be."""
        from core.migrate import migrate
        from core.task_queue import TaskQueue

        with self.database() as database:
            migrate(database, self.time)
            yield TaskQueue(database, self.time)


def require_current(database: "Database") -> None:
    """Raises DatabaseError, saying what makes it right; creates and changes nothing."""
    from core.migrate import revision
    from core.migrations import HEAD

    if database.path and not database.path.is_file():
        problem = "there is none yet; `sleepless task` or `sleepless up` creates it"
        raise DatabaseError(database=name_of(database), problem=problem)
    found = revision(database)
    if found != HEAD:
        problem = (
            f"its schema is {found or 'older than any of ours'} and this program needs {HEAD}; run"
            " `sleepless db upgrade` (or start the daemon)"
        )
        raise DatabaseError(database=name_of(database), problem=problem)


def name_of(database: "Database") -> str:
    return str(database.path) if database.path else database.url.render_as_string()


def who_asks() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"
