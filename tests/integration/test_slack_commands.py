"""Slash commands through the whole app: acknowledged in time, done once, whatever happens."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import structlog
from sqlalchemy import select

from core.models import Received, TaskPriority, TaskStatus
from core.task_queue import TaskQueue
from fake_slack import Ack, FakeSlack
from fixtures_slack_app import (
    ADA,
    BEN,
    CROWD,
    PATIENCE,
    BrokenBot,
    Premise,
    SlackApp,
    app,
    locked,
    premise,
    running,
    slack,
    slowest,
)
from interfaces.bot import COMMANDS, Request
from interfaces.grammar import Verb, slash

__all__ = ["app", "premise", "slack"]

Record = Callable[[str, object], None]

#: Slack gives up on an acknowledgement after so many seconds
SLACKS_PATIENCE = 3.0
EVERY = [slash(verb) for verb in COMMANDS]


async def test_a_task_is_queued_and_the_acknowledgement_says_so(app: SlackApp) -> None:
    text = "Implement user authentication --project=my-app"
    ack = await app.slack.command("/task", text, user=ADA, channel="C1")
    [task] = app.tasks()
    assert task.description == "Implement user authentication"
    assert task.project_id == "my-app"
    assert task.assigned_to == ADA
    assert task.slack_channel == "C1"
    assert ack.text.startswith(f"Task {task.id} is queued in project my-app.")


async def test_credits_are_answered_to_the_letter(app: SlackApp) -> None:
    await app.queued("Something")
    ack = await app.slack.command("/credits", user=ADA, channel="C1")
    request = Request(ADA, "C1", "trigger:1", ZoneInfo("UTC"), "0abc")
    expected = app.office.bot.command(Verb.CREDITS, "", request)
    assert ack.text.encode() == expected.text.encode()
    assert ack.blocks == []
    assert ack.text.startswith("💳 Usage & Budget Status\n")


@pytest.mark.parametrize("command", EVERY)
async def test_every_command_is_answered_in_its_acknowledgement(
    app: SlackApp, command: str
) -> None:
    ack = await app.slack.command(command, "42", user=ADA, channel="C1")
    assert ack.text
    assert ack.seconds < SLACKS_PATIENCE


async def test_what_slack_writes_as_markup_is_what_was_typed(app: SlackApp) -> None:
    text = "Compare a < b && c in <https://example.com/x|example.com/x>"
    await app.slack.command("/task", text.replace("&", "&amp;").replace("a <", "a &lt;"))
    [task] = app.tasks()
    assert task.description == "Compare a < b && c in example.com/x"


async def test_a_task_s_text_pings_nobody(app: SlackApp) -> None:
    ack = await app.slack.command("/status", "<!channel> & <@U2>")
    assert "<" not in ack.text


async def test_a_bare_task_opens_the_form_and_says_nothing(app: SlackApp) -> None:
    ack = await app.slack.command("/task", "", user=ADA)
    assert app.slack.open_view(ADA) is not None
    assert not ack.payload


async def test_a_request_has_one_id_from_the_command_to_the_task(app: SlackApp) -> None:
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as lines:
        await app.slack.command("/task", "Fix the login bug", user=ADA, channel="C1")
    [line] = [line for line in lines if line["event"] == "slack.command"]
    [task] = app.tasks()
    assert line["correlation_id"] == task.correlation_id
    assert line["user"] == ADA
    assert line["channel"] == "C1"
    assert line["verb"] == "task"
    assert line["outcome"] == "done"
    assert "Fix the login bug" not in str(lines)


async def test_two_requests_have_two_ids(app: SlackApp) -> None:
    await app.queued("One")
    await app.queued("Two")
    one, two = app.tasks()
    assert one.correlation_id != two.correlation_id


async def test_a_command_that_only_looks_writes_nothing(app: SlackApp) -> None:
    await app.queued("One")
    before = app.everything()
    for command in ("/credits", "/status", "/results", "/costs", "/health", "/metrics"):
        await app.slack.command(command, user=ADA)
    assert app.everything() == before


async def test_cancelling_twice_under_one_key_cancels_once(app: SlackApp) -> None:
    task = await app.queued("One")
    ack = await app.slack.command("/cancel", str(task.id), user=ADA)
    assert "cancelled" in ack.text
    await app.slack.again(ack)
    assert ack.answers[1] is None
    assert app.queue.get_task(task.id).status is TaskStatus.CANCELLED
    assert len(_received(app)) == 1


async def test_a_task_that_is_brought_twice_is_queued_once(app: SlackApp) -> None:
    ack = await app.slack.command("/task", "One", user=ADA)
    await app.slack.again(ack)
    assert len(app.tasks()) == 1
    assert ack.answers[0] == ack.answers[1]


async def test_a_change_that_was_answered_before_a_restart_is_not_made_again(
    slack: FakeSlack, queue: TaskQueue, tmp_path: Path
) -> None:
    async with running(slack, queue, tmp_path) as first:
        task = await first.queued("One")
        ack = await slack.command("/priority", f"{task.id} random", user=ADA)
        await slack.command("/priority", f"{task.id} serious", user=ADA)
    async with running(slack, queue, tmp_path):
        await slack.again(ack)
        assert queue.get_task(task.id).priority is TaskPriority.SERIOUS


async def test_who_is_too_fast_is_told_when_to_go_on(
    slack: FakeSlack, queue: TaskQueue, tmp_path: Path
) -> None:
    async with running(slack, queue, tmp_path, Premise(commands_per_minute=2)) as app:
        for _ in range(2):
            await slack.command("/task", "One", user=ADA)
        ack = await slack.command("/task", "One", user=ADA)
        assert "2 requests a minute" in ack.text
        assert "30 s" in ack.text
        assert len(app.tasks()) == 2
        other = await slack.command("/task", "One", user=BEN)
        assert "queued" in other.text


async def test_a_command_nobody_knows_is_answered_honestly(app: SlackApp) -> None:
    ack = await app.slack.command("/launch", "rockets", user=ADA)
    assert "does not know /launch" in ack.text


async def test_a_mistake_is_apologised_for_under_the_id_of_its_traceback(
    slack: FakeSlack, queue: TaskQueue, tmp_path: Path
) -> None:
    async with running(slack, queue, tmp_path, Premise(bot=BrokenBot)):
        with structlog.testing.capture_logs(
            processors=[structlog.contextvars.merge_contextvars]
        ) as lines:
            ack = await slack.command("/task", "One", user=ADA)
        [line] = [line for line in lines if line["event"] == "slack.failed"]
        assert f"error {line['correlation_id']}" in ack.text
        assert isinstance(line["exc_info"], ZeroDivisionError)


async def test_every_acknowledgement_is_in_time_while_the_database_is_locked(
    app: SlackApp, record_property: Record
) -> None:
    task = await app.queued("Before")
    with locked(app.database):
        acks = await asyncio.gather(
            *(app.slack.command("/task", f"Write chapter {n}", user=ADA) for n in range(20)),
            app.slack.command("/cancel", str(task.id), user=ADA),
            app.slack.command("/credits", user=BEN),
            app.slack.mention("<@BOT> another one", user=BEN),
            app.slack.dm("and another", user=ADA),
        )
        assert app.queue.counts()[TaskStatus.PENDING] == 1
    record_property("slowest_ack_while_locked_seconds", round(slowest(acks), 3))
    assert slowest(acks) < SLACKS_PATIENCE
    # a machine that is busy with other things may be late for its words, never for its answer
    assert all("follows" in ack.text or not ack.text for ack in acks[:21])
    late = [await app.slack.answer(ack) for ack in acks[:22]]
    await app.idle()
    assert all("is queued" in body["text"] for body in late[:20])
    assert "cancelled" in late[20]["text"]
    assert {body["response_type"] for body in late} == {"ephemeral"}
    assert len(app.tasks()) == 23


async def test_a_form_opens_while_the_database_is_locked(app: SlackApp) -> None:
    with locked(app.database):
        busy = [app.slack.command("/task", f"Write chapter {n}", user=BEN) for n in range(8)]
        others = asyncio.gather(*busy)
        ack = await app.slack.command("/task", "", user=ADA)
        assert app.slack.open_view(ADA) is not None
        await others
    assert ack.seconds < SLACKS_PATIENCE


async def test_two_hundred_commands_at_once_are_acknowledged_and_queued_once_each(
    app: SlackApp, record_property: Record
) -> None:
    acks = await asyncio.gather(*two_hundred(app.slack))
    record_property("slowest_ack_of_200_seconds", round(slowest(acks), 3))
    assert slowest(acks) < SLACKS_PATIENCE
    await app.idle()
    assert doubled_or_lost(app) == {}
    assert len(app.tasks()) == 200


async def test_nothing_is_lost_or_doubled_by_redelivery_and_a_reconnect(
    app: SlackApp, record_property: Record
) -> None:
    app.slack.redeliver = 0.2
    commands = asyncio.gather(*two_hundred(app.slack))
    await app.slack.until(lambda: len(app.tasks()) >= 50, "a quarter of them", PATIENCE)
    await app.slack.disconnect(None)
    acks = await commands
    await app.idle()
    deliveries = sum(ack.deliveries for ack in acks)
    record_property("slowest_ack_with_reconnect_seconds", round(slowest(acks), 3))
    record_property("deliveries_of_200", deliveries)
    assert deliveries > 220
    assert doubled_or_lost(app) == {}
    assert len(app.tasks()) == 200


def two_hundred(slack: FakeSlack) -> list[Coroutine[Any, Any, Ack]]:
    return [
        slack.command("/task", f"Write chapter {n}", user=CROWD[n % len(CROWD)], channel="C1")
        for n in range(200)
    ]


def doubled_or_lost(app: SlackApp) -> dict[str, int]:
    found = Counter(task.description for task in app.tasks())
    wanted = {f"Write chapter {n}" for n in range(200)}
    return {name: found[name] for name in wanted | set(found) if found[name] != 1}


def _received(app: SlackApp) -> list[str]:
    with app.database.read() as session:
        return list(session.scalars(select(Received.key)))
