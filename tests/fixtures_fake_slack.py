"""A small real app on the fake Slack: AsyncApp, AsyncSocketModeHandler and AsyncWebClient as they
are, with a listener for each kind of thing that people do.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from conftest import StoppedClock
from fake_slack import FakeSlack

Json = dict[str, Any]

#: seconds after which the SDK looks whether its connection still lives
PING_SECONDS = 0.05


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def section(text: str, **more: Any) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}} | more


def button(action_id: str, value: str = "1", **more: Any) -> Json:
    shown = {"type": "button", "action_id": action_id, "text": plain(action_id.title())}
    return shown | {"value": value} | more


def actions(*elements: Json) -> Json:
    return {"type": "actions", "block_id": "actions", "elements": list(elements)}


def field(block_id: str, element: Json, **more: Any) -> Json:
    shown = {"type": "input", "block_id": block_id, "label": plain(block_id)}
    return shown | {"element": {"action_id": "typed"} | element} | more


def modal(*blocks: Json, **more: Any) -> Json:
    view = {"type": "modal", "callback_id": "form", "title": plain("Form"), "submit": plain("Go")}
    return view | {"blocks": list(blocks)} | more


def home_view(*blocks: Json) -> Json:
    return {"type": "home", "blocks": list(blocks)}


FORM = modal(
    field("text", {"type": "plain_text_input", "multiline": True}),
    field(
        "when",
        {
            "type": "static_select",
            "options": [{"text": plain("Now"), "value": "now"}, {"text": plain("2"), "value": "2"}],
        },
        optional=True,
    ),
)


class SmallApp:
    """Remembers what reached it; acknowledges once the work is done, as the product does."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        self.client.proxy = None
        self.app = AsyncApp(client=self.client, process_before_response=True)
        self.heard: list[Json] = []
        #: what the modal answers when it is sent off
        self.verdict: Json = {}
        #: a command waits here, if there is something
        self.gate: asyncio.Event | None = None
        self._listen()
        self.handlers: list[AsyncSocketModeHandler] = []

    def _listen(self) -> None:
        self.app.command("/task")(self._command)
        self.app.action({"action_id": "open"})(self._open)
        self.app.action({"action_id": "act"})(self._act)
        self.app.view("form")(self._submit)
        self.app.shortcut("turn_into_task")(self._shortcut)
        for name in ("app_mention", "message", "app_home_opened", "agent_session_stopped"):
            self.app.event(name)(self._event)
        self.app.view_closed("form")(self._shortcut)

    async def connect(self) -> AsyncSocketModeHandler:
        handler = AsyncSocketModeHandler(self.app, self.slack.app_token, ping_interval=PING_SECONDS)
        handler.client.proxy = None
        self.handlers.append(handler)
        await handler.connect_async()  # type: ignore[no-untyped-call]
        return handler

    async def close(self) -> None:
        for handler in self.handlers:
            await handler.close_async()  # type: ignore[no-untyped-call]

    async def _command(self, ack: Any, body: Json, respond: Any) -> None:
        self.heard.append(body)
        if self.gate:
            await self.gate.wait()
        if body["text"] == "later":
            await respond("here it is")
        await ack(f"heard {body['text']}")

    async def _open(self, ack: Any, body: Json, client: AsyncWebClient) -> None:
        self.heard.append(body)
        await client.views_open(trigger_id=body["trigger_id"], view=FORM)
        await ack()

    async def _act(self, ack: Any, body: Json, respond: Any) -> None:
        self.heard.append(body)
        if "response_url" in body:
            await respond("only for you")
        await ack()

    async def _submit(self, ack: Any, body: Json) -> None:
        self.heard.append(body)
        await ack(**self.verdict)

    async def _shortcut(self, ack: Any, body: Json) -> None:
        self.heard.append(body)
        await ack()

    async def _event(self, body: Json, request: Any) -> None:
        self.heard.append(body | {"headers": request.headers})


async def refused(call: Any) -> str:
    """The error that Slack answers with."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


@pytest.fixture
async def slack(clock: StoppedClock) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(clock) as made:
        made.add_user("U1", name="ada", tz="Europe/Berlin")
        made.add_user("U2", name="bob")
        made.add_channel("C1", name="general", members={"U1", "U2"})
        yield made


@pytest.fixture
async def small(slack: FakeSlack) -> AsyncIterator[SmallApp]:
    """Connected."""
    made = SmallApp(slack)
    await made.connect()
    await slack.connected()
    yield made
    await made.close()


@pytest.fixture
async def client(slack: FakeSlack) -> AsyncWebClient:
    made = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    made.proxy = None
    return made
