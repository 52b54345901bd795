"""The tests' own Slack under the real app and the real socket handler: what people do arrives as
Slack brings it, and what the app answers is obeyed as Slack obeys it.
"""

import pytest

from conftest import StoppedClock
from fake_slack import FakeSlack
from fixtures_fake_slack import (
    SmallApp,
    actions,
    button,
    client,
    field,
    home_view,
    modal,
    plain,
    refused,
    section,
    slack,
    small,
)

__all__ = ["client", "slack", "small"]


async def test_a_command_is_answered_in_its_acknowledgement(
    slack: FakeSlack, small: SmallApp
) -> None:
    ack = await slack.command("/task", "fix it", user="U1", channel="C1")
    assert (ack.text, ack.deliveries) == ("heard fix it", 1)
    assert 0 < ack.seconds < slack.patience
    heard = small.heard[0]
    assert (heard["command"], heard["text"], heard["user_id"]) == ("/task", "fix it", "U1")
    assert (heard["channel_id"], heard["channel_name"]) == ("C1", "general")
    assert (heard["team_id"], heard["api_app_id"]) == (slack.team_id, slack.app_id)


async def test_a_command_is_escaped_for_apps_that_ask_for_it(
    slack: FakeSlack, small: SmallApp
) -> None:
    await slack.command("/task", "a <b> & c", escape=True)
    await slack.command("/task", "a <b> & c")
    assert [heard["text"] for heard in small.heard] == ["a &lt;b&gt; &amp; c", "a <b> & c"]


async def test_an_answer_by_response_url_belongs_to_the_command_that_offered_it(
    slack: FakeSlack, small: SmallApp
) -> None:
    await slack.command("/task", "now")
    ack = await slack.command("/task", "later", user="U2")
    assert await slack.answer(ack) == {"text": "here it is"}
    assert [envelope for envelope, _ in slack.responses] == [ack.envelope_id]
    assert slack.ephemerals == [("C1", "U2", "here it is", [], None)]


async def test_a_button_opens_a_modal_once_and_only_at_once(
    slack: FakeSlack, small: SmallApp, clock: StoppedClock
) -> None:
    await small.client.chat_postMessage(channel="C1", text="x", blocks=[actions(button("open"))])
    ack = await slack.click(slack.channel("C1")[0], "open", user="U1")
    trigger, view = ack.request["trigger_id"], modal(section("x"))
    opened = slack.open_view("U1")
    assert opened
    assert opened["callback_id"] == "form"
    again = small.client.views_open(trigger_id=trigger, view=view)
    assert await refused(again) == "exchanged_trigger_id"
    fresh = slack.new_trigger("U1")
    clock.advance(seconds=3.1)
    late = small.client.views_open(trigger_id=fresh, view=view)
    assert await refused(late) == "expired_trigger_id"


async def test_a_click_tells_where_and_what_was_clicked(slack: FakeSlack, small: SmallApp) -> None:
    blocks = [section("x", accessory=button("act", "7")), actions(button("act", "8"))]
    sent = await small.client.chat_postMessage(
        channel="C1",
        text="card",
        blocks=blocks,
        metadata={"event_type": "card", "event_payload": {"task": 7}},
    )
    await slack.click(slack.channel("C1")[0], "act", user="U2", value="8")
    heard = small.heard[0]
    assert heard["actions"][0]["value"] == "8"
    assert heard["container"]["message_ts"] == heard["message"]["ts"] == sent["ts"]
    assert heard["message"]["metadata"]["event_payload"] == {"task": 7}
    assert (heard["user"]["id"], heard["channel"]["id"]) == ("U2", "C1")
    assert slack.ephemerals[0][:3] == ("C1", "U2", "only for you")


