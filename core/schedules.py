"""Ticks at the edges of nights, days and the UTC calendar day; the only user of APScheduler.

It ticks and never runs work: what a tick means is the budget's to say, and a missed one costs
nothing, because limits follow from the time and not from a reset job.
"""

from collections.abc import Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from core.windows import Hours

#: a tick that comes late (a suspended machine) is still worth a look
_GRACE_SECONDS = 3600


class EdgeTicks:
    def __init__(self, hours: Hours, on_edge: Callable[[str], None]) -> None:
        self._scheduler = AsyncIOScheduler()
        for name, trigger in (
            ("night", _daily(hours, night=True)),
            ("daytime", _daily(hours, night=False)),
            ("utc_day", CronTrigger(hour=0, minute=0, timezone="UTC")),
        ):
            self._scheduler.add_job(
                on_edge,
                trigger,
                args=[name],
                id=name,
                coalesce=True,
                misfire_grace_time=_GRACE_SECONDS,
            )

    async def start(self) -> None:
        self._scheduler.start()

    async def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


def _daily(hours: Hours, *, night: bool) -> CronTrigger:
    wall = hours.night_start if night else hours.night_end
    return CronTrigger(hour=wall.hour, minute=wall.minute, timezone=hours.zone)
