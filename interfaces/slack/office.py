"""What every listener is given: the bot, who may, the desk, and who we are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from slack_sdk.web.async_client import AsyncWebClient

from core.clock import Clock
from core.inbox import Inbox
from core.settings import SlackSettings
from core.task_queue import TaskQueue
from interfaces.bot import Bot
from interfaces.slack.access import Access, OncePerHour, Pace
from interfaces.slack.desk import Desk
from interfaces.slack.identity import Identity

if TYPE_CHECKING:
    from interfaces.slack.people import People


@dataclass(frozen=True, slots=True)
class Premises:
    """What the front end has before there is an office."""

    bot: Bot
    people: "People"
    queue: TaskQueue
    client: AsyncWebClient
    identity: Identity


@dataclass(frozen=True, slots=True)
class Office:
    bot: Bot
    people: "People"
    queue: TaskQueue
    clock: Clock
    client: AsyncWebClient
    identity: Identity
    access: Access
    desk: Desk
    inbox: Inbox
    pace: Pace
    #: refusals that stay in a conversation
    seldom: OncePerHour

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
            seldom=OncePerHour(clock),
        )
