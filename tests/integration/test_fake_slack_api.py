"""The Web API of the tests' own Slack refuses what Slack refuses, in Slack's words."""

import json

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from conftest import StoppedClock
from fake_slack import FakeSlack
from fixtures_fake_slack import (
    actions,
    button,
    client,
    home_view,
    modal,
    refused,
    section,
    slack,
)

__all__ = ["client", "slack"]


# --- who may --------------------------------------------------------------------------------


async def test_a_missing_scope_is_named_with_what_was_granted(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    slack.scopes -= {"chat:write", "channels:history"}
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="C1", text="x")
    answer = caught.value.response
    assert (answer["error"], answer["needed"]) == ("missing_scope", "chat:write")
    assert "users:read" in answer["provided"]
    assert await refused(client.conversations_history(channel="C1")) == "missing_scope"
    granted = (await client.auth_test()).headers["x-oauth-scopes"]
    assert granted == ",".join(sorted(slack.scopes))


async def test_forms_and_json_say_the_same(slack: FakeSlack) -> None:
    blocks, url = [section("b")], f"{slack.api_url}chat.postMessage"
    form = {"token": slack.bot_token, "channel": "C1", "text": "a", "blocks": json.dumps(blocks)}
    async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
        assert (await answer.json())["ok"]
    assert slack.channel("C1")[0].blocks == blocks
    assert "token" not in slack.calls[0].args


async def test_a_method_nobody_knows_is_refused(slack: FakeSlack, client: AsyncWebClient) -> None:
    assert await refused(client.api_call("chat.invent")) == "unknown_method"
    assert slack.calls[-1].method == "chat.invent"


# --- where ----------------------------------------------------------------------------------


