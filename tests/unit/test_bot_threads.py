"""Buttons that may be out of date, and what is said in a task's thread."""

import pytest
from sqlalchemy import select

from core.errors import DatabaseError
from core.health import Health
from core.models import Instruction, Message, RunOutcome, TaskPriority, TaskStatus
from fixtures_bot import ADA, BERLIN, BOB, Talk, talk
from fixtures_heart import at
from interfaces.bot import Action, Bot, Outcome, Seen, Surroundings
from interfaces.grammar import Verb

__all__ = ["talk"]


def instructions(talk: Talk) -> list[tuple[int, str, str]]:
    with talk.world.database.read() as session:
        found = session.scalars(select(Instruction).order_by(Instruction.id))
        return [(each.task_id, each.text, each.said_by) for each in found]


def fail(talk: Talk) -> None:
    talk.says("/task Fix it --project=my-app")
    talk.world.finish(talk.world.start(), "0.01", RunOutcome.FAILED)


# --- buttons --------------------------------------------------------------------------------


def test_start_now_brings_a_task_forward_and_says_what_still_binds(talk: Talk) -> None:
    talk.zone = BERLIN
    talk.says("/think about it --at=02:00")
    assert talk.presses(Action.START_NOW, talk.sees(1)).text == (
        "Task 1 is serious now and waits for no time."
    )
    assert talk.task(1).priority is TaskPriority.SERIOUS
    talk.says("/task Next --after=1")
    assert "comes after task 1" in talk.presses(Action.START_NOW, talk.sees(2)).text
    talk.world.spend(at("14:00"), "1.00")
    talk.says("/task Third --at=23:00")
    text = talk.presses(Action.START_NOW, talk.sees(4)).text
    assert "waits for budget, next check 2026-03-10 20:00 UTC (21:00 Europe/Berlin)" in text


def test_cancel_stop_and_retry_do_what_they_say(talk: Talk) -> None:
    talk.says("/task Fix it")
    assert talk.presses(Action.CANCEL, talk.sees(1)).text.startswith("Task 1 is cancelled")
    assert talk.presses(Action.RETRY, talk.sees(1)).text == "Task 1 is queued again."
    talk.world.start()
    assert "is being stopped" in talk.presses(Action.STOP, talk.sees(1)).text
    assert talk.task(1).cancel_requested_by == ADA


def test_a_button_that_is_out_of_date_changes_nothing_and_says_how_it_is(talk: Talk) -> None:
    talk.says("/task Fix it")
    waiting = talk.sees(1)
    claim = talk.world.start()
    before = talk.everything()
    for action in (Action.CANCEL, Action.START_NOW, Action.RETRY):
        reply = talk.presses(action, waiting)
        assert (reply.outcome, reply.text, reply.task_id) == (
            Outcome.STALE,
            "Task 1 is in progress by now; nothing was changed, look at it again.",
            1,
        )
    assert talk.everything() == before
    running = talk.sees(1)
    talk.world.finish(claim, "0.01")
    assert "is completed by now" in talk.presses(Action.STOP, running).text


def test_the_stop_of_an_earlier_run_does_not_stop_the_next(talk: Talk) -> None:
    fail(talk)
    first_run = Seen(1, TaskStatus.IN_PROGRESS, 1)
    talk.says("/retry 1")
    talk.world.start()
    assert talk.sees(1).status is first_run.status
    assert talk.presses(Action.STOP, first_run).outcome is Outcome.STALE
    assert talk.task(1).cancel_requested_by is None


def test_a_double_click_on_retry_queues_once(talk: Talk) -> None:
    fail(talk)
    failed = talk.sees(1)
    assert [talk.presses(Action.RETRY, failed).outcome for _ in range(2)] == [
        Outcome.DONE,
        Outcome.STALE,
    ]
    assert len(talk.world.events("task.retried")) == 1


def test_a_button_of_a_task_that_is_gone_says_so(talk: Talk) -> None:
    reply = talk.presses(Action.CANCEL, Seen(7, TaskStatus.PENDING, 0))
    assert (reply.outcome, reply.text) == (
        Outcome.HINT,
        "There is no task 7; `/tasks` lists those that exist.",
    )


