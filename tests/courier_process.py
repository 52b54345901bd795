"""A courier as a process that a failpoint may kill; `test_slack_crashes` starts it."""

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from core.database import Database
from core.policy import BudgetPolicy
from core.task_queue import TaskQueue
from core.task_view import TaskView, task_view
from interfaces.slack.incoming.desk import Desk
from interfaces.slack.outgoing.courier import Courier
from interfaces.slack.outgoing.equipment import Equipment


class NoonClock:
    """As the test's, which stands still."""

    def now(self) -> datetime:
        return datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

    def monotonic(self) -> float:
        return time.monotonic()


POLICY = BudgetPolicy.from_dollars(10.0, 90.0, (20, 8))


async def deliver(file: Path, address: str, token: str) -> None:
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(token, address, session=session, retry_handlers=[])
        client.proxy = None
        with Database(f"sqlite:///{file}") as database:
            queue = TaskQueue(database, NoonClock())

            def view_of(task_id: int) -> TaskView:
                return task_view(queue, POLICY, 3, task_id)

            equipment = Equipment(client, database, Desk(), view_of, NoonClock())
            await Courier(equipment).start()
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(deliver(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
