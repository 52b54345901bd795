"""Every command, with the reply that a person reads."""

import pytest

from core.models import RunOutcome, TaskStatus
from fixtures_bot import ADA, ADMIN, BERLIN, BOB, Talk, talk
from fixtures_credits import put_tasks
from interfaces.bot import COMMANDS, Action, Outcome
from interfaces.grammar import Command, Verb, parse, slash

__all__ = ["talk"]

# --- what there is ---------------------------------------------------------------------------


def test_the_status_of_an_empty_queue(talk: Talk) -> None:
    assert talk.done("/status") == (
        "Nothing runs; 3 slots free.\n"
        "Queue: empty\n"
        "☀️ Daytime Budget: $1.00 of $1.00 remaining, $0.00 spent today"
    )


def test_the_status_tells_what_runs_and_what_waits_for_what(talk: Talk) -> None:
    talk.says("/task One --project=a")
    talk.world.start()
    talk.says("/task Two --project=a")
    talk.says("/task Three --at=02:00")
    talk.says("/task Four")
    assert talk.done("/status") == (
        "Running (1 of 3 slots):\n"
        "• 1 a: One — claimed, $0.0000\n"
        "Waiting (3):\n"
        "• 4: Four\n"
        "• 2 a: Two — Another task of project a is ahead of it.\n"
        "• 3: Three — It waits for its time: not before 2026-03-11 02:00 UTC.\n"
        "Queue: 3 pending, 1 in progress\n"
        "☀️ Daytime Budget: $1.00 of $1.00 remaining, $0.00 spent today"
    )


def test_a_long_queue_is_cut_and_says_so(talk: Talk) -> None:
    put_tasks(talk.world, TaskStatus.PENDING, 25)
    text = talk.done("/status")
    assert text.count("•") == 10
    assert "… and 15 more" in text


def test_the_status_of_one_task(talk: Talk) -> None:
    talk.zone = BERLIN
    talk.says("/task Implement it --project=my-app --max-cost=2")
    assert talk.done("/status 1") == (
        "Task 1 is pending: Implement it\n"
        "Project: my-app\n"
        "Priority: serious\n"
        f"Asked by: {ADA}\n"
        "Added: 2026-03-10 12:00 UTC (13:00 Europe/Berlin)\n"
        "Spent: $0.0000 of at most $2.0000"
    )


def test_why_names_the_reason_and_the_earliest_start(talk: Talk) -> None:
    talk.says("/task Fix it --at=02:00")
    assert talk.done("/why 1") == (
        "Task 1: Fix it\nIt waits for its time: not before 2026-03-11 02:00 UTC."
    )
    talk.says("/task Another")
    assert talk.done("/why 2") == (
        "Task 2: Another\nNothing keeps it: it starts when the daemon looks."
    )
    talk.world.start()
    assert talk.done("/why 2") == "Task 2 is in progress."


# --- what came of it -------------------------------------------------------------------------


def test_results_tell_what_was_verified_changed_merged_and_spent(talk: Talk) -> None:
    task_id = talk.finished(
        verified=True,
        branch="task/1-implement-user",
        merge_sha="abcdef0123456789",
        files_changed=["a.py", "b.py"],
        output="**Done.** All of it.",
    )
    reply = talk.says(f"/results {task_id}")
    assert reply.text == (
        "Task 1 is completed: Implement user authentication\n"
        "Run 1: completed, verified\n"
        "Files changed: 2 (a.py, b.py)\n"
        "Branch: task/1-implement-user, merged as abcdef012345\n"
        "Cost: $0.0721, 1 run"
    )
    assert reply.markdown == "**Done.** All of it."


def test_results_without_a_check_say_not_verified(talk: Talk) -> None:
    talk.finished()
    assert "Run 1: completed, NOT verified: there is no verify.command" in talk.done("/results 1")


def test_results_of_a_refuted_run_say_what_failed(talk: Talk) -> None:
    talk.says("/task Fix it --project=my-app")
    claim = talk.world.start()
    talk.ran(claim.run_id, verified=False, branch="task/1", error_message="soon overwritten")
    talk.world.finish(claim, "0.01", RunOutcome.REFUTED)
    text = talk.done("/results 1")
    assert "Task 1 is failed" in text
    assert "Run 1: refuted, NOT verified: its check failed" in text
    assert "Branch: task/1, not merged" in text


def test_results_of_what_has_not_run_say_so(talk: Talk) -> None:
    talk.says("/task Fix it")
    assert talk.done("/results 1").endswith("`/why 1` says what it waits for.")
    talk.says("/cancel 1")
    assert talk.done("/results 1").endswith("It never ran.")


def test_results_without_an_id_are_the_last_five_that_ended(talk: Talk) -> None:
    assert talk.done("/results").startswith("No task has ended yet.")
    for _ in range(6):
        talk.finished("0.01")
        talk.world.clock.advance(minutes=1)
    lines = talk.done("/results").splitlines()
    assert lines[:2] == [
        "The last that ended:",
        (
            "• 6 my-app: Implement user authentication — completed, NOT verified, $0.0100,"
            " 2026-03-10 12:05 UTC"
        ),
    ]
    assert len(lines) == 6


