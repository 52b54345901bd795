"""One websocket to Slack, for as long as it holds.

The SDK's own client, with three things taken from it: it connects once and raises when that fails
(the SDK tries the same address for ever, and an address is good for one connection); it does not
connect again by itself (the SDK closes the old connection first, and a command sent in the gap is
lost); and it can be told to finish what it has begun before it closes.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from interfaces.slack.connecting.clients import on_this_machine

log = structlog.get_logger(__name__)

#: seconds for the other side to answer our goodbye; a pulled cable never does
_GOODBYE: Final = 1.0


class Socket(SocketModeClient):
    def __init__(
        self, url: str, web_client: AsyncWebClient, ping_seconds: float, stir: Callable[[], None]
    ) -> None:
        """`stir` is called whenever `ended` or `leaving` becomes true."""
        super().__init__(
            app_token="",  # nothing is asked of Slack in here
            web_client=web_client,
            ping_interval=ping_seconds,
            auto_reconnect_enabled=False,
        )
        self.wss_uri = url
        if on_this_machine(url):
            self.proxy = None
        self._stir = stir
        self.greeted = asyncio.Event()
        #: Slack said that it is about to close this connection
        self.leaving = False
        #: how many sockets the app has, as Slack counted them when this one was opened
        self.siblings = 0
        self.message_listeners.append(self._on_message)

    @property
    def ended(self) -> bool:
        return self.message_receiver is None or self.message_receiver.done()

    async def connect(self) -> None:
        """Once, until Slack says hello. Raises what aiohttp raises, and TimeoutError."""
        self.current_session = await self.aiohttp_client_session.ws_connect(
            self.wss_uri or "",
            heartbeat=self.ping_interval,  # a cable that was pulled is noticed in one and a half
            timeout=aiohttp.ClientWSTimeout(ws_close=_GOODBYE),
            proxy=self.proxy,
            ssl=self.web_client.ssl if self.web_client.ssl is not None else True,
        )
        receiver = asyncio.ensure_future(self.receive_messages())
        receiver.add_done_callback(lambda _: self._on_end())
        self.message_receiver = receiver
        await self.greeted.wait()
        if self.ended:
            raise ConnectionResetError("closed before its hello")

    def deafen(self) -> None:
        """Hear nothing more; what is under way can still be answered."""
        if self.message_receiver is not None:
            self.message_receiver.cancel()

    async def receive_messages(self) -> None:
        """Until the connection ends, however it does."""
        assert self.current_session is not None  # noqa: S101 - connect() made it
        with suppress(aiohttp.ClientError, OSError):
            async for message in self.current_session:
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self.enqueue_message(message.data)

    async def close(self) -> None:
        await super().close()  # type: ignore[no-untyped-call]

    async def connect_to_new_endpoint(self, force: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002 - the SDK's signature
        """The SDK calls this when Slack announces a disconnect; who holds this socket acts."""
        self.leaving = True
        self._stir()

    async def _on_message(self, _: Any, message: dict[str, Any], __: str | None = None) -> None:
        if message.get("type") == "hello":
            self.siblings = int(message.get("num_connections") or 0)
            self.greeted.set()

    def _on_end(self) -> None:
        self.greeted.set()  # nobody waits for a hello that will not come
        self._stir()


class Handler(AsyncSocketModeHandler):
    """Bolt's handler on a socket of ours; knows what it has under way."""

    def __init__(self, app: AsyncApp, socket: Socket) -> None:
        # not super's: it would open a socket of its own
        self.app, self.app_token, self.client = app, socket.app_token, socket
        self.socket = socket
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        socket.socket_mode_request_listeners.append(self.handle)

    async def handle(self, client: AsyncBaseSocketModeClient, req: SocketModeRequest) -> None:  # noqa: ARG002 - the SDK's signature
        self._under_way += 1
        self._idle.clear()
        try:
            await super().handle(self.socket, req)
        except (ConnectionError, aiohttp.ClientError) as error:
            # the work is done and remembered; an event comes again and is recognised
            log.info("slack.ack_lost", type=req.type, problem=type(error).__name__)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def retire(self, seconds: float) -> None:
        """Close it, once what came over it is answered."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        await self.socket.close()
