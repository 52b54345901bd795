"""Cards are edited in place: soon, seldom enough, and never back to what is over."""

from bisect import bisect_left, bisect_right
from datetime import timedelta
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from core.models import MessageState, RunOutcome, WaitReason
from core.policy import BudgetPolicy
from fixtures_courier import Rounds, rounds

__all__ = ["rounds"]

UPDATE, SET_STATUS = "chat.update", "agents.sessions.setStatus"
CENT = 10_000_000


def per_minute(times: list[Any]) -> int:
    """The most calls in any stretch of a minute."""
    minute = timedelta(seconds=60)
    starts = [bisect_left(times, time) for time in times]
    ends = [bisect_right(times, time + minute - timedelta(microseconds=1)) for time in times]
    return max(end - start for start, end in zip(starts, ends, strict=True))


async def test_a_new_state_is_shown_at_once_and_growing_figures_every_three_seconds(
    rounds: Rounds,
) -> None:
    await rounds.started()
    rounds.add()
    await rounds.woken()
    claim = rounds.begin()
    await rounds.woken()
    assert "Running" in rounds.one("card:1").text
    edits = len(rounds.calls(UPDATE))
    for second in range(1, 10):
        rounds.meter(claim.run_id, second * CENT)
        await rounds.woken()
        await rounds.pass_by(1)
    assert len(rounds.calls(UPDATE)) - edits <= 3
    rounds.end(claim)
    await rounds.woken()
    assert "Done" in rounds.one("card:1").text


async def test_twelve_running_tasks_stay_within_the_pace_and_show_their_last_state(
    rounds: Rounds,
) -> None:
    rounds.world.slots = 12
    rounds.world.policy = BudgetPolicy.from_dollars(1000.0, 90.0, (20, 8))
    rounds.slack.enforce_pace = True
    await rounds.started()
    for _ in range(12):
        rounds.add()
    claims = [rounds.begin() for _ in range(12)]
    await rounds.woken()
    await rounds.pass_by(30)
    for second in range(180):
        for claim in claims:
            rounds.meter(claim.run_id, second * CENT // 10)
        await rounds.pass_by(1)
    busy = [call.at for call in rounds.calls(UPDATE)]
    assert per_minute(busy) <= 40
    assert len(busy) >= 75, "figures are not kept from people"

    for claim in claims:
        rounds.end(claim)
    await rounds.woken()
    assert sum("Done" in rounds.one(f"card:{n}").text for n in range(1, 13)) >= 8, "at once"
    await rounds.pass_by(60)
    assert all("Done" in rounds.one(f"card:{n}").text for n in range(1, 13))
    assert per_minute([call.at for call in rounds.calls(UPDATE)]) <= 40


async def test_a_card_that_would_look_the_same_is_not_edited(rounds: Rounds) -> None:
    await rounds.started()
    rounds.add()
    rounds.begin()
    await rounds.woken()
    edits = len(rounds.calls(UPDATE))
    await rounds.pass_by(60)
    assert len(rounds.calls(UPDATE)) == edits


async def test_why_a_task_waits_is_kept_up_to_date_although_no_event_tells(
    rounds: Rounds,
) -> None:
    await rounds.started()
    rounds.add()
    await rounds.woken()
    before = rounds.one("card:1").blocks
    until = rounds.clock.now() + timedelta(hours=5)
    rounds.world.queue.snooze(1, until, WaitReason.LIMIT_REACHED)
    await rounds.pass_by(66)
    assert rounds.one("card:1").blocks != before


async def test_after_a_restart_every_open_card_tells_the_truth_again(rounds: Rounds) -> None:
    await rounds.started()
    rounds.add("one")
    rounds.add("two")
    await rounds.woken()
    await rounds.crash()
    claim = rounds.begin()
    rounds.end(claim)
    rounds.world.queue.cancel_task(2)
    await rounds.started()
    assert "Done" in rounds.one("card:1").text
    assert "Cancelled" in rounds.one("card:2").text


async def test_an_edit_that_arrives_late_does_not_win(rounds: Rounds) -> None:
    """The oldest trouble of edited messages: the answer times out, the request is still under way,
    and lands after the newer one.
    """
    rounds.add()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.3)) as session:
        client = AsyncWebClient(
            rounds.slack.bot_token, rounds.slack.api_url, session=session, retry_handlers=[]
        )
        client.proxy = None
        await rounds.started(client=client)
        late = rounds.slack.hold(UPDATE)
        claim = rounds.begin()
        rounds.couriers[-1].wake()
        await late.reached
        await rounds.pauses.settled()
        rounds.end(claim)
        await rounds.woken()
        await rounds.pass_by(10)
        assert "Done" in rounds.one("card:1").text
        late.release()
        await rounds.until(lambda: "Running" in rounds.one("card:1").text)
        await rounds.pass_by(70)
        assert "Done" in rounds.one("card:1").text


