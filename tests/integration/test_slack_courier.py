"""The courier against the fake Slack: what happens becomes one message each, and a true card."""

import pytest
from sqlalchemy import text

from conftest import StoppedClock
from core import outbox
from core.database import Database
from core.models import Base, MessageKind, MessageState, RunOutcome
from fixtures_courier import Rounds, opened, rounds
from fixtures_heart import World
from interfaces.slack.outgoing.courier import LEASE

__all__ = ["rounds"]


@pytest.fixture
def postgres_world(postgres_database: Database, clock: StoppedClock) -> World:
    names = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with postgres_database.write() as connection:
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    return World(postgres_database, clock)


async def test_a_task_from_a_conversation_gets_a_card_there_and_its_result_in_the_thread(
    rounds: Rounds,
) -> None:
    await rounds.started()
    task = rounds.add("Say hello")
    await rounds.woken()
    card = rounds.one("card:1")
    assert "Say hello" in card.text
    assert (card.channel, card.thread_ts) == ("C1", None)

    rounds.end(rounds.begin())
    await rounds.woken()

    result = rounds.one(f"result:{task.id}:1")
    assert result.thread_ts == card.ts
    assert "Done" in card.text
    assert rounds.rows(MessageState.SENT) == ["card:1", "result:1:1"]


async def test_a_task_from_the_shell_is_no_matter_of_the_conversations(rounds: Rounds) -> None:
    await rounds.started()
    rounds.world.add("Say hello")
    rounds.end(rounds.begin())
    await rounds.woken()
    assert rounds.calls("chat.postMessage") == []


async def test_a_failure_is_told_in_the_thread_the_card_stands_in(rounds: Rounds) -> None:
    await rounds.started()
    rounds.put("root")
    await rounds.woken()
    root = rounds.one("root")
    rounds.add(slack_thread_ts=root.ts)
    rounds.end(rounds.begin(), outcome=RunOutcome.FAILED)
    await rounds.woken()
    assert rounds.one("card:1").thread_ts == root.ts
    assert rounds.one("failure:1:1").thread_ts == root.ts


async def test_a_muted_card_goes_on_showing_the_truth_and_its_thread_is_quiet(
    rounds: Rounds,
) -> None:
    await rounds.started()
    rounds.add()
    await rounds.woken()
    with rounds.world.database.write() as connection:
        assert outbox.mute(connection, 1, True)
    rounds.end(rounds.begin())
    await rounds.woken()
    assert rounds.keyed("result:1:1") == []
    assert "Done" in rounds.one("card:1").text


async def test_a_letter_to_a_person_opens_the_conversation_with_them_first(
    rounds: Rounds,
) -> None:
    await rounds.started()
    rounds.put("digest:1", "U2")
    await rounds.woken()
    assert rounds.one("digest:1").channel == rounds.row("digest:1").channel == "D2"


@pytest.mark.parametrize("word", ["not_in_channel", "channel_not_found", "is_archived"])
async def test_a_card_its_channel_refuses_goes_to_its_requester_and_says_why(
    rounds: Rounds, word: str
) -> None:
    rounds.slack.fail("chat.postMessage", error=word, when=lambda args: args["channel"] == "C1")
    await rounds.started()
    rounds.add()
    rounds.end(rounds.begin())
    await rounds.woken()
    card = rounds.one("card:1")
    assert card.channel == "D1"
    assert word in rounds.one("moved:1").text
    assert rounds.one("moved:1").thread_ts == rounds.one("result:1:1").thread_ts == card.ts


async def test_a_letter_nobody_can_be_given_is_given_up(rounds: Rounds) -> None:
    rounds.slack.fail("chat.postMessage", error="is_archived")
    await rounds.started()
    rounds.put("alert:1")
    await rounds.woken()
    assert rounds.row("alert:1").state is MessageState.GIVEN_UP
    assert rounds.row("alert:1").error == "is_archived"


async def test_blocks_that_slack_refuses_cost_the_blocks_and_not_the_message(
    rounds: Rounds,
) -> None:
    await rounds.started()
    rounds.put("reply:1", payload={"text": "the words", "blocks": [{"type": "nonsense"}]})
    await rounds.woken()
    assert rounds.one("reply:1").text == "the words"
    assert rounds.one("reply:1").blocks == []


async def test_a_text_that_is_too_long_arrives_shortened(rounds: Rounds) -> None:
    await rounds.started()
    rounds.put("reply:1", payload={"text": "x" * 50_000})
    await rounds.woken()
    assert 3_000 < len(rounds.one("reply:1").text) < 4_000


async def test_a_refusal_for_haste_is_waited_out_as_long_as_slack_says(rounds: Rounds) -> None:
    rounds.slack.fail("chat.postMessage", error="ratelimited", retry_after=30)
    await rounds.started()
    rounds.put("reply:1")
    rounds.put("reply:2", "C2")
    await rounds.woken()
    await rounds.pass_by(29)
    assert len(rounds.calls("chat.postMessage")) == 1
    await rounds.pass_by(2)
    assert rounds.one("reply:1").text
    assert rounds.one("reply:2").text


