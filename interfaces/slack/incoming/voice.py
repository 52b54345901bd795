"""Saying something to one person in a conversation, without a response URL."""

from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from interfaces.slack.incoming.delivery import Delivery, Kind


class Aside:
    """Called like bolt's `respond`: into a direct message, or seen by that person alone."""

    def __init__(self, client: AsyncWebClient, delivery: Delivery) -> None:
        self._client = client
        self._delivery = delivery

    async def __call__(
        self, text: str, blocks: list[dict[str, Any]] | None = None, **_: object
    ) -> None:
        channel, user = self._delivery.channel or "", self._delivery.user
        said: dict[str, Any] = {"text": text, "thread_ts": self._delivery.thread_ts}
        if blocks:
            said["blocks"] = blocks
        if self._delivery.kind is Kind.DIRECT:
            said["thread_ts"] = self._delivery.thread_ts or self._delivery.ts
            await self._client.chat_postMessage(channel=channel, **said)
        else:
            await self._client.chat_postEphemeral(channel=channel, user=user, **said)