async def test_a_lost_answer_to_an_edit_is_made_good(rounds: Rounds) -> None:
    await rounds.started()
    rounds.add()
    await rounds.woken()
    rounds.slack.lose_answer(UPDATE)
    rounds.end(rounds.begin())
    await rounds.woken()
    await rounds.pass_by(10)
    assert "Done" in rounds.one("card:1").text
    row = rounds.row("card:1")
    assert row.shown_seq == row.wanted_seq


async def test_edits_wait_as_long_as_slack_says_and_then_show_the_newest_state(
    rounds: Rounds,
) -> None:
    await rounds.started()
    rounds.add()
    await rounds.woken()
    rounds.slack.fail(UPDATE, error="ratelimited", retry_after=20)
    claim = rounds.begin()
    await rounds.woken()
    rounds.end(claim)
    await rounds.woken()
    await rounds.pass_by(19)
    assert len(rounds.calls(UPDATE)) == 1
    await rounds.pass_by(2)
    assert "Done" in rounds.one("card:1").text
    assert len(rounds.calls(UPDATE)) == 2


async def test_a_card_slack_will_not_edit_any_more_is_left_alone(rounds: Rounds) -> None:
    await rounds.started()
    rounds.add()
    await rounds.woken()
    rounds.slack.fail(UPDATE, error="cant_update_message")
    rounds.end(rounds.begin())
    await rounds.woken()
    await rounds.pass_by(60)
    assert rounds.row("card:1").state is MessageState.GIVEN_UP
    assert len(rounds.calls(UPDATE)) == 1
    assert rounds.one("result:1:1").text


def told(rounds: Rounds) -> list[str]:
    return [call.args["status"] for call in rounds.calls(SET_STATUS)]


async def test_the_agents_session_follows_the_task(rounds: Rounds) -> None:
    await rounds.started()
    rounds.add()
    await rounds.woken()
    claim = rounds.begin()
    await rounds.woken()
    await rounds.pass_by(21 * 60, step=3)
    rounds.end(claim, outcome=RunOutcome.FAILED)
    await rounds.woken()
    assert told(rounds) == ["active", "processing", "processing", "closed"]
    assert rounds.calls(SET_STATUS)[0].args["thread_ts"] == rounds.one("card:1").ts


async def test_an_app_that_is_no_agent_asks_once_and_goes_without(rounds: Rounds) -> None:
    rounds.slack.is_agent = False
    await rounds.started()
    rounds.add()
    await rounds.woken()
    rounds.end(rounds.begin())
    await rounds.woken()
    assert told(rounds) == ["active"]
    assert "Done" in rounds.one("card:1").text


async def test_a_session_state_that_could_not_be_told_is_told_later(rounds: Rounds) -> None:
    await rounds.started()
    rounds.add()
    await rounds.woken()
    rounds.slack.fail(SET_STATUS, times=2, status=503)
    rounds.end(rounds.begin())
    await rounds.woken()
    await rounds.pass_by(30)
    assert told(rounds)[-1] == "closed"
    statuses = [each.status for each in rounds.slack.sessions[("C1", rounds.one("card:1").ts)]]
    assert statuses == ["active", "closed"]
