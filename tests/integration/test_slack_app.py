"""The guard around the app: whatever goes wrong, Slack hears in time and the log has the reason."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import structlog

from core.task_queue import TaskQueue
from fake_slack import FakeSlack
from fixtures_slack_app import ADA, PATIENCE, SlackApp, app, locked, premise, running, slack
from interfaces.slack.incoming import app as slack_app
from interfaces.slack.incoming.task_form import Blank, Origin, view

__all__ = ["app", "premise", "slack"]

Json = dict[str, Any]


async def test_a_listener_that_hangs_holds_no_acknowledgement_back(
    app: SlackApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_app, "_LATEST", 0.01)
    go, gone = asyncio.Event(), asyncio.Event()

    @app.app.event("reaction_added")  # type: ignore[untyped-decorator]
    async def hang(**_: Any) -> None:
        await go.wait()
        gone.set()

    with structlog.testing.capture_logs() as lines:
        await app.slack.event({"type": "reaction_added", "user": ADA})
    assert [line["event"] for line in lines] == ["slack.late"]
    go.set()
    async with asyncio.timeout(PATIENCE):
        await gone.wait()


async def test_middleware_that_fails_is_apologised_for_at_every_door(app: SlackApp) -> None:
    task = await app.queued("One")
    card = await app.post_card(task)
    form = view(Blank(Origin("C1"), "Two"))
    trigger = app.slack.new_trigger(ADA)
    await app.office.client.views_open(trigger_id=trigger, view=form)
    shown = app.slack.open_view(ADA)
    assert shown is not None

    @app.app.middleware  # type: ignore[untyped-decorator]
    async def fail(**_: Any) -> None:
        raise ZeroDivisionError("a mistake")

    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as lines:
        command = await app.slack.command("/task", "Three", user=ADA)
        click = await app.slack.click(card, "task:cancel", user=ADA)
        sent = await app.slack.submit(shown, {"text": {"text": "Two"}}, user=ADA)
        await app.slack.mention("<@BOT> Four", user=ADA)
        await app.slack.reply(card, "Five", user=ADA)
        await app.idle()
    failed = [line for line in lines if line["event"] == "slack.failed"]
    ids = {line["what"]: f"error {line['correlation_id']}" for line in failed}
    assert len(failed) == 5
    assert ids["/task"] in command.text
    assert ids["task:cancel"] in (await app.slack.answer(click))["text"]
    assert ids[form["callback_id"]] in next(iter(sent.errors.values()))
    assert ids["app_mention"] in app.slack.ephemerals[-1].text
    assert len(app.tasks()) == 1


async def test_what_is_under_way_is_finished_before_the_desk_closes(
    slack: FakeSlack, queue: TaskQueue, tmp_path: Path
) -> None:
    async with running(slack, queue, tmp_path) as app:
        with locked(app.database):
            ack = await slack.command("/task", "One", user=ADA)
            assert app.tasks() == []
        # the socket closes and the desk is emptied when this ends
    assert [task.description for task in app.tasks()] == ["One"]
    assert "queued" in (await slack.answer(ack))["text"]


async def test_the_app_asks_slack_nothing_before_it_answers(app: SlackApp) -> None:
    await app.slack.command("/credits", user=ADA)
    await app.slack.command("/credits", user=ADA)
    asked = [call.method for call in app.slack.calls]
    assert asked.count("auth.test") == 0
    assert asked.count("users.info") <= 1
