"""The connection to Slack: opened, watched, opened again, and given up only for a reason.

A wrong token ends it, with a sentence for a person. Everything else passes by itself: it is tried
again, ever more slowly, and said once when it is lost and once when it is back.
"""

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import aiohttp
import structlog
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from core.clock import Clock
from core.health import Chat, ChatState
from interfaces.slack.connecting.identity import (
    Connected,
    Identity,
    Unreachable,
    ask_bot_token,
    introduce,
)
from interfaces.slack.connecting.socket import Handler, Socket
from interfaces.slack.connecting.tokens import Refused, Tokens

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds."""

    #: between two signs of life on the socket
    ping: float = 10.0
    #: for a socket to open and for Slack to say hello on it
    hello: float = 10.0
    #: before the second attempt; it doubles from there
    retry: float = 1.0
    longest_retry: float = 60.0
    #: a connection that held so long was a good one
    steady: float = 30.0
    #: between two questions whether the token still holds
    check: float = 300.0
    #: somebody should hear of a connection that is lost for so long
    alarm: float = 120.0
    #: for what came over a connection that is going away; an acknowledgement takes less
    retire: float = 2.0


class _Ending(Enum):
    LOST = auto()
    LEAVING = auto()
    CLOSED = auto()


class Connection:
    def __init__(
        self, client: AsyncWebClient, tokens: Tokens, clock: Clock, pace: Pace | None = None
    ) -> None:
        self._client, self._tokens, self._clock = client, tokens, clock
        self._pace = pace or Pace()
        self._stirred = asyncio.Event()
        self._closing = self._suspected = False
        self._introduced: Connected | None = None
        self._handler: Handler | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._outage = _Outage(clock, self._pace)
        self.state = Chat(ChatState.CONNECTING)

    # --- what others call ---------------------------------------------------------------------

    async def greet(self) -> Identity | Refused | None:
        """Who we are, as soon as Slack can be asked; None when it was closed before."""
        while not self._closing:
            match await introduce(self._client, self._tokens):
                case Connected() as introduced:
                    self._introduced = introduced
                    return introduced.identity
                case Refused() as refused:
                    return self._off(refused)
                case Unreachable(sentence=sentence):
                    await self._try_later(sentence)
        return None

    async def serve(self, app: AsyncApp) -> Refused | None:
        """Bring the app what happens, until a token is refused or `close` is called."""
        while not self._closing:
            match await self._open(app):
                case Refused() as refused:
                    return await self._give_up(refused)
                case Unreachable(sentence=sentence):
                    await self._try_later(sentence)
                case Handler() as handler:
                    match await self._hold(handler):
                        case Refused() as refused:
                            return await self._give_up(refused)
                        case _Ending.LOST:
                            await self._try_later("the connection broke")
                        case _Ending.LEAVING:
                            await self._wait()
        await self._put_away()
        return None

    def suspect(self) -> None:
        """A call was answered as if the token held no longer: look at once."""
        self._suspected = True
        self._stir()

    async def close(self) -> None:
        """Accept nothing more. What was accepted goes on; `serve` returns."""
        self._closing = True
        self._stir()
        if self._handler is not None:
            self._handler.socket.deafen()
        await self._put_away()

    # --- opening and holding ------------------------------------------------------------------

    async def _open(self, app: AsyncApp) -> Handler | Refused | Unreachable:
        introduced = self._introduced or await introduce(self._client, self._tokens)
        self._introduced = None  # an address is good for one socket
        if not isinstance(introduced, Connected):
            return introduced
        socket = Socket(introduced.url, self._client, self._pace.ping, self._stir)
        handler = Handler(app, socket)
        try:
            async with asyncio.timeout(self._pace.hello):
                await socket.connect()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            await socket.close()
            return Unreachable(f"no socket could be opened ({type(error).__name__})")
        except BaseException:
            await socket.close()
            raise
        self._take_over(handler, introduced.identity)
        return handler

    def _take_over(self, handler: Handler, identity: Identity) -> None:
        """The new connection is there before the old one goes: no command falls between."""
        former, self._handler = self._handler, handler
        alone = handler.socket.siblings - len(self._retiring) - (former is not None)
        if former is not None:
            self._in_background(former.retire(self._pace.retire), "slack-retire")
        if alone > 1:
            log.warning("slack.shared", advice=_SHARED, connections=handler.socket.siblings)
        self._outage.over()
        if self.state.state is not ChatState.CONNECTED:
            log.info("slack.connected", team=identity.team, **self._outage.facts)
            self.state = Chat(ChatState.CONNECTED, self._clock.now())

    async def _hold(self, handler: Handler) -> _Ending | Refused:
        """Until it ends, or the token does."""
        while True:
            suspicious = await self._stirred_or_time_to_check()
            if self._closing:
                return _Ending.CLOSED
            if handler.socket.leaving:
                return _Ending.LEAVING
            if handler.socket.ended:
                return _Ending.LOST
            if suspicious:
                match await ask_bot_token(self._client, self._tokens):
                    case Refused() as refused:
                        return refused

    async def _stirred_or_time_to_check(self) -> bool:
        try:
            async with asyncio.timeout(self._pace.check):
                await self._stirred.wait()
        except TimeoutError:
            return True
        suspicious, self._suspected = self._suspected, False
        self._stirred.clear()
        return suspicious

    def _stir(self) -> None:
        self._stirred.set()

    # --- losing and giving up -----------------------------------------------------------------

    def _lost(self, sentence: str) -> None:
        self._outage.begin(sentence)
        if self.state.state is not ChatState.LOST:
            self.state = Chat(ChatState.LOST, self._clock.now(), sentence)

    async def _try_later(self, sentence: str) -> None:
        self._lost(sentence)
        await self._wait()

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._outage.pause()):
                await self._until_closing()

    async def _until_closing(self) -> None:
        while not self._closing:
            await self._stirred.wait()
            self._stirred.clear()

    async def _give_up(self, refused: Refused) -> Refused:
        await self._put_away()
        return self._off(refused)

    def _off(self, refused: Refused) -> Refused:
        self.state = Chat(ChatState.OFF, self._clock.now(), refused.sentence)
        log.error("slack.token_refused", variable=refused.variable, problem=refused.sentence)
        return refused

    async def _put_away(self) -> None:
        handler, self._handler = self._handler, None
        if handler is not None:
            self._in_background(handler.retire(self._pace.retire), "slack-retire")
        await asyncio.gather(*self._retiring, return_exceptions=True)

    def _in_background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


_SHARED = "another process is connected as this app, and Slack deals commands out among them"


class _Outage:
    """How long it lasts, when to try again, and what was said of it."""

    def __init__(self, clock: Clock, pace: Pace) -> None:
        self._clock, self._pace = clock, pace
        self._since: float | None = None
        self._back_at: float | None = None
        self._attempts = 0
        self._alarmed = False
        #: of the last one
        self.facts: dict[str, float] = {}

    def begin(self, sentence: str) -> None:
        """Or go on."""
        now = self._clock.monotonic()
        if self._since is None:
            self._since = now
            log.info("slack.disconnected", problem=sentence, advice="it is tried again by itself")
        elif not self._alarmed and now - self._since >= self._pace.alarm:
            self._alarmed = True
            log.warning("slack.disconnected", problem=sentence, seconds=round(now - self._since))

    def pause(self) -> float:
        """Seconds until the next attempt: none at first, then doubled and scattered, with a cap.
        A connection that soon breaks again is no fresh start.
        """
        now = self._clock.monotonic()
        if self._back_at is not None and now - self._back_at >= self._pace.steady:
            self._attempts = 0
        self._back_at, attempts = None, self._attempts
        self._attempts += 1
        if not attempts:
            return 0.0
        longest = min(self._pace.longest_retry, self._pace.retry * 2.0 ** min(attempts - 1, 16))
        return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret

    def over(self) -> None:
        now = self._clock.monotonic()
        self.facts = {} if self._since is None else {"seconds": round(now - self._since, 1)}
        self._since, self._back_at, self._alarmed = None, now, False
