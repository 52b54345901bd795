"""What the courier and its lanes are given to work with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

import structlog
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Database
from core.task_view import TaskView
from interfaces.slack.outgoing.planning import Further

log = structlog.get_logger(__name__)

#: seconds until a refused token is tried once more
WITHDRAWN: Final = 300.0

P = ParamSpec("P")
Result = TypeVar("Result")


class Threads(Protocol):
    """Where work runs that waits for the database; the desk."""

    async def in_thread(
        self, function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs
    ) -> Result: ...


@dataclass(frozen=True, slots=True)
class Equipment:
    #: one that repeats nothing by itself: a message whose answer got lost would stand there twice
    client: AsyncWebClient
    database: Database
    threads: Threads
    view_of: Callable[[int], TaskView]
    clock: Clock
    #: what else listens to events, in the transaction that reads them
    further: Sequence[Further] = ()
    #: told, with Slack's word, when the token is refused: nothing is delivered until it is taken
    on_refused: Callable[[str], None] = lambda _word: None

    def __post_init__(self) -> None:
        if self.client.retry_handlers:
            message = "the courier's client must repeat nothing by itself: retry_handlers=[]"
            raise ValueError(message)

    def now(self) -> datetime:
        return self.clock.now()

    async def read(
        self,
        look: Callable[Concatenate[Session, P], Result],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Result:
        def work() -> Result:
            with self.database.read() as session:
                return look(session, *args, **kwargs)

        return await self.threads.in_thread(work)

    async def write(
        self,
        change: Callable[Concatenate[Connection, P], Result],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Result:
        """One transaction."""

        def work() -> Result:
            with self.database.write() as connection:
                return change(connection, *args, **kwargs)

        return await self.threads.in_thread(work)


class Permit:
    """Withdrawn when Slack refuses the token. Only a person can mend that, but Slack has been wrong
    about it, too: so one try now and then goes on.
    """

    def __init__(self, clock: Clock, on_refused: Callable[[str], Any]) -> None:
        self._clock, self._on_refused = clock, on_refused
        self._again_at = 0.0

    def holds(self) -> bool:
        return self._clock.monotonic() >= self._again_at

    def withdraw(self, word: str) -> None:
        if self.holds():
            self._again_at = self._clock.monotonic() + WITHDRAWN
            log.error("slack.delivery_stopped", error=word)
            self._on_refused(word)
