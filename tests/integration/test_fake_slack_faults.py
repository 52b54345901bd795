"""What goes wrong on command: failing, lost and held answers, and the pace that Slack allows."""

import asyncio

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncServerErrorRetryHandler
from slack_sdk.http_retry.builtin_interval_calculators import FixedValueRetryIntervalCalculator
from slack_sdk.web.async_client import AsyncWebClient

from conftest import StoppedClock
from fake_slack import FakeSlack
from fixtures_fake_slack import client, refused, slack

__all__ = ["client", "slack"]


async def test_a_rate_limit_says_how_long_to_wait_and_nothing_was_done(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    slack.fail("chat.postMessage", times=2, error="ratelimited", retry_after=30)
    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel="C1", text="x")
        assert caught.value.response.status_code == 429
        assert caught.value.response["error"] == "ratelimited"
        assert caught.value.response.headers["Retry-After"] == "30"
    assert slack.channel("C1") == []
    await client.chat_postMessage(channel="C1", text="x")
    assert [call.method for call in slack.calls] == ["chat.postMessage"] * 3


async def test_only_the_calls_that_are_meant_fail(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.fail("chat.postMessage", error="internal_error", when=lambda args: args["text"] == "b")
    await client.chat_postMessage(channel="C1", text="a")
    assert await refused(client.chat_postMessage(channel="C1", text="b")) == "internal_error"


async def test_a_server_error_is_one_for_the_sdks_own_handler(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    slack.fail("auth.test", times=1, status=500)
    with pytest.raises(SlackApiError) as caught:
        await client.auth_test()
    assert caught.value.response.status_code == 500
    slack.fail("auth.test", times=1, status=503)
    at_once = FixedValueRetryIntervalCalculator(fixed_internal=0)
    client.retry_handlers.append(AsyncServerErrorRetryHandler(interval_calculator=at_once))
    assert (await client.auth_test())["ok"]


async def test_an_answer_gets_lost_after_the_work_was_done(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    client.retry_handlers.clear()
    slack.lose_answer("chat.postMessage", times=1)
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel="C1", text="x")
    assert [message.text for message in slack.channel("C1")] == ["x"]


async def test_a_held_call_answers_once_it_is_released(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    held = slack.hold("chat.postMessage")
    call = asyncio.create_task(client.chat_postMessage(channel="C1", text="x"))
    assert (await held.reached)["text"] == "x"
    assert slack.channel("C1") == []
    held.release(after_work=True)
    assert (await call)["ts"] == slack.channel("C1")[0].ts


async def test_a_held_call_is_dropped_before_the_work(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    client.retry_handlers.clear()
    held = slack.hold("chat.postMessage")
    call = asyncio.create_task(client.chat_postMessage(channel="C1", text="x"))
    await held.reached
    held.release(after_work=False)
    with pytest.raises(aiohttp.ClientError):
        await call
    assert slack.channel("C1") == []


async def test_the_work_of_a_held_call_is_done_though_the_caller_is_gone(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    held = slack.hold("chat.postMessage")
    call = asyncio.create_task(client.chat_postMessage(channel="C1", text="x"))
    await held.reached
    call.cancel()
    held.release(after_work=True)
    await slack.until(lambda: slack.channel("C1"), "the message")


async def test_a_hold_that_nothing_reaches_says_so(slack: FakeSlack) -> None:
    held = slack.hold("chat.postMessage")
    held.seconds = 0.01
    with pytest.raises(AssertionError, match=r"chat\.postMessage"):
        await held.reached


async def test_posting_has_a_burst_and_a_pace_per_channel(
    slack: FakeSlack, client: AsyncWebClient, clock: StoppedClock
) -> None:
    slack.enforce_pace = True
    slack.add_channel("C2", name="two")
    for _ in range(5):
        await client.chat_postMessage(channel="C1", text="x")
    assert await refused(client.chat_postMessage(channel="C1", text="x")) == "ratelimited"
    await client.chat_postMessage(channel="C2", text="x")
    clock.advance(seconds=1)
    await client.chat_postMessage(channel="C1", text="x")
    assert await refused(client.chat_postMessage(channel="C1", text="x")) == "ratelimited"


async def test_fifty_edits_a_minute_and_no_more(
    slack: FakeSlack, client: AsyncWebClient, clock: StoppedClock
) -> None:
    slack.enforce_pace = True
    ts = (await client.chat_postMessage(channel="C1", text="x"))["ts"]
    for number in range(50):
        await client.chat_update(channel="C1", ts=ts, text=str(number))
    assert await refused(client.chat_update(channel="C1", ts=ts, text="more")) == "ratelimited"
    clock.advance(seconds=60)
    await client.chat_update(channel="C1", ts=ts, text="more")
    assert len(slack.channel("C1")[0].edits) == 51


async def test_a_condition_that_never_holds_is_named(slack: FakeSlack) -> None:
    with pytest.raises(AssertionError, match="a miracle"):
        await slack.until(lambda: False, "a miracle", seconds=0.01)


async def test_what_comes_twice_is_drawn_from_the_seed(clock: StoppedClock) -> None:
    one, same, other = (FakeSlack(clock, seed=seed).random.random() for seed in (7, 7, 8))
    assert one == same != other
