"""Slack, composed: the desk, the courier, the pages, and the connection that feeds them.

It runs beside the daemon and never in its way: `start` returns at once, and what goes wrong in here
is logged and tried again. It stops in this order: accept nothing more, finish what is accepted,
bring the last messages and cards on their way, close. The stack below is that order, read upwards.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Final

import structlog

from core.alerts import BudgetAlerts
from core.credentials import Credentials
from core.health import Chat, ChatState
from core.people import Habits
from core.quiet_night import Conditions
from core.task_view import TaskView, task_view
from interfaces.bot import Bot, Surroundings
from interfaces.slack.connecting.clients import Clients
from interfaces.slack.connecting.connection import Connection, Pace
from interfaces.slack.connecting.identity import Identity, other_app
from interfaces.slack.connecting.tokens import Refused, Tokens, nobody_may, off_because, tokens_of
from interfaces.slack.incoming import app as slack_app
from interfaces.slack.incoming.desk import Desk
from interfaces.slack.incoming.office import Office, Premises
from interfaces.slack.incoming.people import People
from interfaces.slack.manifest import missing_scopes
from interfaces.slack.outgoing.courier import Courier
from interfaces.slack.outgoing.digest import MorningDigest
from interfaces.slack.outgoing.equipment import Equipment
from interfaces.slack.outgoing.household import Household
from interfaces.slack.outgoing.publishing import HomePages
from interfaces.slack.rendering import bulletins

__all__ = ["SlackFrontEnd", "off_because"]

log = structlog.get_logger(__name__)

#: seconds for the whole of `stop`
GOODBYE: Final = 8.0
#: seconds of it for what was accepted; Slack has had its acknowledgements by then
_DRAIN: Final = 2.0
#: seconds before a front end that stumbled is built anew; doubled each time
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 300.0
#: of the courier, so that commands never wait behind it
_COURIER_THREADS: Final = 2


@dataclass(frozen=True, slots=True)
class _Staff:
    """Who has to hear that something happened."""

    courier: Courier
    pages: HomePages

    def wake(self) -> None:
        self.courier.wake()
        self.pages.wake()


class SlackFrontEnd:
    def __init__(
        self, credentials: Credentials, surroundings: Surroundings, pace: Pace | None = None
    ) -> None:
        self._credentials, self._given = credentials, surroundings
        self._pace = pace
        self._clock = surroundings.queue.clock
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._connection: Connection | None = None
        self._staff: _Staff | None = None
        self._chat = Chat(ChatState.CONNECTING)

    @property
    def chat(self) -> Chat:
        """How the connection is, for whoever asks how the daemon is."""
        return self._connection.state if self._connection else self._chat

    async def start(self) -> None:
        """At once; Slack is looked for behind it."""
        if self._task is None:
            self._task = asyncio.create_task(self._supervise(), name="slack")

    async def stop(self) -> None:
        """Within GOODBYE seconds, whatever Slack does."""
        self._stopping.set()
        task, self._task = self._task, None
        if task is None:
            return
        if self._staff is None:
            task.cancel()  # nothing has been accepted yet
        elif self._connection:
            await self._connection.close()
        _, late = await asyncio.wait({task}, timeout=GOODBYE)
        if late:
            log.warning("slack.stopped_late", seconds=GOODBYE)
            task.cancel()
            await asyncio.wait({task})

    def wake(self) -> None:
        """Something may have happened; costs nothing, from the loop."""
        if self._staff:
            self._staff.wake()

    # --- one life after the other -------------------------------------------------------------

    async def _supervise(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                await self._live()
                break
            except Exception:
                log.exception("slack.stumbled", again_in_seconds=pause)
                self._chat = Chat(ChatState.LOST, self._clock.now(), "the Slack app stumbled")
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _live(self) -> None:
        """Until it is stopped or a token is refused."""
        match tokens_of(self._credentials):
            case Refused(variable=variable, sentence=sentence):
                self._chat = Chat(ChatState.OFF, self._clock.now(), sentence)
                log.error("slack.token_refused", variable=variable, problem=sentence)
            case Tokens() as tokens:
                try:
                    async with AsyncExitStack() as stack:
                        await self._work(tokens, stack)
                finally:
                    self._chat, self._connection, self._staff = self.chat, None, None

    async def _work(self, tokens: Tokens, stack: AsyncExitStack) -> None:
        token = tokens.bot.get_secret_value()
        clients = Clients.open(token, self._credentials.slack_api_url)
        stack.push_async_callback(clients.close)
        connection = Connection(clients.patient, tokens, self._clock, self._pace)
        self._connection = connection
        identity = await connection.greet()
        if not isinstance(identity, Identity):
            return
        await self._tell_what_is_missing(clients, identity)
        office = await self._open(clients, identity, connection, stack)
        app = slack_app.build(office)
        stack.push_async_callback(connection.close)
        await connection.serve(app)

    async def _open(
        self, clients: Clients, identity: Identity, connection: Connection, stack: AsyncExitStack
    ) -> Office:
        """Whoever starts a thing registers its stop, at once."""
        courier = await self._start_courier(clients, connection, stack)
        desk = Desk()
        stack.push_async_callback(desk.drain, _DRAIN)
        house = await self._household(desk)
        pages = HomePages(house, clients.patient)
        digest = MorningDigest(house, courier.wake)
        office = self._office(clients, identity, desk, pages)
        office.people.on_change = pages.on_choice = digest.wake
        self._staff = _Staff(courier, pages)
        for service in (pages, digest):
            await service.start()
            stack.push_async_callback(service.stop)
        return office

    async def _start_courier(
        self, clients: Clients, connection: Connection, stack: AsyncExitStack
    ) -> Courier:
        """Before anybody can ask for anything: cards come from events that are read from now on."""
        threads = Desk(threads=_COURIER_THREADS)
        stack.push_async_callback(threads.drain, 0.0)
        queue = self._given.queue
        equipment = Equipment(
            client=clients.strict,
            database=queue.database,
            threads=threads,
            view_of=self._view_of,
            clock=self._clock,
            further=[self._alerts().tell],
            on_refused=lambda _: connection.suspect(),
        )
        courier = Courier(equipment)
        await courier.start()
        stack.push_async_callback(courier.stop)
        return courier

    # --- what each of them is given -----------------------------------------------------------

    def _office(self, clients: Clients, identity: Identity, desk: Desk, pages: HomePages) -> Office:
        queue, settings = self._given.queue, self._given.settings
        people = People(clients.patient, queue.database, self._clock, settings.budget.zone, desk)
        bot = Bot(self._given)
        premises = Premises(bot, people, queue, clients.patient, identity, pages)
        return Office.open(premises, settings.slack, desk)

    async def _household(self, desk: Desk) -> Household:
        settings = self._given.settings
        admins = frozenset(settings.slack.admins)
        return Household(
            database=self._given.queue.database,
            clock=self._clock,
            threads=desk,
            conditions=await desk.in_thread(self._conditions),
            habits=Habits(settings.slack.digest_at, settings.budget.zone),
            users=frozenset(settings.slack.allowed_users) | admins,
            admins=admins,
        )

    def _conditions(self) -> Callable[[], Conditions]:
        """They are the daemon's for as long as it lives."""
        health = self._given.health()
        found = Conditions(
            self._given.policy, self._given.slots, health.idle_because, health.started_at
        )
        return lambda: found

    def _alerts(self) -> BudgetAlerts:
        lists = self._given.settings.slack
        readers = lists.admins or lists.allowed_users
        return BudgetAlerts(self._given.policy, readers, bulletins.alert)

    def _view_of(self, task_id: int) -> TaskView:
        return task_view(self._given.queue, self._given.policy, self._given.slots, task_id)

    async def _tell_what_is_missing(self, clients: Clients, identity: Identity) -> None:
        problem = nobody_may(self._given.settings.slack)
        if problem:
            log.warning("slack.closed", problem=problem)
        missing = {} if identity.scopes is None else missing_scopes(identity.scopes)
        for scope, cost in missing.items():
            log.warning("slack.scope_missing", scope=scope, without_it=cost)
        stranger = await other_app(clients.patient, identity)
        if stranger:
            log.warning("slack.two_apps", problem=stranger.sentence)
