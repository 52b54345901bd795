"""What people say, through the whole app: mentions, direct messages, replies, and Slack's Stop."""

from pathlib import Path

import structlog
from sqlalchemy import select

from core.models import Instruction, Message, MessageKind, Task, TaskStatus
from core.task_queue import TaskQueue
from fake_slack import FakeSlack, SlackMessage
from fixtures_slack_app import (
    ADA,
    BEN,
    EVE,
    BrokenBot,
    Premise,
    SlackApp,
    app,
    locked,
    premise,
    running,
    slack,
)

__all__ = ["app", "premise", "slack"]


def instructions(app: SlackApp) -> list[str]:
    with app.database.read() as session:
        return list(session.scalars(select(Instruction.text).order_by(Instruction.id)))


def newest(app: SlackApp, channel: str = "C1") -> SlackMessage:
    return app.slack.messages[channel][-1]


async def with_card(app: SlackApp, text: str = "Build it") -> tuple[Task, SlackMessage]:
    task = await app.queued(text)
    return task, await app.post_card(task)


async def test_a_mention_queues_a_task_whose_card_goes_below_it(app: SlackApp) -> None:
    await app.slack.mention("<@BOT> Fix the login bug --project=web", user=ADA)
    await app.idle()
    [task] = app.tasks()
    assert task.description == "Fix the login bug"
    assert task.project_id == "web"
    assert task.slack_channel == "C1"
    assert task.slack_thread_ts == newest(app).ts
    assert app.letters() == []
    assert app.slack.ephemerals == []


async def test_a_mention_inside_a_thread_has_its_card_in_that_thread(app: SlackApp) -> None:
    root = app.slack.say("It is broken again", BEN, "C1")
    await app.slack.mention("<@BOT> Fix it", user=ADA, thread_ts=root.ts)
    await app.idle()
    assert app.tasks()[0].slack_thread_ts == root.ts


async def test_a_mention_that_asks_is_answered_in_its_thread_once(app: SlackApp) -> None:
    await app.slack.mention("<@BOT> credits", user=ADA)
    await app.idle()
    [letter] = app.letters()
    assert letter.thread_ts == newest(app).ts
    assert app.said()[0].startswith("💳 Usage & Budget Status")
    assert app.tasks() == []


async def test_a_slip_in_a_mention_is_a_hint_for_that_person_alone(app: SlackApp) -> None:
    await app.slack.mention("<@BOT> cancle 42", user=ADA)
    await app.idle()
    [aside] = app.slack.ephemerals
    assert aside.user == ADA
    assert "/cancel 42" in aside.text
    assert app.letters() == []
    assert app.tasks() == []


async def test_a_direct_message_queues_a_task_with_its_card_below_it(app: SlackApp) -> None:
    await app.slack.dm("Fix the login bug", user=ADA)
    await app.idle()
    [task] = app.tasks()
    dm = app.slack.dm_channel(ADA)
    assert task.slack_channel == dm
    assert task.slack_thread_ts == newest(app, dm).ts
    assert app.letters() == []


async def test_a_slip_in_a_direct_message_is_answered_there(app: SlackApp) -> None:
    await app.slack.dm("cancle 42", user=ADA)
    await app.idle()
    [letter] = app.letters()
    assert letter.channel == app.slack.dm_channel(ADA)
    assert "/cancel 42" in app.said()[0]


async def test_a_reply_below_a_card_is_told_to_its_agent_and_answered_by_a_reaction(
    app: SlackApp,
) -> None:
    _, card = await with_card(app)
    await app.slack.reply(card, "And add a test, please", user=ADA)
    await app.idle()
    assert instructions(app) == ["And add a test, please"]
    said = newest(app)
    assert said.reactions == {"eyes": [app.slack.bot_user]}
    assert app.said() == []
    assert len(app.tasks()) == 1


async def test_a_reply_is_heard_in_the_thread_a_card_stands_in(app: SlackApp) -> None:
    await app.slack.mention("<@BOT> Build it", user=ADA)
    await app.idle()
    [task] = app.tasks()
    mention = newest(app)
    await app.post_card(task, thread_ts=mention.ts)
    await app.slack.reply(mention, "And add a test", user=ADA)
    await app.idle()
    assert instructions(app) == ["And add a test"]


