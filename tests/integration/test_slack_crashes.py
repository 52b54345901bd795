"""Whatever is cut off, and wherever: at the end every letter stands once and the card is true."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from asyncio import create_subprocess_exec
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import StoppedClock
from core.database import Database
from core.models import MessageState
from fixtures_courier import Rounds, opened, rounds
from fixtures_heart import World
from source_tree import ROOT

__all__ = ["rounds"]

POST, SHARE = "chat.postMessage", "files.completeUploadExternal"
FILE = {"name": "a.diff", "title": "The diff", "content": "+1\n", "snippet_type": "diff"}


@pytest.mark.parametrize("arrived", [True, False], ids=["it had arrived", "it had not"])
async def test_a_courier_that_dies_while_it_posts_leaves_one_message(
    rounds: Rounds,
    arrived: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    held = rounds.slack.hold(POST)
    await rounds.start()
    rounds.add()
    rounds.couriers[-1].wake()
    await held.reached
    assert rounds.row("card:1").state is MessageState.SENDING
    await rounds.crash()
    held.release(after_work=arrived)
    if arrived:
        await rounds.until(lambda: rounds.keyed("card:1"))

    rounds.end(rounds.begin())
    await rounds.started()
    await rounds.pass_by(5)
    assert "Done" in rounds.one("card:1").text
    assert rounds.one("result:1:1").thread_ts == rounds.one("card:1").ts
    assert len(rounds.calls("conversations.history")) == 1


@pytest.mark.parametrize("where", ["channel", "thread", "direct"])
async def test_a_lost_answer_is_looked_for_before_it_is_said_again(
    rounds: Rounds, where: str
) -> None:
    await rounds.started()
    rounds.put("root")
    await rounds.woken()
    thread_ts = rounds.one("root").ts if where == "thread" else None
    rounds.slack.lose_answer(POST)
    rounds.put("reply:1", "U2" if where == "direct" else "C1", thread_ts=thread_ts)
    await rounds.woken()
    await rounds.pass_by(10)
    assert rounds.one("reply:1").thread_ts == thread_ts
    assert rounds.row("reply:1").ts == rounds.one("reply:1").ts
    assert len(rounds.calls(POST)) == 2


async def test_a_message_is_found_behind_pages_of_others(rounds: Rounds) -> None:
    rounds.slack.lose_answer(POST)
    await rounds.started()
    rounds.put("reply:1")
    await rounds.woken()
    for number in range(450):
        rounds.slack.speak("C1", f"noise {number}", [], None)
    await rounds.pass_by(10)
    assert rounds.one("reply:1").ts == rounds.row("reply:1").ts
    assert len(rounds.calls("conversations.history")) == 3


async def test_where_slack_lets_nobody_look_it_is_rather_said_twice(rounds: Rounds) -> None:
    rounds.slack.scopes.discard("channels:history")
    rounds.slack.lose_answer(POST)
    await rounds.started()
    rounds.put("reply:1")
    await rounds.woken()
    await rounds.pass_by(10)
    assert len(rounds.keyed("reply:1")) == 2
    assert rounds.row("reply:1").state is MessageState.SENT


async def test_while_slack_cannot_be_asked_nothing_is_said_again(rounds: Rounds) -> None:
    rounds.slack.lose_answer(POST)
    rounds.slack.fail("conversations.history", times=8, status=500)
    await rounds.started()
    rounds.put("reply:1")
    await rounds.woken()
    await rounds.pass_by(600, step=5)
    assert rounds.one("reply:1").ts == rounds.row("reply:1").ts
    assert len(rounds.calls(POST)) == 1


@pytest.mark.parametrize("lost", [SHARE, "files.getUploadURLExternal"])
async def test_a_file_whose_answer_got_lost_is_shared_once(rounds: Rounds, lost: str) -> None:
    rounds.slack.lose_answer(lost)
    await rounds.started()
    rounds.put("diff:1", payload={"text": "Here", "file": FILE})
    await rounds.woken()
    await rounds.pass_by(10)
    assert [file.title for file in rounds.slack.files] == ["The diff"]
    assert rounds.row("diff:1").state is MessageState.SENT


async def test_a_file_cut_off_before_it_was_shared_is_shared_once(rounds: Rounds) -> None:
    held = rounds.slack.hold(SHARE)
    await rounds.start()
    rounds.put("diff:1", payload={"text": "Here", "file": FILE})
    rounds.couriers[-1].wake()
    await held.reached
    await rounds.crash()
    held.release(after_work=False)
    await rounds.started()
    await rounds.pass_by(10)
    assert [file.title for file in rounds.slack.files] == ["The diff"]


@pytest.mark.parametrize("point", ["chat.planned", "chat.taken", "chat.posted", "chat.sent"])
async def test_killed_at_any_step_it_says_everything_once_after_the_next_start(
    rounds: Rounds, point: str
) -> None:
    rounds.add()
    rounds.put("reply:1")
    killed = await create_subprocess_exec(
        sys.executable,
        str(ROOT / "tests" / "courier_process.py"),
        str(rounds.world.database.url.database),
        rounds.slack.api_url,
        rounds.slack.bot_token,
        env={"PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parents[1]}"}
        | {"PATH": os.environ["PATH"], "SLEEPLESS_FAILPOINT": point},
    )
    assert await killed.wait() == -signal.SIGKILL
    rounds.end(rounds.begin())
    await rounds.started()
    await rounds.pass_by(10)
    assert "Done" in rounds.one("card:1").text
    for key in ("reply:1", "result:1:1"):
        assert rounds.one(key).text
    assert len(rounds.rows(MessageState.SENT)) == 3


#: what goes wrong with one call, and whether the courier dies of it
FAULTS = ("lost", "broken", "refused", "too fast", "dies before", "dies after", "dies at once")
METHODS = (POST, "chat.update", "conversations.history", "conversations.replies")
mishaps = st.lists(st.tuples(st.sampled_from(FAULTS), st.sampled_from(METHODS)), max_size=5)


async def befall(rounds: Rounds, fault: str, method: str) -> None:
    """Have the next call of that method go wrong, if there is one within a few seconds."""
    slack = rounds.slack
    match fault:
        case "lost":
            slack.lose_answer(method)
        case "broken":
            slack.fail(method, status=503)
        case "refused":
            slack.fail(method, error="internal_error")
        case "too fast":
            slack.fail(method, error="ratelimited", retry_after=3)
        case "dies at once":
            await rounds.crash()
            await rounds.started()
        case _:
            await die_during(rounds, method, after_work=fault == "dies after")


async def die_during(rounds: Rounds, method: str, *, after_work: bool) -> None:
    before = len(rounds.slack.calls)
    held = rounds.slack.hold(method)
    rounds.couriers[-1].wake()
    rounds.clock.advance(seconds=4)
    rounds.pauses.rouse()
    reached = held.reached
    settled = asyncio.ensure_future(rounds.pauses.settled())
    await asyncio.wait({reached, settled}, return_when=asyncio.FIRST_COMPLETED)
    for each in (reached, settled):
        each.cancel()
    await asyncio.gather(reached, settled, return_exceptions=True)
    await rounds.crash()
    held.release(after_work=after_work)
    await rounds.until(lambda: not rounds.slack.faults._standing, f"{before} and the one held")
    await rounds.started()


async def live_through(rounds: Rounds, faults: list[tuple[str, str]]) -> None:
    await rounds.started()
    steps: list[Callable[[], Any]] = [rounds.add, lambda: rounds.put("reply:1"), rounds.begin]
    claims = []
    for number in range(max(len(faults), len(steps))):
        if number < len(faults):
            await befall(rounds, *faults[number])
        if number < len(steps):
            claims.append(steps[number]())
        rounds.couriers[-1].wake()
        await rounds.pauses.settled()
        await rounds.pass_by(2)
    rounds.end(claims[2])
    rounds.couriers[-1].wake()
    await rounds.pauses.settled()
    await rounds.pass_by(300, step=5)


@settings(max_examples=12)
@given(faults=mishaps)
def test_whatever_goes_wrong_in_whatever_order_every_letter_stands_once_and_the_card_is_true(
    sqlite_template: Path, faults: list[tuple[str, str]]
) -> None:
    async def story(folder: Path) -> None:
        shutil.copy(sqlite_template, folder / "sleepless_agent.db")
        clock = StoppedClock(datetime(2026, 3, 10, 12, 0, tzinfo=UTC))
        with Database(f"sqlite:///{folder / 'sleepless_agent.db'}") as database:
            async with opened(World(database, clock)) as rounds:
                await live_through(rounds, faults)
                assert "Done" in rounds.one("card:1").text
                for key in ("reply:1", "result:1:1"):
                    assert rounds.one(key).ts == rounds.row(key).ts

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(story(Path(folder)))