def test_results_of_a_rehearsal_are_marked(talk: Talk) -> None:
    talk.finished(backend="rehearsal")
    assert talk.says("/results 1").rehearsal
    assert "REHEARSAL" in talk.done("/results")


# --- changes ---------------------------------------------------------------------------------


def test_priority_moves_a_task(talk: Talk) -> None:
    for _ in range(15):
        talk.says("/think about it")
    assert talk.done("/priority 15 serious") == (
        "Task 15 is serious now: it goes before every random one."
    )
    assert talk.world.start().task_id == 15
    assert talk.done("/priority 14 random").startswith("Task 14 is random now:")


def test_cancel_says_what_became_of_the_task(talk: Talk) -> None:
    talk.says("/task One")
    assert talk.done("/cancel 1") == "Task 1 is cancelled; it had not started."
    talk.says("/task Two")
    talk.world.start()
    assert talk.done("/cancel 2") == (
        "Task 2 is being stopped; what it did so far stays on its branch, and `/retry 2` goes on"
        " from there."
    )
    assert talk.done("/cancel 2") == "Task 2 is being stopped already."


def test_cancel_never_claims_to_have_cancelled_what_is_over(talk: Talk) -> None:
    talk.finished()
    before = talk.everything()
    reply = talk.says("/cancel 1")
    assert (reply.outcome, reply.text) == (
        Outcome.HINT,
        "Task 1 is completed: only what waits or runs can be cancelled.",
    )
    assert talk.everything() == before


def test_retry_queues_again_and_says_where_it_goes_on(talk: Talk) -> None:
    talk.says("/task Fix it")
    talk.world.finish(talk.world.start(), "0.01", RunOutcome.FAILED)
    talk.replies(1, "use the other library")
    assert talk.done("/retry 1") == (
        "Task 1 is queued again; it goes on where it stopped.\n"
        "1 thing you said since will be told to its agent."
    )
    assert "only a failed or cancelled task can be retried" in talk.says("/retry 1").text


def test_retry_of_a_used_up_cap_names_what_raises_it(talk: Talk) -> None:
    talk.says("/task Fix it --max-cost=0.10")
    talk.world.finish(talk.world.start(), "0.10", RunOutcome.CAPPED)
    text = talk.says("/retry 1").text
    assert "it has spent $0.10 of its cap of $0.10" in text
    assert "sleepless tasks retry ID --max-cost USD" in text


CHANGES = ("/priority 1 random", "/cancel 1", "/retry 1")


@pytest.mark.parametrize("command", CHANGES)
def test_nobody_else_changes_a_task(talk: Talk, command: str) -> None:
    talk.says("/task Fix it")
    before = talk.everything()
    reply = talk.by(BOB).says(command)
    assert (reply.outcome, reply.text) == (
        Outcome.REFUSED,
        (
            f"You may not change task 1: {ADA} asked for it; ask them, or an admin (slack.admins"
            " in config.yaml)."
        ),
    )
    assert talk.everything() == before


@pytest.mark.parametrize("action", [Action.START_NOW, Action.CANCEL, Action.RETRY, Action.MUTE])
def test_nobody_else_presses_what_changes_a_task(talk: Talk, action: Action) -> None:
    talk.says("/task Fix it")
    before = talk.everything()
    assert talk.by(BOB).presses(action, talk.sees(1)).outcome is Outcome.REFUSED
    assert talk.by(BOB).replies(1, "do it differently").outcome is Outcome.REFUSED
    assert talk.everything() == before


def test_an_admin_changes_everybodys_tasks(talk: Talk) -> None:
    talk.says("/task Fix it")
    assert talk.by(ADMIN).says("/cancel 1").outcome is Outcome.DONE


def test_what_came_from_the_shell_is_the_admins(talk: Talk) -> None:
    talk.world.add(requested_by="root")
    assert talk.says("/cancel 1").text == (
        "You may not change task 1: it came from the shell of root; ask an admin (slack.admins in"
        " config.yaml), or use `sleepless tasks` in a shell."
    )
    assert talk.by(ADMIN).says("/cancel 1").outcome is Outcome.DONE


@pytest.mark.parametrize("command", ["/status 1", "/results 1", "/why 1", "/credits", "/costs"])
def test_everybody_may_look(talk: Talk, command: str) -> None:
    talk.says("/task Fix it")
    assert talk.by(BOB).says(command).outcome is Outcome.DONE


# --- the table -------------------------------------------------------------------------------


def test_the_help_has_every_command_with_an_example(talk: Talk) -> None:
    text = talk.done("/task help")
    assert [each.example for each in COMMANDS.values() if each.example not in text] == []
    assert text == talk.bot.help()
    assert set(COMMANDS) == set(Verb) - {Verb.HELP}


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_example_is_understood(verb: Verb) -> None:
    typed = COMMANDS[verb].example
    command = parse(verb, typed.removeprefix(slash(verb)))
    assert isinstance(command, Command)
    assert command.verb is verb


@pytest.mark.parametrize("verb", [verb for verb in COMMANDS if verb is not Verb.TASK])
def test_every_command_explains_itself(talk: Talk, verb: Verb) -> None:
    assert talk.done(f"/{verb.value} help").endswith(COMMANDS[verb].example)