async def test_only_where_the_bot_is_it_may_post_and_read(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    slack.add_channel("C2", bot_in=False)
    slack.add_channel("C3", private=True, bot_in=False)
    slack.add_channel("C4").archived = True
    for channel, error in (
        ("C2", "not_in_channel"),
        ("C3", "channel_not_found"),
        ("C4", "is_archived"),
        ("C9", "channel_not_found"),
    ):
        assert await refused(client.chat_postMessage(channel=channel, text="x")) == error
    assert await refused(client.conversations_history(channel="C2")) == "not_in_channel"
    assert await refused(client.conversations_info(channel="C3")) == "channel_not_found"


async def test_an_ephemeral_needs_somebody_who_is_there(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    slack.add_user("U3")
    for user, error in (("U3", "user_not_in_channel"), ("U9", "user_not_found")):
        call = client.chat_postEphemeral(channel="C1", user=user, text="x")
        assert await refused(call) == error
    elsewhere = client.chat_postEphemeral(channel="U1", user="U1", text="x")
    assert await refused(elsewhere) == "channel_not_found"


async def test_a_person_has_one_conversation_with_the_bot(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    opened = await client.conversations_open(users="U1")
    assert opened["channel"]["id"] == slack.dm_channel("U1")
    assert (await client.conversations_open(users=["U1"]))["already_open"]
    assert (await client.chat_postMessage(channel="U1", text="x"))["channel"] == "D1"
    assert await refused(client.conversations_open(users="U9")) == "user_not_found"


# --- what -----------------------------------------------------------------------------------


async def test_a_message_needs_words_and_not_too_many(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    silent = client.api_call("chat.postMessage", json={"channel": "C1", "text": " "})
    assert await refused(silent) == "no_text"
    long = client.chat_postMessage(channel="C1", text="x" * 40_001)
    assert await refused(long) == "msg_too_long"
    await client.chat_postMessage(channel="C1", text="x" * 40_000)
    much = [section("x" * 3000) for _ in range(5)]
    sent = client.chat_postMessage(channel="C1", text="x", blocks=much)
    assert await refused(sent) == "msg_blocks_too_long"


async def test_bad_blocks_are_refused_with_the_place(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="C1", text="x", blocks=[section("x" * 3001)])
    assert caught.value.response["error"] == "invalid_blocks"
    problem = "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    assert caught.value.response["errors"] == [problem]
    metadata = {"event_type": "x"}
    bad = client.chat_postMessage(channel="C1", text="x", metadata=metadata)
    assert await refused(bad) == "invalid_metadata_format"


async def test_a_reply_needs_a_thread(slack: FakeSlack, client: AsyncWebClient) -> None:
    root = (await client.chat_postMessage(channel="C1", text="root"))["ts"]
    reply = await client.chat_postMessage(channel="C1", text="reply", thread_ts=root)
    for thread_ts, error in (
        ("1700000000.000001", "thread_not_found"),
        ("yesterday", "invalid_thread_ts"),
        (str(reply["ts"]), "cannot_reply_to_message"),
    ):
        call = client.chat_postMessage(channel="C1", text="x", thread_ts=thread_ts)
        assert await refused(call) == error
    await client.chat_postMessage(channel="C1", text="both", thread_ts=root, reply_broadcast=True)
    assert [m.text for m in slack.thread("C1", root)] == ["root", "reply", "both"]
    assert [m.text for m in slack.channel("C1")] == ["root", "both"]


async def test_only_ones_own_messages_are_edited_and_deleted(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    theirs = slack.say("mine", "U1", "C1").ts
    ours = (await client.chat_postMessage(channel="C1", text="a", blocks=[section("a")]))["ts"]
    gone = "1700000000.000001"
    for ts, error in ((theirs, "cant_update_message"), (gone, "message_not_found")):
        assert await refused(client.chat_update(channel="C1", ts=ts, text="x")) == error
    for ts, error in ((theirs, "cant_delete_message"), (gone, "message_not_found")):
        assert await refused(client.chat_delete(channel="C1", ts=ts)) == error
    await client.chat_update(channel="C1", ts=ours, text="b")
    await client.chat_update(channel="C1", ts=ours, text="c", blocks=[])
    edited = slack.channel("C1")[1]
    assert (edited.text, edited.blocks) == ("c", [])
    assert edited.edits == [("a", [section("a")]), ("b", [section("a")])]
    await client.chat_delete(channel="C1", ts=ours)
    assert [m.ts for m in slack.channel("C1")] == [theirs]
    assert await refused(client.chat_update(channel="C1", ts=ours, text="x")) == "message_not_found"


async def test_history_is_read_in_pages_with_metadata_for_those_who_ask(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    stamps = []
    for number in range(5):
        metadata = {"event_type": "sent", "event_payload": {"key": str(number)}}
        sent = await client.chat_postMessage(channel="C1", text=str(number), metadata=metadata)
        stamps.append(str(sent["ts"]))
    pages = await client.conversations_history(channel="C1", limit=2)
    assert "metadata" not in pages["messages"][0]
    read = [message["text"] async for page in pages for message in page["messages"]]
    assert read == ["4", "3", "2", "1", "0"]
    between = await client.conversations_history(
        channel="C1", oldest=stamps[1], latest=stamps[3], include_all_metadata=True
    )
    assert [m["metadata"]["event_payload"]["key"] for m in between["messages"]] == ["2"]
    inclusive = await client.conversations_history(
        channel="C1", oldest=stamps[1], latest=stamps[3], inclusive=True
    )
    assert len(inclusive["messages"]) == 3
    assert await refused(client.conversations_history(channel="C1", cursor="x")) == "invalid_cursor"


async def test_a_thread_is_read_oldest_first_with_its_root_on_every_page(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    root = (await client.chat_postMessage(channel="C1", text="root"))["ts"]
    for number in range(3):
        await client.chat_postMessage(channel="C1", text=str(number), thread_ts=root)
    first = await client.conversations_replies(channel="C1", ts=root, limit=2)
    assert [m["text"] for m in first["messages"]] == ["root", "0", "1"]
    assert first["messages"][0]["reply_count"] == 3
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_replies(channel="C1", ts=root, limit=2, cursor=cursor)
    assert [m["text"] for m in rest["messages"]] == ["root", "2"]
    nowhere = client.conversations_replies(channel="C1", ts="1700000000.000001")
    assert await refused(nowhere) == "thread_not_found"


async def test_a_reaction_is_there_once(slack: FakeSlack, client: AsyncWebClient) -> None:
    said = slack.say("x", "U1", "C1")
    await client.reactions_add(channel="C1", timestamp=said.ts, name="eyes")
    assert said.reactions == {"eyes": [slack.bot_user]}
    again = client.reactions_add(channel="C1", timestamp=said.ts, name="eyes")
    assert await refused(again) == "already_reacted"
    odd = client.reactions_add(channel="C1", timestamp=said.ts, name="Not An Emoji")
    assert await refused(odd) == "invalid_name"
    await client.reactions_remove(channel="C1", timestamp=said.ts, name="eyes")
    assert said.reactions == {}
    gone = client.reactions_remove(channel="C1", timestamp=said.ts, name="eyes")
    assert await refused(gone) == "no_reaction"


async def test_people_have_a_time_zone_and_an_offset_that_follows_the_seasons(
    slack: FakeSlack, client: AsyncWebClient, clock: StoppedClock
) -> None:
    user = (await client.users_info(user="U1"))["user"]
    assert (user["tz"], user["tz_offset"], user["is_bot"]) == ("Europe/Berlin", 3600, False)
    clock.advance(days=60)
    assert (await client.users_info(user="U1"))["user"]["tz_offset"] == 7200
    assert await refused(client.users_info(user="U9")) == "user_not_found"
    assert (await client.users_info(user=slack.bot_user))["user"]["is_bot"]
    assert (await client.team_info())["team"]["id"] == slack.team_id
    assert (await client.bots_info(bot=slack.bot_id))["bot"]["user_id"] == slack.bot_user


async def test_links_lead_to_the_message(slack: FakeSlack, client: AsyncWebClient) -> None:
    said = slack.say("x", "U1", "C1")
    link = (await client.chat_getPermalink(channel="C1", message_ts=said.ts))["permalink"]
    assert link.endswith(f"/archives/C1/p{said.ts.replace('.', '')}")


# --- views, sessions, files, late answers ---------------------------------------------------


async def test_a_home_published_on_an_old_hash_is_refused(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    first = await client.views_publish(user_id="U1", view=home_view(section("a")))
    same = first["view"]["hash"]
    second = await client.views_publish(user_id="U1", view=home_view(section("b")), hash=same)
    assert second["view"]["id"] == first["view"]["id"]
    stale = client.views_publish(user_id="U1", view=home_view(section("c")), hash=same)
    assert await refused(stale) == "hash_conflict"
    assert slack.homes["U1"]["blocks"][0]["text"]["text"] == "b"


async def test_a_view_is_refused_for_what_is_wrong_with_it_before_the_trigger_is_spent(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    trigger = slack.new_trigger("U1")
    bad = modal(section("x"), private_metadata="x" * 3001)
    assert await refused(client.views_open(trigger_id=trigger, view=bad)) == "invalid_arguments"
    opened = await client.views_open(trigger_id=trigger, view=modal(section("x")))
    await client.views_update(view_id=opened["view"]["id"], view=modal(section("y")))
    view = slack.open_view("U1")
    assert view
    assert view["blocks"][0]["text"]["text"] == "y"
    old = client.views_update(view_id=view["id"], view=modal(section("z")), hash="0.old")
    assert await refused(old) == "hash_conflict"
    for _ in range(2):
        await client.views_push(trigger_id=slack.new_trigger("U1"), view=modal(section("z")))
    deep = client.views_push(trigger_id=slack.new_trigger("U1"), view=modal(section("z")))
    assert await refused(deep) == "push_limit_reached"
    slack.expire_triggers = True
    late = client.views_open(trigger_id=slack.new_trigger("U1"), view=modal(section("x")))
    assert await refused(late) == "expired_trigger_id"


async def test_an_agent_session_has_its_statuses_in_order(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    root = (await client.chat_postMessage(channel="C1", text="card"))["ts"]
    for status in ("processing", "closed"):
        await client.agents_sessions_setStatus(
            channel_id="C1", thread_ts=root, status=status, title="Fix it", initiator_user_id="U1"
        )
    assert [said.status for said in slack.sessions["C1", root]] == ["processing", "closed"]
    await client.agents_sessions_rename(channel_id="C1", thread_ts=root, title="Fixed")
    assert slack.titles["C1", root] == "Fixed"
    odd = client.agents_sessions_setStatus(channel_id="C1", thread_ts=root, status="busy")
    assert await refused(odd) == "invalid_arguments"
    slack.is_agent = False
    no = client.agents_sessions_setStatus(channel_id="C1", thread_ts=root, status="active")
    assert await refused(no) == "not_authorized"


async def test_a_file_is_uploaded_in_three_steps(slack: FakeSlack, client: AsyncWebClient) -> None:
    root = (await client.chat_postMessage(channel="C1", text="card"))["ts"]
    await client.files_upload_v2(
        content="+ a\n- b\n",
        filename="run-7.diff",
        title="Run 7",
        snippet_type="diff",
        channel="C1",
        thread_ts=root,
        initial_comment="the diff",
    )
    file = slack.files[0]
    assert (file.name, file.title, file.snippet_type) == ("run-7.diff", "Run 7", "diff")
    assert (file.content, file.channel, file.thread_ts) == (b"+ a\n- b\n", "C1", root)
    assert slack.thread("C1", root)[1].files == [file]
    twice = client.files_completeUploadExternal(files=[{"id": file.id}], channel_id="C1")
    assert await refused(twice) == "file_not_found"
    fresh = await client.files_getUploadURLExternal(filename="x", length=3)
    async with aiohttp.ClientSession() as session:
        answer = await session.post(str(fresh["upload_url"]), data=b"four")
        assert answer.status == 400


async def test_a_response_url_is_good_five_times_and_for_half_an_hour(
    slack: FakeSlack, client: AsyncWebClient, clock: StoppedClock
) -> None:
    sent = await client.chat_postMessage(channel="C1", text="x", blocks=[actions(button("act"))])
    message = slack.find("C1", str(sent["ts"]))
    old, url = slack.urls.offer("C1", "U1"), slack.urls.offer("C1", "U1", message)
    async with aiohttp.ClientSession() as session:
        bodies = [{"text": "a"}, {"text": "b", "replace_original": True}, {"delete_original": True}]
        bodies += [{"text": "c", "response_type": "in_channel"}, {"blocks": [section("d")]}]
        said = [(await session.post(url, json=body)).status for body in [*bodies, {"text": "e"}]]
        assert said == [200, 200, 200, 200, 200, 404]
        assert (await session.post(old, json={"text": ""})).status == 400
        clock.advance(minutes=31)
        answer = await session.post(old, json={"text": "x"})
        assert (await answer.json())["error"] == "expired_url"
    assert [(shown.text, shown.user) for shown in slack.ephemerals] == [("a", "U1"), ("", "U1")]
    assert [m.text for m in slack.channel("C1")] == ["c"]