async def test_slack_being_away_for_hours_loses_nothing(rounds: Rounds) -> None:
    rounds.slack.fail("chat.postMessage", times=60, status=503)
    await rounds.started()
    rounds.put("reply:1")
    rounds.put("reply:2", "C2")
    await rounds.woken()
    await rounds.pass_by(4 * 3600, step=30)
    assert rounds.one("reply:1").text
    assert rounds.one("reply:2").text
    assert len(rounds.calls("chat.postMessage")) <= 70


@pytest.mark.parametrize("restarted", [True, False], ids=["restarted", "Slack was wrong"])
async def test_a_token_that_is_no_good_stops_delivery_and_loses_nothing(
    rounds: Rounds,
    restarted: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    rounds.slack.wrong_bot_token = True
    await rounds.started()
    rounds.put("reply:1")
    rounds.put("reply:2")
    await rounds.woken()
    await rounds.pass_by(60)
    assert rounds.refused == ["invalid_auth"]
    assert len(rounds.calls("chat.postMessage")) == 1

    rounds.slack.wrong_bot_token = False
    if restarted:
        await rounds.crash()
        await rounds.started()
    else:
        await rounds.pass_by(300)
    assert rounds.one("reply:1").text
    assert rounds.one("reply:2").text


async def test_a_reply_whose_thread_is_gone_goes_to_its_conversation(rounds: Rounds) -> None:
    await rounds.started()
    rounds.put("reply:1", thread_ts="1000000000.000001")
    await rounds.woken()
    assert rounds.one("reply:1").thread_ts is None


async def test_the_result_of_a_card_that_was_deleted_goes_to_its_channel(rounds: Rounds) -> None:
    await rounds.started()
    rounds.add()
    await rounds.woken()
    claim = rounds.begin()
    rounds.one("card:1").deleted = True
    await rounds.pass_by(5)
    assert rounds.row("card:1").error == "message_not_found"
    rounds.end(claim)
    await rounds.woken()
    result = rounds.one("result:1:1")
    assert (result.channel, result.thread_ts) == ("C1", None)


async def test_one_listener_of_events_that_breaks_stops_nobody(rounds: Rounds) -> None:
    heard: list[str] = []

    def breaks(connection, _event, now) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - as the hook is called
        outbox.put(connection, outbox.Letter("half", MessageKind.ALERT, "U1"), now)
        raise RuntimeError

    def hears(_connection, event, _now) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - as the hook is called
        heard.append(event.type)

    await rounds.started(further=(breaks, hears))
    rounds.add()
    await rounds.woken()
    assert rounds.one("card:1").text
    assert heard == ["task.added"]
    assert rounds.keyed("half") == []


async def test_a_file_is_uploaded_into_its_thread(rounds: Rounds) -> None:
    await rounds.started()
    rounds.add()
    await rounds.woken()
    file = {"name": "a.diff", "title": "The diff", "content": "+1\n", "snippet_type": "diff"}
    rounds.put("diff:1", parent_id=1, task_id=1, payload={"text": "Here", "file": file})
    await rounds.woken()
    (shared,) = rounds.slack.files
    assert (shared.name, shared.title, shared.content) == ("a.diff", "The diff", b"+1\n")
    assert (shared.channel, shared.thread_ts) == ("C1", rounds.one("card:1").ts)


async def test_at_the_end_what_is_due_still_goes_out(rounds: Rounds) -> None:
    courier = await rounds.started()
    rounds.add()
    await rounds.woken()
    claim = rounds.begin()
    rounds.end(claim, outcome=RunOutcome.DRAINED)
    rounds.put("reply:1")
    await courier.stop()
    assert rounds.one("reply:1").text
    assert "Queued" in rounds.one("card:1").text


async def test_at_the_very_first_start_the_past_is_not_told(rounds: Rounds) -> None:
    with rounds.world.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM event_cursors")
    rounds.add("before")
    await rounds.started()
    rounds.add("after")
    await rounds.woken()
    assert rounds.keyed("card:1") == []
    assert "after" in rounds.one("card:2").text


async def test_of_two_daemons_on_one_database_one_delivers_and_the_other_takes_over(
    postgres_world: World,
) -> None:
    async with opened(postgres_world) as rounds:
        first = await rounds.started()
        await rounds.start()
        await rounds.pauses.settled(lanes=4)
        rounds.add()
        for courier in rounds.couriers:
            courier.wake()
        await rounds.pauses.settled(lanes=4)
        await first._end_lanes()
        rounds.end(rounds.begin())
        for _ in range(2 * int(LEASE.total_seconds())):
            await rounds.pauses.advance(1)
        assert "Done" in rounds.one("card:1").text
        assert rounds.one("result:1:1").thread_ts == rounds.one("card:1").ts
