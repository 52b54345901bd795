"""A program of its own: an app that answers /task, unless it is told to keep silent."""

import asyncio
import os
import sys
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient


async def main(silent: bool) -> None:  # noqa: FBT001 - from the command line
    client = AsyncWebClient(
        token=os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"]
    )
    app = AsyncApp(client=client, process_before_response=True)

    @app.command("/task")
    async def task(ack: Any, body: dict[str, Any]) -> None:
        await client.chat_postMessage(channel="C1", text=f"heard {body['trigger_id']}")
        if silent:
            await asyncio.Event().wait()
        await ack("done")

    handler = AsyncSocketModeHandler(app, os.environ["SLACK_APP_TOKEN"])
    await handler.start_async()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    asyncio.run(main("silent" in sys.argv))
