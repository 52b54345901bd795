import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientPayloadError, ClientResponse, ClientSession, ServerDisconnectedError

from core.money import Nano
from execution.rehearsal.model_server import ScriptedModel
from execution.rehearsal.playbook import Answer, Hang, Play, Tokens, read, write

USAGE = Tokens(input=1000, output=200, cache_read=3000, cache_write=400)
PLAY = Play(
    "greeting",
    "greet",
    (
        Answer("Writing. " * 20, (write("a/hello.txt", "hello"), read("/etc/hostname")), USAGE),
        Answer("Greeted."),
    ),
)
SILENT = Play("silent", "say nothing", (Hang(), Answer("I am back.")))
MESSAGES = "/v1/messages"
CWD = {"role": "system", "content": "Primary working directory: /the/tree"}


@dataclass
class Client:
    model: ScriptedModel
    http: ClientSession

    def request(self, prompt: str, *, stream: bool = True, **more: Any) -> dict[str, Any]:
        return {
            "model": "claude-sonnet-5-5",
            "max_tokens": 32_000,
            "stream": stream,
            "tools": [{"name": "Write"}],
            "messages": [{"role": "user", "content": prompt}, CWD],
        } | more

    async def post(
        self, body: Any, *, key: str = "k", path: str = "/v1/messages"
    ) -> ClientResponse:
        headers = {"x-api-key": key} if key else {}
        return await self.http.post(self.model.url + path, json=body, headers=headers)

    async def events(self, body: Any) -> list[dict[str, Any]]:
        return events_in(await (await self.post(body)).text())


def events_in(stream: str) -> list[dict[str, Any]]:
    return [
        json.loads(line.removeprefix("data: "))
        for line in stream.splitlines()
        if line.startswith("data: ")
    ]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with ScriptedModel([PLAY, SILENT]) as model, ClientSession() as http:
        yield Client(model, http)


async def test_a_stream_has_the_shape_of_the_real_one(client: Client) -> None:
    response = await client.post(client.request("greet"), path="/v1/messages?beta=true")
    assert response.content_type == "text/event-stream"
    assert response.headers["request-id"].startswith("req_")
    kinds = [event["type"] for event in events_in(await response.text())]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 3


async def test_pieces_add_up_to_the_text_and_to_the_arguments(client: Client) -> None:
    events = await client.events(client.request("greet"))
    deltas = [event for event in events if event["type"] == "content_block_delta"]
    text = "".join(event["delta"].get("text", "") for event in deltas if event["index"] == 0)
    arguments = "".join(
        event["delta"].get("partial_json", "") for event in deltas if event["index"] == 1
    )
    assert text == "Writing. " * 20
    assert json.loads(arguments) == {"file_path": "/the/tree/a/hello.txt", "content": "hello"}


async def test_an_absolute_path_stays_as_it_is(client: Client) -> None:
    body = await (await client.post(client.request("greet", stream=False))).json()
    assert body["content"][2]["input"] == {"file_path": "/etc/hostname"}


async def test_usage_is_reported_at_the_start_and_completed_at_the_end(client: Client) -> None:
    start, *_, delta, _stop = await client.events(client.request("greet"))
    usage = start["message"]["usage"]
    assert usage["input_tokens"] == 1000
    assert usage["cache_read_input_tokens"] == 3000
    assert usage["cache_creation_input_tokens"] == 400
    assert usage["output_tokens"] == 1
    assert delta["usage"] == {"output_tokens": 200}
    assert delta["delta"]["stop_reason"] == "tool_use"


async def test_the_server_counts_what_it_sold(client: Client) -> None:
    await client.events(client.request("greet"))
    [call] = client.model.calls
    assert (call.play, call.position, call.status, call.finished) == ("greeting", 0, 200, True)
    # 1000 at $2, 3000 at $0.10, 400 at $2.50 and 200 at $10 per million
    assert call.cost == client.model.served_nano() == Nano(5_300_000)
    assert client.model.served_nano("other prompt") == 0


async def test_a_whole_answer_says_the_same_as_a_stream(client: Client) -> None:
    body = await (await client.post(client.request("greet", stream=False))).json()
    assert [block["type"] for block in body["content"]] == ["text", "tool_use", "tool_use"]
    assert (body["stop_reason"], body["usage"]["output_tokens"]) == ("tool_use", 200)
    assert client.model.served_nano() == Nano(5_300_000)


async def test_a_repeated_call_gets_the_same_step(client: Client) -> None:
    first, again = [await client.events(client.request("greet")) for _ in range(2)]
    assert [event["type"] for event in first] == [event["type"] for event in again]
    assert [call.position for call in client.model.calls] == [0, 0]


