"""Who may: people, channels and our own team, and how often. Pure; fails closed."""

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Self

from core.clock import Clock
from core.settings import SlackSettings
from interfaces.slack.connecting.identity import Identity

#: people whose pace is remembered at a time
_MOST_PEOPLE = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who wants something and from where, as the payload says."""

    user: str | None
    #: None: from a place that is no conversation, a form or the app's home
    channel: str | None
    #: every team that the payload names as the person's or the place's
    teams: frozenset[str]
    is_bot: bool = False


class Reason(StrEnum):
    NOBODY = "nobody"
    BOT = "bot"
    OTHER_TEAM = "other_team"
    NOT_LISTED = "not_listed"
    CHANNEL = "channel"
    TOO_FAST = "too_fast"


@dataclass(frozen=True, slots=True)
class Allowed:
    user: str


@dataclass(frozen=True, slots=True)
class Refused:
    reason: Reason
    #: plain text for the person: why, and what to do
    advice: str


@dataclass(frozen=True, slots=True)
class Access:
    """The allow-list; an empty one lets nobody in."""

    identity: Identity
    users: frozenset[str]
    channels: frozenset[str]
    admins: frozenset[str]

    @classmethod
    def of(cls, settings: SlackSettings, identity: Identity) -> Self:
        admins = frozenset(settings.admins)
        users = frozenset(settings.allowed_users) | admins
        return cls(identity, users, frozenset(settings.allowed_channels), admins)

    def decide(self, caller: Caller) -> Allowed | Refused:
        """Listed people of our own team, in listed channels or in a direct message."""
        user = caller.user
        if not user:
            return Refused(Reason.NOBODY, "Sleepless answers people only.")
        if caller.is_bot or user == self.identity.bot_user:
            return Refused(Reason.BOT, "Sleepless takes no orders from other apps.")
        if caller.teams != {self.identity.team_id}:
            return Refused(Reason.OTHER_TEAM, "Sleepless works for its own workspace only.")
        if user not in self.users:
            return Refused(Reason.NOT_LISTED, _not_listed(user))
        if not self._may_speak_in(caller.channel):
            return Refused(Reason.CHANNEL, _wrong_place(str(caller.channel)))
        return Allowed(user)

    def _may_speak_in(self, channel: str | None) -> bool:
        return channel is None or channel.startswith("D") or channel in self.channels


def _not_listed(user: str) -> str:
    return (
        "You are not on the list of people Sleepless works for. Ask whoever runs it to add your"
        f" member ID {user} to slack.allowed_users. Nothing was changed."
    )


def _wrong_place(channel: str) -> str:
    return (
        "Sleepless does not answer in this channel. Send it a direct message, or ask whoever runs"
        f" it to add {channel} to slack.allowed_channels. Nothing was changed."
    )


class Pace:
    """A bucket of `per_minute` tokens for each person, refilled all the time."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, user: str) -> Refused | None:
        """None: go on. Else how long to wait."""
        now = self._clock.monotonic()
        left, since = self._buckets.get(user, (float(self.per_minute), now))
        left = min(self.per_minute, left + (now - since) * self.per_minute / 60)
        enough = left >= 1
        self._remember(user, left - 1 if enough else left, now)
        return None if enough else self._slow_down(1 - left)

    def _remember(self, user: str, left: float, now: float) -> None:
        self._buckets[user] = (left, now)
        self._buckets.move_to_end(user)
        while len(self._buckets) > _MOST_PEOPLE:
            self._buckets.popitem(last=False)

    def _slow_down(self, missing: float) -> Refused:
        seconds = max(1, ceil(missing * 60 / self.per_minute))
        advice = (
            f"Slow down: Sleepless takes {self.per_minute} requests a minute from each person."
            f" Try again in {seconds} s; this one was not done."
        )
        return Refused(Reason.TOO_FAST, advice)


class Seldom:
    """So that nobody can make us write one refusal after another into a conversation."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: what was told → until when it is not told again, the oldest first
        self._quiet: OrderedDict[str, float] = OrderedDict()

    def may_tell(self, what: str, seconds: float) -> bool:
        """Whether it was not told within that many seconds; it counts as told now."""
        now = self._clock.monotonic()
        if self._quiet.get(what, now) > now:
            return False
        self._quiet[what] = now + seconds
        self._quiet.move_to_end(what)
        while len(self._quiet) > _MOST_PEOPLE:
            self._quiet.popitem(last=False)
        return True
