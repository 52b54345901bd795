"""What doctor finds, and what it says to do."""

import json
from typing import Any

import pytest

from core.ownership import Ownership
from fixtures_cli import Shell, empty_shell, shell
from fixtures_heart import at

__all__ = ["empty_shell", "shell"]

SECRET = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz"


def findings(shell: Shell, about: str, *, code: int = 0) -> list[dict[str, Any]]:
    result = shell.run("doctor", "--json")
    assert result.exit_code == code, result.output
    return [found for found in json.loads(result.stdout) if found["about"] == about]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    for name in ("OPENAI_API_KEY", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def test_a_sound_place_has_nothing_wrong_and_shows_every_check(shell: Shell) -> None:
    said = shell.says("doctor", terminal=True)
    assert "✗" not in said
    for about in ("python", "git", "agent", "credentials", "clock", "windows", "budget"):
        assert f"{about}:" in said
    assert "! \x1b" not in said
    assert "sandbox:      none in this release" in said


def test_credentials_are_named_and_never_shown(shell: Shell) -> None:
    [found] = findings(shell, "credentials")
    assert found["value"].startswith("present: ANTHROPIC_API_KEY; missing: OPENAI_API_KEY")
    assert SECRET[:12] not in shell.run("doctor").output


def test_a_missing_key_needs_attention_unless_nothing_needs_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    assert findings(shell, "credentials")[0]["mark"] == "attention"
    shell.configure("agent: {backend: rehearsal}\n")
    assert findings(shell, "credentials")[0]["mark"] == "fine"


def test_both_next_edges_are_told_in_the_zone_and_utc(shell: Shell) -> None:
    shell.configure("budget: {timezone: Europe/Berlin, night_start: '21:00', night_end: '09:00'}\n")
    assert findings(shell, "windows")[0]["value"] == (
        "daytime now; night opens 2026-03-10 20:00 UTC (21:00 Europe/Berlin),"
        " daytime again 2026-03-11 08:00 UTC (09:00 Europe/Berlin)"
    )


def test_a_clock_before_the_ledger_is_wrong(shell: Shell) -> None:
    shell.world.spend(at("12:00"), "0.10")
    shell.world.clock.set(at("11:00"))
    latest = findings(shell, "clock", code=1)[-1]
    assert latest["mark"] == "wrong"
    assert "2026-03-10 12:00 UTC" in latest["value"]


def test_a_window_that_can_pay_no_task_needs_attention_and_two_are_wrong(shell: Shell) -> None:
    shell.configure("budget: {daily_budget_usd: 4}\n")
    [found] = findings(shell, "budget")
    assert (found["mark"], "in the daytime" in found["advice"]) == ("attention", True)
    shell.configure("budget: {daily_budget_usd: 0.40}\n")
    assert findings(shell, "budget", code=1)[0]["mark"] == "wrong"


def test_the_books_are_counted(shell: Shell) -> None:
    shell.world.spend(at("12:00"), "0.10")
    [found] = findings(shell, "usage")
    assert found["value"] == "usage_metrics has 1 charges, the latest 2026-03-10 12:00 UTC"


def test_a_running_daemon_is_named(shell: Shell) -> None:
    assert findings(shell, "daemon")[0]["advice"] == "Start `sleepless up`."
    with Ownership(shell.world.database, shell.folder / "workspace"):
        assert findings(shell, "daemon")[0]["value"].startswith("pid ")


def test_a_place_without_a_database_is_examined_without_making_one(empty_shell: Shell) -> None:
    [found] = findings(empty_shell, "database")
    assert (found["mark"], found["value"]) == ("attention", "sleepless_agent.db: none yet")
    assert list(empty_shell.folder.iterdir()) == []


def test_a_database_that_is_none_is_wrong(empty_shell: Shell) -> None:
    (empty_shell.folder / "sleepless_agent.db").write_text("certainly no database " * 100)
    assert findings(empty_shell, "database", code=1)[0]["mark"] == "wrong"


def test_missing_programs_are_wrong(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(shell.folder))
    [found] = findings(shell, "git", code=1)
    assert (found["mark"], found["value"]) == ("wrong", "not found")


def test_a_git_that_is_too_old_is_wrong(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    old = shell.folder / "git"
    old.write_text("#!/bin/sh\necho git version 2.30.2\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shell.folder}:/usr/bin:/bin")
    [found] = findings(shell, "git", code=1)
    assert found["advice"] == "Install git 2.38 or newer; landing needs it."


def test_a_configuration_that_is_wrong_is_a_finding_among_others(shell: Shell) -> None:
    shell.configure("budgt: {}\n")
    [found] = findings(shell, "configuration", code=1)
    assert "budgt" in found["advice"]
    assert findings(shell, "python", code=1)[0]["mark"] == "fine"
