"""The ways to Slack's Web API: one HTTP session, two clients that differ in what they repeat."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient

SLACK: Final = "https://slack.com/api/"
#: seconds for one call, from its beginning to the end of its answer
_PATIENCE: Final = 20.0


@dataclass(frozen=True, slots=True)
class Clients:
    session: aiohttp.ClientSession
    #: asks again after a lost connection: for calls that may be made twice
    patient: AsyncWebClient
    #: never asks again by itself: a message whose answer got lost would stand there twice. Whoever
    #: sends looks first; also after a 429, because by then there may be something newer to say.
    strict: AsyncWebClient

    @classmethod
    def open(cls, bot_token: str, base_url: str | None = None) -> Self:
        """Inside the running loop."""
        session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE))
        again = [
            AsyncConnectionErrorRetryHandler(),
            AsyncServerErrorRetryHandler(),
            AsyncRateLimitErrorRetryHandler(max_retry_count=3),
        ]
        address = api_address(base_url)
        return cls(
            session,
            patient=_client(bot_token, address, session, again),
            strict=_client(bot_token, address, session, []),
        )

    async def close(self) -> None:
        await self.session.close()


def api_address(given: str | None) -> str:
    """As the SDK wants it: `https://host`, `…/api` and `…/api/` mean the same."""
    if not given:
        return SLACK
    address = given.rstrip("/")
    return f"{address}/" if address.endswith("/api") else f"{address}/api/"


def on_this_machine(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _client(
    token: str, address: str, session: aiohttp.ClientSession, again: list[AsyncRetryHandler]
) -> AsyncWebClient:
    client = AsyncWebClient(token, address, session=session, retry_handlers=again)
    if on_this_machine(address):
        client.proxy = None  # the SDK takes a proxy from the environment and knows no NO_PROXY
    return client
