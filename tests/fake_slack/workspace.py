"""What the workspace knows, and waiting until it knows something."""

import asyncio
import random
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from core.clock import Clock, SystemClock
from fake_slack.scopes import ALL_SCOPES
from fake_slack.values import (
    Blocks,
    Call,
    Channel,
    Ephemeral,
    Json,
    Refused,
    Response,
    SessionStatus,
    SlackFile,
    SlackMessage,
    Trigger,
    User,
)

Found = TypeVar("Found")

#: a condition may also hang on what is not ours, so it is looked at this often besides
LOOK_SECONDS = 0.05


class Workspace:
    """State and settings; every change of state wakes those who wait in `until`."""

    def __init__(self, clock: Clock | None = None, seed: int = 0) -> None:
        self.clock: Clock = clock or SystemClock()
        self.random = random.Random(seed)  # noqa: S311 - which envelopes come twice, repeatably
        self.bot_token = "xoxb-1-fake-" + "b" * 24
        self.app_token = "xapp-1-A0SLEEPLESS-fake-" + "a" * 24
        self.team_id, self.app_id = "T0HOME", "A0SLEEPLESS"
        self.bot_user, self.bot_id = "U0BOT", "B0BOT"
        self.scopes: set[str] = set(ALL_SCOPES)
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[str, list[SlackMessage]] = {}
        self.ephemerals: list[Ephemeral] = []
        self.responses: list[Response] = []
        self.views: dict[str, Json] = {}
        self.homes: dict[str, Json] = {}
        self.uploads: dict[str, SlackFile] = {}
        self.sessions: dict[tuple[str, str | None], list[SessionStatus]] = {}
        self.titles: dict[tuple[str, str | None], str] = {}
        self.calls: list[Call] = []
        self.triggers: dict[str, Trigger] = {}
        self.exchanged: set[str] = set()
        self.url = ""
        # what goes wrong, for as long as it is set
        self.wrong_bot_token = False
        self.wrong_app_token = False
        self.refuse_connections = False
        self.expire_triggers = False
        self.enforce_pace = False
        #: declared an agent in its settings, without which there are no agent sessions
        self.is_agent = True
        self._last_ts = 0
        self._change = asyncio.Event()
        self.add_user(self.bot_user, name="sleepless", is_bot=True)

    # --- who and where -----------------------------------------------------------------------

    def add_user(
        self,
        user: str,
        name: str = "",
        tz: str = "UTC",
        team_id: str | None = None,
        *,
        is_bot: bool = False,
    ) -> User:
        made = User(user, name or user.lower(), tz, team_id or self.team_id, is_bot)
        self.users[user] = made
        return made

    def add_channel(
        self,
        channel: str,
        name: str = "",
        members: set[str] | None = None,
        *,
        private: bool = False,
        bot_in: bool = True,
    ) -> Channel:
        people = set(members or ()) | ({self.bot_user} if bot_in else set())
        made = Channel(channel, name or channel.lower(), people, "group" if private else "channel")
        self.channels[channel] = made
        return made

    def dm_channel(self, user: str) -> str:
        """The conversation of the app with that person; there is one as soon as it is asked for."""
        found = f"D{self.user(user).id[1:]}"
        if found not in self.channels:
            self.channels[found] = Channel(found, "directmessage", {user, self.bot_user}, "im")
        return found

    def user(self, user: str) -> User:
        assert user in self.users, f"nobody is {user} here: slack.add_user({user!r}, name=…) first"
        return self.users[user]

    def where(self, channel: str) -> Channel:
        found = self.channels.get(channel)
        assert found, f"there is no {channel} here: slack.add_channel({channel!r}, name=…) first"
        return found

    # --- messages ----------------------------------------------------------------------------

    def new_ts(self) -> str:
        """The server's time; no two messages share one."""
        now = int(self.clock.now().timestamp() * 1_000_000)
        self._last_ts = max(now, self._last_ts + 1)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def store(self, message: SlackMessage) -> SlackMessage:
        self.messages.setdefault(message.channel, []).append(message)
        self.changed()
        return message

    def speak(self, channel: str, text: str, blocks: Blocks, thread_ts: str | None) -> SlackMessage:
        """The bot, by another way than chat.postMessage."""
        by = (self.bot_user, self.bot_id)
        return self.store(SlackMessage(self.new_ts(), channel, text, blocks, *by, thread_ts))

    def answered(self, envelope_id: str, body: Json) -> None:
        self.responses.append(Response(envelope_id, body))
        self.changed()

    def find(self, channel: str, ts: str) -> SlackMessage | None:
        found = [m for m in self.messages.get(channel, []) if m.ts == ts and not m.deleted]
        return found[0] if found else None

    def channel(self, channel: str) -> list[SlackMessage]:
        """What people see there in the order it was posted, without the threads."""
        return [
            message
            for message in self.messages.get(channel, [])
            if not message.deleted and (message.broadcast or not message.is_reply)
        ]

    def thread(self, channel: str, ts: str) -> list[SlackMessage]:
        """The replies, the root first."""
        return [m for m in self.messages.get(channel, []) if m.root == ts and not m.deleted]

    @property
    def files(self) -> list[SlackFile]:
        """Uploaded and shared."""
        return [file for file in self.uploads.values() if file.channel]

    # --- views -------------------------------------------------------------------------------

    def open_view(self, user: str) -> Json | None:
        """The modal on top of that person's screen."""
        mine = [view for view in self.views.values() if view["_user"] == user]
        return mine[-1] if mine else None

    def home(self, user: str) -> Json | None:
        """The App Home as it was last published for that person."""
        return self.homes.get(user)

    def new_trigger(self, user: str) -> str:
        trigger = f"{len(self.triggers) + 1}.{self.app_id}.{secrets.token_hex(8)}"
        self.triggers[trigger] = Trigger(user, self.clock.now())
        return trigger

    # --- waiting -----------------------------------------------------------------------------

    def changed(self) -> None:
        """Wake everybody who waits."""
        self._change.set()
        self._change = asyncio.Event()

    async def until(
        self, holds: Callable[[], Found], what: str = "", seconds: float = 10.0
    ) -> Found:
        """What the condition answers once it is true; looked at again after every change."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not (found := holds()):
            left = deadline - loop.time()
            assert left > 0, f"waited {seconds:g} s for {what or holds}"
            await self.next_change(left)
        return found

    async def next_change(self, seconds: float) -> None:
        """Or until it is time to look again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, LOOK_SECONDS)):
                await self._change.wait()

    # --- permissions -------------------------------------------------------------------------

    def need(self, scope: str) -> None:
        if scope and scope not in self.scopes:
            provided = ",".join(sorted(self.scopes))
            raise Refused("missing_scope", needed=scope, provided=provided)
