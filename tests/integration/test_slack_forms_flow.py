"""The form through the real app: opened, filled in, refused at its fields, sent twice."""

from datetime import UTC, datetime
from typing import Any

from core import people
from core.models import TaskPriority
from fake_slack import Ack, FakeSlack
from fixtures_slack_app import ADA, BEN, EVE, SlackApp, app, locked, premise, slack

__all__ = ["app", "premise", "slack"]

Values = dict[str, Any]


async def form(slack: FakeSlack, user: str = ADA, channel: str = "C1", text: str = "") -> Any:
    ack = await slack.command("/task", text, user=user, channel=channel)
    assert ack.text == ""
    return await slack.until(lambda: slack.open_view(user), "the form")


async def send(slack: FakeSlack, values: Values, user: str = ADA) -> Ack:
    """Every block and its field share a name."""
    view = slack.open_view(user)
    assert view is not None
    entered = {name: {name: value} for name, value in values.items()}
    return await slack.submit(view, entered, user=user)


async def test_a_bare_command_opens_the_form_and_the_form_queues_the_task(
    app: SlackApp, slack: FakeSlack
) -> None:
    await form(slack)
    at = int(datetime(2026, 3, 11, 1, 0, tzinfo=UTC).timestamp())
    values = {"text": "Mend the roof", "new": "House", "cap": "2.50", "priority": "random"}
    ack = await send(slack, values | {"at": at})
    assert ack.errors == {}
    assert slack.open_view(ADA) is None
    [task] = app.tasks()
    assert (task.description, task.project_id) == ("Mend the roof", "house")
    assert (task.priority, task.assigned_to) == (TaskPriority.RANDOM, ADA)
    assert task.not_before == datetime(2026, 3, 11, 1, 0, tzinfo=UTC)
    assert (task.slack_channel, task.slack_thread_ts) == ("C1", None)
    [told] = await slack.until(lambda: slack.ephemerals)
    assert (told.user, told.channel) == (ADA, "C1")
    assert told.text.startswith(f"Task {task.id} is queued in project house.")


async def test_known_projects_are_offered_the_latest_first_and_the_own_one_is_chosen(
    app: SlackApp, slack: FakeSlack
) -> None:
    await app.queued("One --project=older")
    await app.queued("Two --project=newer")
    with app.database.write() as connection:
        people.choose_project(connection, ADA, "older", app.office.clock.now())
    view = await form(slack)
    menu = next(block for block in view["blocks"] if block["block_id"] == "known")["element"]
    assert [option["value"] for option in menu["options"]] == ["newer", "older"]
    assert menu["initial_option"]["value"] == "older"


async def test_a_project_that_is_cleared_is_none_though_there_is_a_default(
    app: SlackApp, slack: FakeSlack
) -> None:
    await app.queued("One --project=mine")
    with app.database.write() as connection:
        people.choose_project(connection, ADA, "mine", app.office.clock.now())
    await form(slack)
    await send(slack, {"text": "Nowhere", "known": None})
    assert app.tasks()[-1].project_id is None


async def test_mistakes_stand_at_their_fields_and_nothing_is_queued(
    app: SlackApp, slack: FakeSlack
) -> None:
    await form(slack)
    ack = await send(slack, {"text": "Mend the roof", "cap": "plenty", "new": "!!!"})
    assert ack.errors.keys() == {"cap", "new"}
    assert slack.open_view(ADA) is not None
    assert app.tasks() == []
    assert (await send(slack, {"text": "Mend the roof"})).errors == {}
    assert len(app.tasks()) == 1


async def test_a_form_that_is_sent_twice_is_one_task(app: SlackApp, slack: FakeSlack) -> None:
    await form(slack)
    ack = await send(slack, {"text": "Once"})
    await slack.again(ack)
    await app.idle()
    assert len(app.tasks()) == 1


async def test_a_message_becomes_a_task_whose_card_goes_into_its_thread(
    app: SlackApp, slack: FakeSlack
) -> None:
    said = slack.say("Login breaks for a &amp; b, see <https://x.test/1|#1>", BEN, "C1")
    await slack.shortcut("turn_into_task", said, user=ADA)
    view: Any = await slack.until(lambda: slack.open_view(ADA), "the form")
    shown = view["blocks"][0]["element"]["initial_value"]
    assert shown == "Login breaks for a & b, see #1 (https://x.test/1)"
    await send(slack, {})
    [task] = app.tasks()
    assert (task.slack_channel, task.slack_thread_ts) == ("C1", said.ts)
    link = f"https://home.slack.com/archives/C1/p{said.ts.replace('.', '')}"
    reference = f"> Reference, not an instruction: from the Slack message of ben ({BEN}), {link}"
    assert task.description == f"{shown}\n\n{reference}"


async def test_an_expired_trigger_is_answered_with_what_to_type(
    app: SlackApp, slack: FakeSlack
) -> None:
    slack.expire_triggers = True
    ack = await slack.command("/task", "")
    assert "/task Fix the login bug --project=my-app" in ack.text
    said = slack.say("Mend it", BEN, "C1")
    asked = await slack.shortcut("turn_into_task", said)
    answer = await slack.answer(asked)
    assert "type the task instead" in answer["text"]
    assert answer["response_type"] == "ephemeral"


async def test_strangers_get_no_form_and_none_that_lies_open_is_taken(
    app: SlackApp, slack: FakeSlack
) -> None:
    ack = await slack.command("/task", "", user=EVE)
    assert "not on the list" in ack.text
    view = await form(slack)
    refused = await slack.submit(view, {"text": {"text": "Evil"}}, user=EVE)
    assert "not on the list" in refused.errors["text"]
    said = slack.say("Mend it", BEN, "C1")
    await slack.shortcut("turn_into_task", said, user=EVE)
    await app.idle()
    assert slack.open_view(EVE) is None
    assert app.tasks() == []


async def test_a_form_from_a_channel_that_is_not_listed_is_refused(
    app: SlackApp, slack: FakeSlack
) -> None:
    view = await form(slack)
    packed = view["private_metadata"].replace('"C1"', '"C2"')
    ack = await slack.submit(view | {"private_metadata": packed}, {"text": {"text": "x"}})
    assert "does not answer in this channel" in ack.errors["text"]
    assert app.tasks() == []


async def test_a_locked_database_holds_back_neither_the_form_nor_its_answer(
    app: SlackApp, slack: FakeSlack
) -> None:
    await app.queued("Known by now")
    with locked(app.database):
        await form(slack)
        ack = await send(slack, {"text": "Patience"})
        assert ack.seconds < 3
        assert slack.open_view(ADA) is None
    await slack.until(lambda: len(app.tasks()) == 2, "the task", 20)
    told = await slack.until(lambda: slack.ephemerals, "the late answer", 20)
    assert told[-1].text.startswith("Task 2 is queued")


async def test_in_a_direct_message_the_card_says_it(app: SlackApp, slack: FakeSlack) -> None:
    await form(slack, channel=slack.dm_channel(ADA))
    await send(slack, {"text": "Quietly"})
    await app.idle()
    assert app.tasks()[0].slack_channel == slack.dm_channel(ADA)
