"""What every listener is given: the bot, who may, the desk, and who we are."""

from dataclasses import dataclass
from typing import Self

from slack_sdk.web.async_client import AsyncWebClient
from structlog.contextvars import get_contextvars

from core import outbox
from core.clock import Clock
from core.inbox import Inbox
from core.logs import new_correlation_id
from core.settings import SlackSettings
from core.task_queue import TaskQueue
from interfaces.bot import Bot, Request
from interfaces.slack.connecting.identity import Identity
from interfaces.slack.incoming.access import Access, Pace, Seldom
from interfaces.slack.incoming.delivery import Delivery
from interfaces.slack.incoming.desk import Desk
from interfaces.slack.incoming.people import People
from interfaces.slack.outgoing.publishing import HomePages


@dataclass(frozen=True, slots=True)
class Premises:
    """What the front end has before there is an office."""

    bot: Bot
    people: People
    queue: TaskQueue
    client: AsyncWebClient
    identity: Identity
    home: HomePages | None = None


@dataclass(frozen=True, slots=True)
class Office:
    bot: Bot
    people: People
    queue: TaskQueue
    clock: Clock
    client: AsyncWebClient
    identity: Identity
    access: Access
    desk: Desk
    inbox: Inbox
    pace: Pace
    #: refusals that stay in a conversation
    seldom: Seldom
    #: None: nobody's home page is drawn
    home: HomePages | None = None

    @classmethod
    def open(cls, premises: Premises, settings: SlackSettings, desk: Desk | None = None) -> Self:
        """Whoever opens it drains `desk` when it closes."""
        clock = premises.queue.clock
        return cls(
            bot=premises.bot,
            people=premises.people,
            queue=premises.queue,
            clock=clock,
            client=premises.client,
            identity=premises.identity,
            access=Access.of(settings, premises.identity),
            desk=desk or Desk(),
            inbox=Inbox(premises.queue.database, clock),
            pace=Pace(settings.commands_per_minute, clock),
            seldom=Seldom(clock),
            home=premises.home,
        )

    async def request_of(self, delivery: Delivery, thread_ts: str | None = None) -> Request:
        """What the bot is told of a delivery; a place that is no conversation is the person."""
        person = await self.people.about(delivery.user)
        bound = get_contextvars().get("correlation_id")
        return Request(
            user=delivery.user,
            channel=delivery.channel or delivery.user,
            key=delivery.key,
            zone=person.zone,
            correlation_id=bound or new_correlation_id(self.clock),
            thread_ts=thread_ts,
            default_project=person.default_project,
        )

    def task_of(self, delivery: Delivery) -> int | None:
        """Whose thread it was said in; belongs in a thread of the desk."""
        if delivery.channel is None or delivery.thread_ts is None:
            return None
        with self.queue.database.read() as session:
            return outbox.task_of_thread(session, delivery.channel, delivery.thread_ts)