async def test_a_menu_is_used_by_the_value_of_its_choice(slack: FakeSlack, small: SmallApp) -> None:
    options = [{"text": plain("Log"), "value": "log:7"}, {"text": plain("Diff"), "value": "diff:7"}]
    menu = {"type": "overflow", "action_id": "act", "options": options}
    await small.client.chat_postMessage(channel="C1", text="x", blocks=[actions(menu)])
    await slack.click(slack.channel("C1")[0], "act", value="diff:7")
    assert small.heard[0]["actions"][0]["selected_option"] == options[1]
    with pytest.raises(AssertionError, match="offers"):
        await slack.click(slack.channel("C1")[0], "act", value="gone:7")


async def test_a_button_in_an_ephemeral_message_works_for_who_sees_it(
    slack: FakeSlack, small: SmallApp
) -> None:
    await small.client.chat_postEphemeral(
        channel="C1", user="U1", text="x", blocks=[actions(button("act"))]
    )
    await slack.click(slack.ephemerals[0], "act", user="U1")
    assert small.heard[0]["container"]["is_ephemeral"]
    assert "message" not in small.heard[0]
    with pytest.raises(AssertionError, match="only U1 sees that"):
        await slack.click(slack.ephemerals[0], "act", user="U2")


async def test_a_form_with_errors_stays_open_and_a_good_one_closes(
    slack: FakeSlack, small: SmallApp
) -> None:
    await small.client.chat_postMessage(channel="C1", text="x", blocks=[actions(button("open"))])
    await slack.click(slack.channel("C1")[0], "open")
    view = slack.open_view("U1")
    assert view
    small.verdict = {"response_action": "errors", "errors": {"text": "too short"}}
    ack = await slack.submit(view, {"text": {"typed": "x"}})
    assert ack.errors == {"text": "too short"}
    assert slack.open_view("U1") == view
    small.verdict = {}
    await slack.submit(view, {"text": {"typed": "long"}, "when": {"typed": "now"}})
    assert slack.open_view("U1") is None
    values = small.heard[-1]["view"]["state"]["values"]
    assert values["text"]["typed"] == {"type": "plain_text_input", "value": "long"}
    assert values["when"]["typed"]["selected_option"]["value"] == "now"


async def test_a_form_that_lacks_something_does_not_even_leave(
    slack: FakeSlack, small: SmallApp
) -> None:
    trigger = slack.new_trigger("U1")
    form = modal(field("text", {"type": "plain_text_input"}), notify_on_close=True)
    await small.client.views_open(trigger_id=trigger, view=form)
    view = slack.open_view("U1")
    assert view
    with pytest.raises(AssertionError, match="Slack asks for text/typed"):
        await slack.submit(view)
    assert small.heard == []
    await slack.close_view(view)
    assert (slack.open_view("U1"), small.heard[0]["type"]) == (None, "view_closed")


async def test_views_are_updated_and_pushed_by_the_acknowledgement(
    slack: FakeSlack, small: SmallApp
) -> None:
    trigger = slack.new_trigger("U1")
    await small.client.views_open(trigger_id=trigger, view=modal(section("one")))
    first = slack.open_view("U1")
    assert first
    small.verdict = {"response_action": "push", "view": modal(section("two"))}
    await slack.submit(first)
    second = slack.open_view("U1")
    assert second
    assert second["previous_view_id"] == first["id"]
    small.verdict = {"response_action": "update", "view": modal(section("three"))}
    await slack.submit(second)
    assert slack.views[second["id"]]["blocks"][0]["text"]["text"] == "three"
    small.verdict = {"response_action": "clear"}
    await slack.submit(slack.views[second["id"]])
    assert slack.views == {}


async def test_a_shortcut_brings_the_message(slack: FakeSlack, small: SmallApp) -> None:
    said = slack.say("the login is broken", "U2", "C1")
    await slack.shortcut("turn_into_task", said, user="U1")
    assert small.heard[0]["message"]["text"] == "the login is broken"
    assert small.heard[0]["message"]["user"] == "U2"