async def test_a_mention_below_a_card_is_an_instruction_and_told_once(app: SlackApp) -> None:
    _, card = await with_card(app)
    await app.slack.reply(card, "<@BOT> And add a test", user=ADA)
    await app.idle()
    assert instructions(app) == ["And add a test"]
    assert len(app.tasks()) == 1


async def test_a_reply_below_a_card_in_a_direct_message_is_an_instruction(app: SlackApp) -> None:
    await app.slack.dm("Build it", user=ADA)
    await app.idle()
    [task] = app.tasks()
    await app.post_card(task, thread_ts=task.slack_thread_ts)
    await app.slack.dm("And add a test", user=ADA, thread_ts=task.slack_thread_ts)
    await app.idle()
    assert instructions(app) == ["And add a test"]
    assert len(app.tasks()) == 1


async def test_people_who_talk_to_each_other_are_left_alone(app: SlackApp) -> None:
    _, card = await with_card(app)
    before = app.everything()
    root = app.slack.say("Lunch?", BEN, "C1")
    await app.slack.post("What a day", user=ADA)
    await app.slack.reply(root, "Yes", user=ADA)
    await app.slack.reply(card, "aside: does anybody know why?", user=ADA)
    await app.idle()
    assert app.everything("chat_received") == {
        name: rows for name, rows in before.items() if name != "chat_received"
    }
    assert app.slack.ephemerals == []
    assert newest(app).reactions == {}


async def test_somebody_else_s_reply_is_refused_to_them_alone(app: SlackApp) -> None:
    _, card = await with_card(app)
    await app.slack.reply(card, "Do it differently", user=BEN)
    await app.idle()
    [aside] = app.slack.ephemerals
    assert aside.user == BEN
    assert aside.thread_ts == card.ts
    assert instructions(app) == []


async def test_what_is_said_to_a_cancelled_task_is_answered_in_words(app: SlackApp) -> None:
    task, card = await with_card(app)
    await app.slack.command("/cancel", str(task.id), user=ADA)
    await app.slack.reply(card, "And add a test", user=ADA)
    await app.idle()
    [text] = app.said()
    assert f"/retry {task.id}" in text


async def test_a_message_that_is_brought_again_is_done_once(app: SlackApp) -> None:
    ack = await app.slack.mention("<@BOT> Fix the login bug", user=ADA)
    await app.slack.again(ack)
    asked = await app.slack.mention("<@BOT> credits", user=ADA)
    await app.slack.again(asked)
    await app.idle()
    assert len(app.tasks()) == 1
    assert len(app.letters()) == 1


async def test_a_message_that_is_brought_again_after_a_restart_is_done_once(
    slack: FakeSlack, queue: TaskQueue, tmp_path: Path
) -> None:
    async with running(slack, queue, tmp_path) as first:
        ack = await slack.mention("<@BOT> Fix the login bug", user=ADA)
        await first.idle()
    async with running(slack, queue, tmp_path) as second:
        await slack.again(ack)
        await second.idle()
        assert len(second.tasks()) == 1


async def test_what_a_dead_process_had_only_taken_is_done_by_the_next(
    slack: FakeSlack, queue: TaskQueue, tmp_path: Path
) -> None:
    async with running(slack, queue, tmp_path, Premise(bot=BrokenBot)) as first:
        ack = await slack.mention("<@BOT> Fix the login bug", user=ADA)
        await first.idle()
        assert first.tasks() == []
    async with running(slack, queue, tmp_path) as second:
        await slack.again(ack)
        await second.idle()
        assert len(second.tasks()) == 1


