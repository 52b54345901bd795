"""The provider's own usage window: five hours from the first run, or as the provider says."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, insert, update

from core.columns import UtcTime
from core.models import CreditWindow

#: until the provider's rate-limit events say otherwise
LENGTH = timedelta(hours=5)
#: no provider's window is open for longer; those that began before need not be looked at
LONGEST = timedelta(days=31)

#: not yet over is enough: of two workers' clocks, one may be behind that of the run that opened it
_COUNT = (
    update(CreditWindow)
    .where(
        CreditWindow.backend == bindparam("of"),
        CreditWindow.starts_at > bindparam("long_ago", type_=UtcTime()),
        CreditWindow.ends_at > bindparam("now", type_=UtcTime()),
    )
    .values(tasks_executed=CreditWindow.tasks_executed + 1)
)


def count_run(connection: Connection, backend: str, now: datetime) -> None:
    """One more run in the open window; the first one opens it."""
    times = {"of": backend, "now": now, "long_ago": now - LONGEST}
    counted = connection.execute(_COUNT, times)
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
            CreditWindow.ends_at > now,
            CreditWindow.starts_at < resets_at,
        )
        .values(ends_at=resets_at, reported=True)
    )