async def test_a_mention_arrives_twice_with_two_ids_and_one_timestamp(
    slack: FakeSlack, small: SmallApp
) -> None:
    await slack.mention("<@BOT> fix it", user="U1", channel="C1")
    await slack.until(lambda: len(small.heard) == 2, "both events")
    assert {heard["event"]["type"] for heard in small.heard} == {"app_mention", "message"}
    assert len({heard["event_id"] for heard in small.heard}) == 2
    assert {heard["event"]["ts"] for heard in small.heard} == {slack.channel("C1")[0].ts}
    assert slack.channel("C1")[0].text == f"<@{slack.bot_user}> fix it"


@pytest.mark.parametrize("kind", ["channel", "group"])
async def test_a_reply_arrives_as_a_message_in_the_thread(
    slack: FakeSlack, small: SmallApp, kind: str
) -> None:
    slack.add_channel("C2", name="two", members={"U1"}, private=kind == "group")
    sent = await small.client.chat_postMessage(channel="C2", text="card")
    await slack.reply(slack.channel("C2")[0], "use pytest", user="U1")
    event = small.heard[0]["event"]
    assert (event["text"], event["thread_ts"]) == ("use pytest", sent["ts"])
    assert (event["channel_type"], event["parent_user_id"]) == (kind, slack.bot_user)
    assert [m.text for m in slack.thread("C2", sent["ts"])] == ["card", "use pytest"]
    assert [m.text for m in slack.channel("C2")] == ["card"]


async def test_a_direct_message_arrives_in_the_persons_own_channel(
    slack: FakeSlack, small: SmallApp
) -> None:
    await slack.dm("hello", user="U2")
    event = small.heard[0]["event"]
    assert (event["channel"], event["channel_type"]) == (slack.dm_channel("U2"), "im")
    await small.client.chat_postMessage(channel="U2", text="hello yourself")
    assert [m.text for m in slack.channel(slack.dm_channel("U2"))] == ["hello", "hello yourself"]


async def test_the_home_tab_the_stop_button_edits_and_any_event_arrive(
    slack: FakeSlack, small: SmallApp
) -> None:
    await small.client.views_publish(user_id="U1", view=home_view(actions(button("act"))))
    await slack.open_home(user="U1")
    await slack.click_home(user="U1", action_id="act")
    said = slack.say("x", "U1", "C1")
    await slack.stop_session("C1", said.ts, "U1")
    await slack.edit(said, "y")
    await slack.event({"type": "app_home_opened", "user": "U9"}, event_id="Ev1")
    opened, clicked, stopped, edited, any_ = small.heard
    assert opened["event"]["view"]["blocks"] == slack.homes["U1"]["blocks"]
    assert clicked["view"]["id"] == slack.homes["U1"]["id"]
    assert (stopped["event"]["channel"], stopped["event"]["thread_ts"]) == ("C1", said.ts)
    assert edited["event"]["subtype"] == "message_changed"
    assert any_["event_id"] == "Ev1"


async def test_a_stranger_from_another_workspace_is_told_apart(
    slack: FakeSlack, small: SmallApp
) -> None:
    slack.add_user("U3", name="eve", team_id="T0OTHER")
    await slack.post("hello", user="U3", channel="C1")
    assert small.heard[0]["event"]["user_team"] == "T0OTHER"
    assert small.heard[0]["is_ext_shared_channel"]
    found = await small.client.users_info(user="U3")
    assert (found["user"]["team_id"], found["user"]["is_stranger"]) == ("T0OTHER", True)


async def test_the_bots_own_words_do_not_reach_it_and_another_bots_do(
    slack: FakeSlack, small: SmallApp
) -> None:
    slack.echo = True
    await small.client.chat_postMessage(channel="C1", text="to myself")
    slack.add_user("U4", name="robot", is_bot=True)
    await slack.post("beep", user="U4")
    await slack.settled()
    assert [heard["event"]["bot_id"] for heard in small.heard] == ["B4"]
