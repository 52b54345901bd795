"""The buttons of a card: one press, one effect, and an answer for whoever pressed."""

import asyncio
from pathlib import Path

import structlog
from sqlalchemy import func, select

from core.models import Event, TaskStatus
from core.task_queue import TaskQueue
from fake_slack import FakeSlack
from fixtures_slack_app import (
    ADA,
    BEN,
    ROOT,
    BrokenBot,
    Premise,
    SlackApp,
    app,
    locked,
    premise,
    running,
    slack,
)
from interfaces.bot import Seen

__all__ = ["app", "premise", "slack"]


def events(app: SlackApp, type_: str) -> int:
    with app.database.read() as session:
        wanted = select(func.count()).select_from(Event).where(Event.type == type_)
        return session.scalar(wanted) or 0


async def test_a_press_does_what_the_button_says_and_answers_that_person_alone(
    app: SlackApp,
) -> None:
    task = await app.queued("One")
    card = await app.post_card(task)
    ack = await app.slack.click(card, "task:cancel", user=ADA)
    body = await app.slack.answer(ack)
    assert ack.payload is None
    assert "cancelled" in body["text"]
    assert body["response_type"] == "ephemeral"
    assert body["replace_original"] is False
    assert app.queue.get_task(task.id).status is TaskStatus.CANCELLED


async def test_an_admin_may_press_on_somebody_else_s_card(app: SlackApp) -> None:
    task = await app.queued("One")
    ack = await app.slack.click(await app.post_card(task), "task:cancel", user=ROOT)
    assert "cancelled" in (await app.slack.answer(ack))["text"]


async def test_somebody_else_may_not_and_is_told_whom_to_ask(app: SlackApp) -> None:
    task = await app.queued("One")
    card = await app.post_card(task)
    ack = await app.slack.click(card, "task:cancel", user=BEN)
    assert "ada" in (await app.slack.answer(ack))["text"]
    assert app.queue.get_task(task.id).status is TaskStatus.PENDING


async def test_a_press_that_is_brought_twice_has_one_effect_and_one_answer(app: SlackApp) -> None:
    task = await app.queued("One")
    ack = await app.slack.click(await app.post_card(task), "task:cancel", user=ADA)
    await app.slack.answer(ack)
    await app.slack.again(ack)
    await app.idle()
    assert len(app.slack.responses) == 1
    assert events(app, "task.cancelled") == 1


async def test_a_double_click_has_one_effect_and_says_so_to_the_second(app: SlackApp) -> None:
    task = await app.queued("One")
    card = await app.post_card(task)
    acks = await asyncio.gather(
        app.slack.click(card, "task:cancel", user=ADA),
        app.slack.click(card, "task:cancel", user=ADA),
    )
    texts = {(await app.slack.answer(ack))["text"] for ack in acks}
    assert len(texts) == 2
    assert events(app, "task.cancelled") == 1


async def test_a_card_from_before_changes_nothing(app: SlackApp) -> None:
    task = await app.queued("One")
    card = await app.post_card(task)
    await app.slack.command("/cancel", str(task.id), user=ADA)
    await app.slack.command("/retry", str(task.id), user=ADA)
    stale = next(
        element["value"]
        for block in card.blocks
        for element in block.get("elements", [])
        if element.get("action_id") == "task:cancel"
    ).replace("pending", "in_progress")
    ack = await app.slack.click(card, "task:cancel", user=ADA, value=stale)
    assert (await app.slack.answer(ack))["text"]
    assert app.queue.get_task(task.id).status is TaskStatus.PENDING


async def test_a_button_of_another_time_is_answered_honestly(app: SlackApp) -> None:
    task = await app.queued("One")
    card = await app.post_card(task)
    ack = await app.slack.click(card, "task:cancel", user=ADA, value="nonsense")
    assert "does not know this button" in (await app.slack.answer(ack))["text"]
    assert app.queue.get_task(task.id).status is TaskStatus.PENDING


async def test_an_action_nobody_listens_to_is_answered_honestly(app: SlackApp) -> None:
    button = {"type": "button", "action_id": "other:thing", "value": "1"}
    text = {"type": "plain_text", "text": "Other"}
    blocks = [{"type": "actions", "block_id": "b", "elements": [button | {"text": text}]}]
    posted = await app.office.client.chat_postMessage(channel="C1", text="x", blocks=blocks)
    message = app.slack.find("C1", str(posted["ts"]))
    assert message is not None
    ack = await app.slack.click(message, "other:thing", user=ADA)
    assert "does not know other:thing" in (await app.slack.answer(ack))["text"]


async def test_a_press_is_acknowledged_while_the_database_is_locked(app: SlackApp) -> None:
    task = await app.queued("One")
    card = await app.post_card(task)
    with locked(app.database):
        ack = await app.slack.click(card, "task:cancel", user=ADA)
    assert ack.seconds < 3
    assert "cancelled" in (await app.slack.answer(ack))["text"]


async def test_a_mistake_behind_a_button_is_apologised_for(
    slack: FakeSlack, queue: TaskQueue, tmp_path: Path
) -> None:
    async with running(slack, queue, tmp_path) as good:
        card = await good.post_card(await good.queued("One"))
    async with running(slack, queue, tmp_path, Premise(bot=BrokenBot)) as app:
        with structlog.testing.capture_logs(
            processors=[structlog.contextvars.merge_contextvars]
        ) as lines:
            ack = await app.slack.click(card, "task:cancel", user=ADA)
            body = await app.slack.answer(ack)
        [line] = [line for line in lines if line["event"] == "slack.failed"]
        assert f"error {line['correlation_id']}" in body["text"]


async def test_what_is_pressed_on_the_home_page_answers_in_a_direct_message_if_it_must(
    app: SlackApp,
) -> None:
    task = await app.queued("One")
    for action_id in ("task:diff", "task:cancel"):
        text = {"type": "plain_text", "text": "Press"}
        button = {
            "type": "button",
            "action_id": action_id,
            "text": text,
            "value": f"{Seen.of(task)}",
        }
        page = {"type": "home", "blocks": [{"type": "actions", "elements": [button]}]}
        await app.office.client.views_publish(user_id=ADA, view=page)
        await app.slack.click_home(ADA, action_id)
    await app.idle()
    [letter] = app.letters()
    assert letter.channel == ADA
    assert f"/why {task.id}" in app.said()[0]
    assert app.queue.get_task(task.id).status is TaskStatus.CANCELLED
