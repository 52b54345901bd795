"""The provider's own usage window: five hours from the first run, or as the provider says."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, update

from core.models import CreditWindow

#: until the provider's rate-limit events say otherwise
LENGTH = timedelta(hours=5)


def count_run(connection: Connection, backend: str, now: datetime) -> None:
    """One more run in the open window; the first one opens it."""
    counted = connection.execute(
        update(CreditWindow)
        .where(
            CreditWindow.backend == backend,
            CreditWindow.starts_at <= now,
            CreditWindow.ends_at > now,
        )
        .values(tasks_executed=CreditWindow.tasks_executed + 1)
    )
    if not counted.rowcount:
        connection.execute(
            insert(CreditWindow).values(
                backend=backend, starts_at=now, ends_at=now + LENGTH, tasks_executed=1
            )
        )


def correct_end(connection: Connection, backend: str, resets_at: datetime, now: datetime) -> None:
    """The provider has said when its window ends: that goes before what we assumed."""
    connection.execute(
        update(CreditWindow)
        .where(
            CreditWindow.backend == backend,
            CreditWindow.starts_at <= now,
            CreditWindow.ends_at > now,
            CreditWindow.starts_at < resets_at,
        )
        .values(ends_at=resets_at, reported=True)
    )
