"""S2's reply, byte by byte, and what is said around it."""

import pytest

from core.credits import credit_status
from fixtures_cli import Shell, empty_shell, shell
from fixtures_credits import NIGHT, put_credit_window, spend_as_shown
from fixtures_heart import at
from interfaces.credits_text import credits_text

__all__ = ["empty_shell", "shell"]


@pytest.fixture
def example(shell: Shell) -> Shell:
    """The state of the reply that everybody was shown."""
    spend_as_shown(shell.world)
    return shell


def test_the_night_reply_is_the_known_one_to_the_byte(example: Shell) -> None:
    result = example.run("credits")
    assert result.stdout_bytes == NIGHT.encode()
    assert result.stderr == ""


def test_the_reply_is_the_same_on_a_terminal(example: Shell) -> None:
    assert example.says("credits", terminal=True) == NIGHT


def test_the_text_for_other_interfaces_ends_without_a_line_feed(example: Shell) -> None:
    world = example.world
    assert credits_text(credit_status(world.queue, world.policy, 3)) == NIGHT.removesuffix("\n")


def test_the_day_reply_has_the_sun_and_the_days_quota(example: Shell) -> None:
    example.world.clock.set(at("12:00", day=1))
    put_credit_window(example.world, 235, 12)
    expected = (
        NIGHT.replace("🌙 Night Budget", "☀️ Daytime Budget")
        .replace("$8.45 / $9.00", "$1.00 / $1.00")
        .replace("$2.33", "$0.00")
    )
    assert example.says("credits") == expected


def test_the_second_example_has_its_known_figures(shell: Shell) -> None:
    shell.world.spend(at("02:00"), "0.98")
    shell.world.spend(at("11:00"), "0.70")
    shell.world.spend(at("21:00"), "1.77")
    shell.world.clock.set(at("22:00"))
    reply = "🌙 Night Budget\nRemaining: $7.23 / $9.00\nToday Total: $3.45\n\n"
    assert reply in shell.says("credits")


def test_a_binding_daily_cap_adds_one_line_right_after_the_total(shell: Shell) -> None:
    shell.world.spend(at("02:00"), "8.67")
    shell.world.spend(at("10:00"), "1.00")
    shell.world.clock.set(at("21:00"))
    assert (
        "Remaining: $9.00 / $9.00\nToday Total: $9.67\n"
        "Waiting: the daily cap leaves $0.33 until 2026-03-11 00:00 UTC\n\n"
    ) in shell.says("credits")


def test_money_on_hold_is_named_as_what_blocks(shell: Shell) -> None:
    shell.world.add()
    shell.world.add()
    shell.world.start()
    shell.world.start()
    assert (
        "Remaining: $1.00 / $1.00\nToday Total: $0.00\n"
        "Waiting: the daytime quota leaves $0.00 beside $1.00 on hold"
        " until a run ends or 2026-03-10 20:00 UTC\n\n"
    ) in shell.says("credits")


def test_remaining_is_floored_so_that_it_never_looks_like_enough(shell: Shell) -> None:
    shell.world.spend(at("09:00"), "0.500000001")
    assert "Remaining: $0.49 / $1.00\n" in shell.says("credits")


def test_the_detail_names_holds_limits_edges_and_settings(shell: Shell) -> None:
    shell.configure("budget: {timezone: Europe/Berlin, night_start: '21:00', night_end: '09:00'}\n")
    shell.world.add(project="my-app")
    claim = shell.world.start()
    detail = shell.says("credits", "--detail").partition("🔍 Detail\n")[2]
    assert detail.splitlines() == [
        "Headroom: $0.50 (the daytime quota binds; the next task can start)",
        "Estimate: $0.50 is put aside when a task starts",
        "On hold: $0.50 for 1 run",
        f"  run {claim.run_id} (task 1, my-app): $0.0000 of $0.5000 used, claimed",
        "Daily cap: $10.00, $0.00 used, resets 2026-03-11 00:00 UTC (01:00 Europe/Berlin)",
        (
            "Now: daytime, 2026-03-10 08:00 UTC (09:00 Europe/Berlin) to 2026-03-10 20:00 UTC"
            " (21:00 Europe/Berlin), quota $1.00"
        ),
        (
            "Next: night, 2026-03-10 20:00 UTC (21:00 Europe/Berlin) to 2026-03-11 08:00 UTC"
            " (09:00 Europe/Berlin), quota $9.00"
        ),
        "Settings: budget.daily_budget_usd, budget.night_quota_percent, budget.estimated_cost_usd",
    ]


def test_the_detail_says_until_when_an_exhausted_window_lasts(shell: Shell) -> None:
    shell.world.spend(at("09:00"), "1.00")
    line = "Headroom: $0.00 (the daytime quota binds until 2026-03-10 20:00 UTC)"
    assert line in shell.says("credits", "--detail")


def test_the_detail_warns_of_windows_that_can_pay_no_task(shell: Shell) -> None:
    shell.configure("budget: {daily_budget_usd: 0.40, daily_cap: false}\n")
    detail = shell.says("credits", "--detail")
    assert "no window in sight could pay a task" in detail
    assert "Daily cap: none" in detail
    assert "Warning: the night quota of $0.36 is below the estimate" in detail


def test_rehearsed_figures_say_so_without_touching_the_reply(shell: Shell) -> None:
    shell.world.add()
    shell.world.finish(shell.world.start(), "0.10", rehearsal=True)
    result = shell.run("credits")
    assert "REHEARSAL" not in result.stdout
    assert result.stderr.startswith("REHEARSAL: ")
    assert "REHEARSAL: " in shell.says("credits", "--detail")
    assert shell.json("credits")["rehearsal"] is True


def test_json_has_exact_dollars_and_utc_times(shell: Shell) -> None:
    shell.world.spend(at("09:00"), "0.072102")
    budget = shell.json("credits")["budget"]
    assert budget["today_usd"] == "0.072102000"
    assert budget["window_ends_at"] == "2026-03-10T20:00:00+00:00"


def test_detailed_json_lists_the_holds(shell: Shell) -> None:
    shell.world.add(project="my-app")
    shell.world.start()
    status = shell.json("credits", "--detail")
    assert [(hold["task_id"], hold["held_usd"]) for hold in status["holds"]] == [(1, "0.500000000")]
    assert status["budget"]["binding"] == "window"


def test_without_a_database_it_says_what_creates_one(empty_shell: Shell) -> None:
    assert "`sleepless task` or `sleepless up` creates it" in empty_shell.refuses(1, "credits")
    assert list(empty_shell.folder.iterdir()) == []