def test_mute_and_unmute_keep_all_but_the_card_out_of_the_thread(talk: Talk) -> None:
    talk.says("/task Fix it")
    assert talk.presses(Action.MUTE, talk.sees(1)).outcome is Outcome.HINT
    card = talk.put_card(1)

    def muted() -> bool:
        with talk.world.database.read() as session:
            return session.scalars(select(Message.muted).where(Message.id == card)).one()

    assert "its card goes on telling" in talk.presses(Action.MUTE, talk.sees(1)).text
    assert muted()
    assert talk.replies(1, "Unmute").text == "What becomes of task 1 is posted here again."
    assert not muted()
    assert talk.replies(1, "mute").outcome is Outcome.DONE
    assert muted()


# --- replies in the thread ------------------------------------------------------------------


def test_a_reply_is_kept_for_the_agent_once(talk: Talk) -> None:
    talk.says("/task Fix it")
    for _ in range(2):
        reply = talk.replies(1, "use the other library", key="event:1")
        assert reply.text == "Noted. The agent of task 1 is told when it starts."
    talk.world.start()
    assert talk.replies(1, "and add a test").text == (
        "Noted. The agent of task 1 is told when it has done what it is at, before its work is"
        " checked."
    )
    assert instructions(talk) == [
        (1, "use the other library", ADA),
        (1, "and add a test", ADA),
    ]


def test_what_is_said_to_a_task_that_is_being_stopped_waits_for_its_retry(talk: Talk) -> None:
    talk.says("/task Fix it")
    talk.world.start()
    talk.says("/cancel 1")
    assert talk.replies(1, "one more thing").text == (
        "Noted. Task 1 is being stopped; `/retry 1` queues it again, and it will be told then."
    )


def test_a_failed_task_is_told_when_it_is_retried(talk: Talk) -> None:
    fail(talk)
    assert talk.replies(1, "the key is in .env").text == (
        "Noted, but task 1 is failed: `/retry 1` queues it again, and it will be told then."
    )
    assert "1 thing you said since will be told" in talk.replies(1, "Retry!").text
    assert talk.task(1).status is TaskStatus.PENDING


def test_a_completed_task_gets_a_follow_up_in_the_same_thread(talk: Talk) -> None:
    talk.finished()
    talk.thread_ts = "17.5"
    for _ in range(2):
        reply = talk.replies(1, "now the same for logout", key="event:2")
        assert (reply.text, reply.task_id) == (
            "Task 1 is completed, so this is a new one: task 2 is queued in project my-app.",
            2,
        )
    task = talk.task(2)
    assert task.description == (
        "now the same for logout\n\nFollow-up to task 1: Implement user authentication"
    )
    assert (task.project_id, task.priority, task.assigned_to) == ("my-app", "serious", ADA)
    assert (task.slack_channel, task.slack_thread_ts) == ("C1", "17.5")
    assert instructions(talk) == []


def test_stop_alone_stops_the_task_instead_of_being_told_to_its_agent(talk: Talk) -> None:
    talk.says("/task Fix it")
    talk.world.start()
    assert "is being stopped" in talk.replies(1, "Stop!").text
    assert instructions(talk) == []


@pytest.mark.parametrize("text", ["aside: lunch?", "!aside I like it", "   "])
def test_an_aside_is_met_with_silence(talk: Talk, text: str) -> None:
    talk.says("/task Fix it")
    before = talk.everything()
    assert not talk.replies(1, text).ping
    assert not talk.by(BOB).replies(1, text).ping
    assert talk.everything() == before


def test_what_nobody_foresaw_is_raised(talk: Talk) -> None:
    def broken() -> Health:
        raise DatabaseError(database="a file", problem="it is locked")

    queue, policy = talk.world.queue, talk.world.policy
    bot = Bot(Surroundings(queue, policy, talk.settings, talk.diff_of, broken))
    with pytest.raises(DatabaseError):
        bot.command(Verb.HEALTH, "", talk.request())