async def test_output_is_never_more_than_was_asked_for(client: Client) -> None:
    *_, delta, _stop = await client.events(client.request("greet", max_tokens=50))
    assert delta["usage"] == {"output_tokens": 50}


async def test_a_request_without_tools_is_no_step_at_work(client: Client) -> None:
    body = await (await client.post(client.request("greet", stream=False, tools=[]))).json()
    assert [block["type"] for block in body["content"]] == ["text"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ],
)
async def test_a_refusal_has_the_shape_of_the_api(client: Client, status: int, kind: str) -> None:
    response = await client.post(client.request(f"[rehearse: {status}]"))
    body = await response.json()
    assert response.status == status
    assert (body["type"], body["error"]["type"]) == ("error", kind)
    assert client.model.served_nano() == 0


async def test_a_usage_limit_says_when_to_come_back(client: Client) -> None:
    response = await client.post(client.request("[rehearse: 429 3600]"))
    assert response.headers["retry-after"] == "3600"


async def test_a_bad_directive_is_explained_by_the_api(client: Client) -> None:
    response = await client.post(client.request("[rehearse: fly]"))
    assert response.status == 400
    assert "[rehearse: fly]" in (await response.json())["error"]["message"]


async def test_a_call_without_a_key_is_refused(client: Client) -> None:
    assert (await client.post(client.request("greet"), key="")).status == 401


async def test_a_model_without_a_price_does_not_exist(client: Client) -> None:
    response = await client.post(client.request("greet", model="claude-nothing-1"))
    assert response.status == 404
    assert (await response.json())["error"]["type"] == "not_found_error"


@pytest.mark.parametrize(
    "body", ["text", {}, {"model": "m", "max_tokens": 1, "messages": []}, {"model": 1}]
)
async def test_what_is_no_request_is_refused(client: Client, body: Any) -> None:
    response = await client.post(body)
    assert response.status == 400
    assert (await response.json())["error"]["type"] == "invalid_request_error"


async def test_a_body_that_is_no_json_is_refused(client: Client) -> None:
    response = await client.http.post(f"{client.model.url}/v1/messages", data=b"{")
    assert response.status == 400


async def test_every_other_address_is_not_found(client: Client) -> None:
    response = await client.post({}, path="/v1/complete")
    assert (response.status, (await response.json())["type"]) == (404, "error")


async def test_the_base_address_is_alive_and_tokens_are_counted(client: Client) -> None:
    assert (await client.http.head(client.model.url)).status == 200
    counted = await client.post({"messages": []}, path="/v1/messages/count_tokens")
    assert (await counted.json())["input_tokens"] > 0


async def test_a_drop_breaks_the_stream_off(client: Client) -> None:
    response = await client.post(client.request("[rehearse: drop]"))
    with pytest.raises(ClientPayloadError):
        await response.text()
    [call] = client.model.calls
    assert not call.finished


async def test_a_drop_before_a_whole_answer_leaves_nothing(client: Client) -> None:
    with pytest.raises((ClientPayloadError, ServerDisconnectedError)):
        await (await client.post(client.request("[rehearse: drop]", stream=False))).text()


async def test_a_counted_fault_passes(client: Client) -> None:
    body = client.request("[rehearse: 529 x2] [rehearse: text ok]")
    statuses = [(await client.post(body)).status for _ in range(3)]
    assert statuses == [529, 529, 200]


async def test_a_hanging_answer_ends_when_it_is_released(client: Client) -> None:
    answer = asyncio.create_task(client.events(client.request("say nothing")))
    call = await client.model.called(1, "say nothing")
    assert not call.finished
    client.model.release()
    assert (await answer)[-1]["type"] == "message_stop"
    assert call.finished


async def test_a_whole_answer_can_hang_too(client: Client) -> None:
    body = client.request("say nothing", stream=False)
    answer = asyncio.create_task(client.post(body))
    call = await client.model.called(1)
    client.model.release()
    assert (await answer).status == 200
    assert call.finished


async def test_stopping_breaks_off_what_hangs_and_may_be_repeated(client: Client) -> None:
    response = await client.post(client.request("say nothing"))
    await client.model.stop()
    await client.model.stop()
    with pytest.raises(ClientPayloadError):
        await response.text()


async def test_a_slow_answer_pings_until_it_is_released(client: Client) -> None:
    response = await client.post(client.request("[rehearse: slow 3600]"))
    await client.model.called()
    client.model.release()
    kinds = [event["type"] for event in events_in(await response.text())]
    assert kinds[:2] == ["message_start", "ping"]
    assert kinds[-1] == "message_stop"
