"""What an agent program is told, and what it is not."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from core.money import Nano
from execution.agent import Terms
from execution.agent_environment import Access, agent_environment, allowed_names
from execution.strays import MARKER

TERMS = Terms(
    cwd=Path("/tree"),
    session_dir=Path("/session"),
    model="claude-sonnet-5-5",
    max_cost=Nano(1),
    max_turns=1,
    timeout_seconds=60,
    idle_seconds=600,
    brief="",
    run_id=42,
)
ACCESS = Access("a-key", "http://127.0.0.1:1", 2)


def test_the_mark_names_run_and_instance() -> None:
    assert agent_environment(TERMS, ACCESS, "here", {})[MARKER] == "42:here"


def test_homes_and_sessions_are_private() -> None:
    told = agent_environment(TERMS, ACCESS, "here", {})
    assert told["HOME"] == "/session/home"
    assert told["CLAUDE_CONFIG_DIR"] == "/session"


def test_what_is_not_given_is_not_set() -> None:
    told = agent_environment(TERMS, Access(None, None, 2), "here", {})
    assert "ANTHROPIC_API_KEY" not in told
    assert "ANTHROPIC_BASE_URL" not in told


def test_the_operator_has_the_last_word() -> None:
    told = agent_environment(TERMS, ACCESS, "here", {"PAGER": "less", "HTTPS_PROXY": "http://p"})
    assert (told["PAGER"], told["HTTPS_PROXY"]) == ("less", "http://p")
    assert "HTTPS_PROXY" in allowed_names(told)


@pytest.mark.parametrize("idle", [10.0, 600.0, 7200.0])
def test_a_tool_is_broken_off_before_the_run_counts_as_hung(idle: float) -> None:
    told = agent_environment(replace(TERMS, idle_seconds=idle), ACCESS, "here", {})
    assert int(told["BASH_DEFAULT_TIMEOUT_MS"]) <= int(told["BASH_MAX_TIMEOUT_MS"])
    assert int(told["BASH_MAX_TIMEOUT_MS"]) < idle * 1000


def test_git_settings_are_counted_right() -> None:
    told = agent_environment(TERMS, ACCESS, "here", {})
    numbers = range(int(told["GIT_CONFIG_COUNT"]))
    settings = {told[f"GIT_CONFIG_KEY_{n}"]: told[f"GIT_CONFIG_VALUE_{n}"] for n in numbers}
    assert settings["core.hooksPath"] == os.devnull
    assert len(settings) == len(numbers)
