"""The tests' own Slack on a thread, for apps that are other processes and come and go."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from fake_slack import Ack, FakeSlackThread
from source_tree import ROOT


@pytest.fixture
def slack() -> Iterator[FakeSlackThread]:
    with FakeSlackThread() as made:
        made.add_user("U1", name="ada")
        made.add_channel("C1", name="general")
        yield made


@contextmanager
def app(slack: FakeSlackThread, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    environ = {
        "PATH": os.environ["PATH"],
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
    }
    command = [sys.executable, str(ROOT / "tests" / "slack_app.py"), *words]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def post(slack: FakeSlackThread, text: str) -> None:
    async def work() -> None:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        client.proxy = None
        await client.chat_postMessage(channel="C1", text=text)

    asyncio.run(work())


def test_it_answers_without_await_and_its_attributes_are_set_there(slack: FakeSlackThread) -> None:
    post(slack, "one")
    post(slack, "two")
    found = slack.until(lambda: slack.channel("C1")[1:], "the second")
    assert found[0].text == "two"
    slack.redeliver = 0.25
    assert slack.redeliver == slack.envelopes.redeliver == 0.25
    with pytest.raises(AssertionError, match="a miracle"):
        slack.until(lambda: False, "a miracle", seconds=0.01)


def test_a_held_call_is_released_from_outside(slack: FakeSlackThread) -> None:
    held = slack.hold("chat.postMessage", when=lambda args: args["text"] == "x")
    poster = threading.Thread(target=post, args=(slack, "x"))
    poster.start()
    assert held.reached()["channel"] == "C1"
    assert slack.channel("C1") == []
    held.release(after_work=True)
    poster.join()
    assert [message.text for message in slack.channel("C1")] == ["x"]


def test_what_a_killed_app_had_not_acknowledged_comes_to_the_next_one(
    slack: FakeSlackThread,
) -> None:
    with app(slack, "silent") as first:
        slack.connected()
        command: Future[Ack] = slack.begin("command", "/task", "x")
        slack.until(lambda: slack.channel("C1"), "the command to arrive")
        first.kill()
    with app(slack):
        ack = command.result(slack.patience)
    assert (ack.text, ack.deliveries) == ("done", 2)
    trigger = f"heard {ack.request['trigger_id']}"
    assert [message.text for message in slack.channel("C1")] == [trigger, trigger]


def test_many_commands_are_under_way_at_once(slack: FakeSlackThread) -> None:
    with app(slack):
        slack.connected()
        commands: list[Future[Any]] = [
            slack.begin("command", "/task", str(number)) for number in range(20)
        ]
        assert {command.result(slack.patience).text for command in commands} == {"done"}
        slack.settled()


def test_a_port_can_be_kept_for_the_next_server() -> None:
    with FakeSlackThread() as first:
        port = first.port
    with FakeSlackThread(port=port) as second:
        assert second.api_url == f"http://127.0.0.1:{port}/api/"
