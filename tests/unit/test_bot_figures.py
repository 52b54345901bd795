"""Money, health and performance, with the reply that a person reads."""

from core.credit_detail import credit_detail
from core.credits import credit_status
from core.health import Chat, ChatState
from core.models import RunOutcome
from fixtures_bot import Talk, talk
from fixtures_credits import NIGHT, spend_as_shown
from fixtures_heart import at
from interfaces.credits_text import credits_text, detail_text

__all__ = ["talk"]


def test_credits_are_the_known_reply_to_the_byte(talk: Talk) -> None:
    spend_as_shown(talk.world)
    assert talk.done("/credits").encode() == NIGHT.removesuffix("\n").encode()


def test_credits_have_the_figures_of_the_second_example(talk: Talk) -> None:
    for moment, dollars in (("02:00", "0.98"), ("11:00", "0.70"), ("21:00", "1.77")):
        talk.world.spend(at(moment), dollars)
    talk.world.clock.set(at("22:00"))
    known = "🌙 Night Budget\nRemaining: $7.23 / $9.00\nToday Total: $3.45\n\n"
    assert known in talk.done("/credits")


def test_credits_in_detail_name_the_limit_when_it_resets_and_the_knob(talk: Talk) -> None:
    talk.world.spend(at("10:00"), "1.00")
    status = credit_status(talk.world.queue, talk.world.policy, 3)
    detail = detail_text(credit_detail(talk.world.queue, status))
    text = talk.done("/credits detail")
    assert text == f"{credits_text(status)}\n\n{detail}"
    assert "the daytime quota binds until 2026-03-10 20:00 UTC" in text
    assert "Settings: budget.daily_budget_usd" in text


def test_rehearsed_credits_are_marked_beside_the_reply(talk: Talk) -> None:
    talk.world.add()
    talk.world.finish(talk.world.start(), "0.10", rehearsal=True)
    reply = talk.says("/credits")
    assert reply.rehearsal
    assert "REHEARSAL" not in reply.text
    assert "REHEARSAL" in talk.done("/credits detail")


def test_costs_are_told_by_project_with_rehearsed_money_apart(talk: Talk) -> None:
    talk.finished("0.1234")
    talk.world.add()
    talk.world.finish(talk.world.start(), "0.20")
    talk.world.add(project="my-app")
    talk.world.finish(talk.world.start(), "0.30", rehearsal=True)
    assert talk.done("/costs") == (
        "Spent by project:\n"
        "• (no project): $0.2000 (1 task)\n"
        "• my-app: $0.1234 (1 task)\n"
        "• my-app: $0.3000 (1 task) — REHEARSAL\n"
        "Total: $0.3234\n"
        "REHEARSAL: $0.3000 more, never paid"
    )


def test_costs_of_a_project_are_told_by_day_and_model(talk: Talk) -> None:
    talk.finished("0.1234")
    talk.world.clock.advance(days=1)
    talk.finished("0.10")
    assert talk.done("/costs my-app") == (
        "Spent on my-app, by day (UTC):\n"
        "• 2026-03-11: $0.1000 (1 task)\n"
        "• 2026-03-10: $0.1234 (1 task)\n"
        "By model:\n"
        "• sonnet: $0.2234 (2 tasks)\n"
        "Total: $0.2234"
    )


def test_costs_before_anything_was_spent_say_so(talk: Talk) -> None:
    assert talk.done("/costs") == "Spent by project:\n• nothing yet\nTotal: $0.0000"


# --- how it is ------------------------------------------------------------------------------


def test_health_tells_what_the_daemon_knows_of_itself(talk: Talk) -> None:
    talk.chat = Chat(ChatState.CONNECTED, at("11:00"))
    talk.says("/task Fix it")
    lines = talk.done("/health").splitlines()
    size = lines.pop(-2)
    assert lines == [
        "Sleepless 0.1.0, up for 0 ms",
        "Running: 0 of 3 slots",
        "Agent: claude, sonnet",
        "Slack: connected since 2026-03-10 11:00 UTC",
        ("Queue: 1 pending, 0 in progress, 0 in review, 0 completed, 0 failed, 0 cancelled"),
        "Window: day, until 2026-03-10 20:00 UTC",
    ]
    assert size.startswith("Database: SQLite, ")
    assert not size.endswith(" 0.0 MB")


def test_health_says_what_is_wrong(talk: Talk) -> None:
    talk.idle_because = "ANTHROPIC_API_KEY is not set"
    talk.chat = Chat(ChatState.LOST, at("11:55"))
    text = talk.done("/health")
    assert "Nothing is started now: ANTHROPIC_API_KEY is not set" in text
    assert "Slack: connection lost since 2026-03-10 11:55 UTC; it is tried again" in text


def test_metrics_tell_how_well_it_went_lately(talk: Talk) -> None:
    for minutes, outcome in ((1, "completed"), (2, "completed"), (9, "failed")):
        talk.says("/task Fix it")
        usage = {"duration_ms": minutes * 60_000, "num_turns": minutes}
        talk.world.finish(talk.world.start(), "0.10", RunOutcome(outcome), **usage)
    talk.world.clock.advance(days=2)
    talk.says("/task Fix it")
    talk.world.finish(talk.world.start(), "0.20", duration_ms=500, num_turns=1)
    assert talk.done("/metrics") == (
        "Last 24 hours\n"
        "• Tasks: 1 completed, 0 failed, 0 cancelled — 100% of what was tried to its end"
        " succeeded\n"
        "• Runs: 1, half of them within 500 ms, nine in ten within 500 ms, 1.0 turns each\n"
        "• Spent: $0.2000, $0.2000 per completed task\n"
        "Last 7 days\n"
        "• Tasks: 3 completed, 1 failed, 0 cancelled — 75% of what was tried to its end"
        " succeeded\n"
        "• Runs: 4, half of them within 1 min 0 s, nine in ten within 9 min 0 s, 3.2 turns each\n"
        "• Spent: $0.5000, $0.166666666 per completed task"
    )


def test_metrics_of_nothing_and_of_a_rehearsal(talk: Talk) -> None:
    empty = "• Tasks: 0 completed, 0 failed, 0 cancelled\n• Runs: 0\n• Spent: $0.0000"
    assert talk.done("/metrics") == f"Last 24 hours\n{empty}\nLast 7 days\n{empty}"
    talk.world.add()
    talk.world.finish(talk.world.start(), "0.30", rehearsal=True)
    reply = talk.says("/metrics")
    assert reply.rehearsal
    assert "• REHEARSAL: 1 run of these rehearsed, $0.3000 never paid" in reply.text
    assert "• Spent: $0.0000" in reply.text
