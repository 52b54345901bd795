"""Socket Mode of the tests' own Slack, as the SDK's handler lives through it: second deliveries,
lost and renewed connections, several of them, and tokens that are wrong.
"""

import asyncio

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from fake_slack import FakeSlack
from fixtures_fake_slack import SmallApp, actions, button, client, refused, slack, small

__all__ = ["client", "slack", "small"]


async def test_many_commands_at_once_are_all_acknowledged(
    slack: FakeSlack, small: SmallApp
) -> None:
    acks = await asyncio.gather(*(slack.command("/task", str(n)) for n in range(100)))
    assert [ack.text for ack in acks] == [f"heard {n}" for n in range(100)]
    assert len(small.heard) == 100


async def test_a_share_of_everything_comes_twice_although_acknowledged(
    slack: FakeSlack, small: SmallApp
) -> None:
    slack.redeliver = 0.5
    acks = await asyncio.gather(*(slack.command("/task", str(n)) for n in range(40)))
    await slack.settled()
    twice = [ack for ack in acks if ack.deliveries == 2]
    assert 10 < len(twice) < 30
    assert all(len(ack.answers) == ack.deliveries for ack in acks)
    assert len(small.heard) == 40 + len(twice)
    triggers = [heard["trigger_id"] for heard in small.heard]
    assert len(set(triggers)) == 40


async def test_an_event_that_comes_again_has_the_same_id_and_says_that_it_is_a_retry(
    slack: FakeSlack, small: SmallApp
) -> None:
    slack.redeliver = 1.0
    ack = await slack.dm("once")
    await slack.settled()
    first, second = sorted(small.heard, key=lambda heard: heard["headers"]["x-slack-retry-num"])
    assert first["event_id"] == second["event_id"] == ack.request["event_id"]
    assert first["headers"]["x-slack-retry-num"] == ["0"]
    assert second["headers"]["x-slack-retry-num"] == ["1"]
    assert second["headers"]["x-slack-retry-reason"] == ["timeout"]


async def test_a_double_click_is_the_same_click_again(slack: FakeSlack, small: SmallApp) -> None:
    await small.client.chat_postMessage(channel="C1", text="x", blocks=[actions(button("act"))])
    ack = await slack.click(slack.channel("C1")[0], "act")
    await slack.again(ack)
    assert (ack.deliveries, len(ack.answers)) == (2, 2)
    assert small.heard[0]["trigger_id"] == small.heard[1]["trigger_id"]


@pytest.mark.parametrize("reason", ["refresh_requested", "warning", None])
async def test_what_was_on_its_way_comes_again_over_the_next_connection(
    slack: FakeSlack, small: SmallApp, reason: str | None
) -> None:
    small.gate = asyncio.Event()
    command = asyncio.create_task(slack.command("/task", "slow"))
    await slack.until(lambda: small.heard, "the command")
    await slack.disconnect(reason)
    await slack.connected()
    await slack.until(lambda: len(small.heard) == 2, "the command again")
    small.gate.set()
    ack = await command
    assert (ack.text, ack.deliveries) == ("heard slow", 2)
    assert small.heard[0]["trigger_id"] == small.heard[1]["trigger_id"]


async def test_what_happens_while_nobody_is_connected_waits(slack: FakeSlack) -> None:
    small = SmallApp(slack)
    command = asyncio.create_task(slack.command("/task", "early"))
    await slack.until(lambda: slack.envelopes.under_way, "the command to wait")
    await small.connect()
    ack = await command
    assert (ack.text, ack.deliveries) == ("heard early", 1)
    await small.close()


async def test_several_connections_share_what_happens(slack: FakeSlack, small: SmallApp) -> None:
    other = SmallApp(slack)
    await other.connect()
    await slack.connected(2)
    for number in range(6):
        await slack.command("/task", str(number))
    assert (len(small.heard), len(other.heard)) == (3, 3)
    await other.close()
    await slack.until(lambda: slack.connections == 1, "the other to leave")
    await slack.command("/task", "again")
    assert len(small.heard) == 4


async def test_an_envelope_nobody_acknowledges_is_named(slack: FakeSlack, small: SmallApp) -> None:
    slack.patience = 0.05
    with pytest.raises(AssertionError, match=r"slash_commands: /unknown.* was not acknowledged"):
        await slack.command("/unknown", "x")


async def test_connections_are_refused_until_they_are_not(slack: FakeSlack) -> None:
    small = SmallApp(slack)
    slack.refuse_connections = True
    connecting = asyncio.create_task(small.connect())
    await slack.until(lambda: len(slack.calls) >= 2, "two attempts")
    assert slack.connections == 0
    slack.refuse_connections = False
    await slack.connected()
    await connecting
    await small.close()


async def test_a_ticket_is_good_for_one_connection(slack: FakeSlack) -> None:
    small = SmallApp(slack)
    handler = await small.connect()
    await slack.connected()
    used = handler.client.wss_uri
    async with handler.client.aiohttp_client_session.get(str(used)) as answer:
        assert answer.status == 403
    await small.close()


async def test_wrong_tokens_are_refused_each_at_its_door(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    assert await refused(client.apps_connections_open(app_token="xapp-no")) == "invalid_auth"
    mixed_up = client.apps_connections_open(app_token=slack.bot_token)
    assert await refused(mixed_up) == "not_allowed_token_type"
    assert await refused(client.auth_test(token=slack.app_token)) == "not_allowed_token_type"
    assert await refused(client.auth_test(token="xoxb-no")) == "invalid_auth"
    slack.wrong_app_token = slack.wrong_bot_token = True
    assert await refused(client.apps_connections_open(app_token=slack.app_token)) == "invalid_auth"
    assert await refused(client.auth_test()) == "invalid_auth"


async def test_no_token_is_told_from_a_wrong_one(slack: FakeSlack) -> None:
    nobody = AsyncWebClient(base_url=slack.api_url)
    assert await refused(nobody.auth_test()) == "not_authed"