async def test_edits_deletions_and_apps_are_not_listened_to(app: SlackApp) -> None:
    _, card = await with_card(app)
    before = app.everything()
    dm = {"channel": app.slack.dm_channel(ADA), "channel_type": "im", "user": ADA}
    thread = {"channel": "C1", "channel_type": "channel", "user": ADA, "thread_ts": card.ts}
    team = {"team": app.slack.team_id}
    for n, where in enumerate((dm, thread)):
        said = {"type": "message", "text": "Build it", "ts": f"9{n}.1", **where, **team}
        for more in (
            {"subtype": "message_changed"},
            {"subtype": "message_deleted", "hidden": True},
            {"subtype": "bot_message", "bot_id": "B1"},
            {"subtype": "channel_join"},
            {"bot_id": "B1"},
            {"user": app.slack.bot_user},
        ):
            await app.slack.event(said | more)
    await app.slack.event(
        {"type": "app_mention", "text": "<@U0BOT> Build it", "ts": "95.1", "channel": "C1"}
        | team
        | {"user": ADA, "edited": {"user": ADA, "ts": "96.1"}}
    )
    await app.idle()
    assert app.everything() == before
    assert app.slack.ephemerals == []


async def test_the_text_that_comes_with_a_file_is_listened_to(app: SlackApp) -> None:
    event = {"type": "message", "subtype": "file_share", "text": "Build it", "ts": "90.1"}
    where = {"channel": app.slack.dm_channel(ADA), "channel_type": "im", "user": ADA}
    await app.slack.event(event | where | {"files": [{"id": "F1"}]})
    await app.idle()
    assert [task.description for task in app.tasks()] == ["Build it"]


async def test_slack_s_own_stop_stops_the_task_of_the_thread(app: SlackApp) -> None:
    task, card = await with_card(app)
    await app.slack.stop_session("C1", card.ts, user=ADA)
    await app.idle()
    assert app.queue.get_task(task.id).status is TaskStatus.CANCELLED


async def test_slack_s_own_stop_is_refused_to_whom_the_task_does_not_belong(
    app: SlackApp,
) -> None:
    task, card = await with_card(app)
    await app.slack.stop_session("C1", card.ts, user=BEN)
    await app.idle()
    assert app.queue.get_task(task.id).status is TaskStatus.PENDING
    assert [aside.user for aside in app.slack.ephemerals] == [BEN]


async def test_an_event_nobody_listens_to_is_acknowledged_in_silence(app: SlackApp) -> None:
    ack = await app.slack.event(
        {"type": "app_context_changed", "user": ADA, "channel": "C1", "context": {}}
    )
    assert ack.payload is None
    assert app.slack.ephemerals == []


async def test_a_mistake_is_apologised_for_to_whoever_spoke(
    slack: FakeSlack, queue: TaskQueue, tmp_path: Path
) -> None:
    async with running(slack, queue, tmp_path, Premise(bot=BrokenBot)) as app:
        with structlog.testing.capture_logs(
            processors=[structlog.contextvars.merge_contextvars]
        ) as lines:
            await app.slack.mention("<@BOT> Fix it", user=ADA)
            await app.slack.dm("Fix it", user=ADA)
            await app.idle()
        ids = [line["correlation_id"] for line in lines if line["event"] == "slack.failed"]
        assert f"error {ids[0]}" in slack.ephemerals[0].text
        assert f"error {ids[1]}" in newest(app, slack.dm_channel(ADA)).text


async def test_a_reaction_that_slack_refuses_loses_no_instruction(app: SlackApp) -> None:
    _, card = await with_card(app)
    app.slack.fail("reactions.add", error="missing_scope")
    await app.slack.reply(card, "And add a test", user=ADA)
    await app.idle()
    assert instructions(app) == ["And add a test"]


async def test_an_instruction_waits_for_a_locked_database_and_is_kept(app: SlackApp) -> None:
    _, card = await with_card(app)
    with locked(app.database):
        ack = await app.slack.reply(card, "And add a test", user=ADA)
    await app.idle()
    assert ack.seconds < 3
    assert instructions(app) == ["And add a test"]


async def test_a_stranger_in_a_thread_is_told_once_an_hour(app: SlackApp) -> None:
    _, card = await with_card(app)
    for _ in range(3):
        await app.slack.reply(card, "Me too", user=EVE)
    await app.idle()
    assert [aside.user for aside in app.slack.ephemerals] == [EVE]
    assert instructions(app) == []


async def test_replies_are_put_where_the_courier_finds_them(app: SlackApp) -> None:
    await app.slack.dm("status", user=ADA)
    await app.idle()
    with app.database.read() as session:
        [letter] = session.scalars(select(Message)).all()
    assert letter.kind is MessageKind.REPLY
    assert letter.key.startswith("reply:message:D1:")
