"""How the program's last word is understood; the combinations were seen on the real program."""

from typing import Any

import pytest
from claude_agent_sdk import (
    AssistantMessage,
    RateLimitEvent,
    ResultMessage,
    SystemMessage,
    TextBlock,
    ToolUseBlock,
)
from claude_agent_sdk.types import RateLimitInfo

from core.clock import SystemClock
from execution.agent import Ending, LimitReported, Said, ToolUsed
from execution.claude_messages import SYNTHETIC, Record, ending_of, target_of
from execution.stream_meter import StreamMeter


def result(**facts: Any) -> ResultMessage:
    usual: dict[str, Any] = {
        "subtype": "success",
        "duration_ms": 10,
        "duration_api_ms": 5,
        "is_error": False,
        "num_turns": 1,
        "session_id": "s",
        "total_cost_usd": 0.0031999999999999997,
    }
    return ResultMessage(**(usual | facts))


def api_error(status: int | None, **facts: Any) -> ResultMessage:
    return result(is_error=True, terminal_reason="api_error", api_error_status=status, **facts)


def record() -> Record:
    return Record(StreamMeter("claude-sonnet-5-5"), SystemClock())


def background(*tasks: str) -> SystemMessage:
    return SystemMessage("background_tasks_changed", {"tasks": [{"task_id": t} for t in tasks]})


def state(name: str) -> SystemMessage:
    return SystemMessage("session_state_changed", {"state": name})


@pytest.mark.parametrize(
    ("said", "ending"),
    [
        (result(terminal_reason="completed"), Ending.FINISHED),
        (result(subtype="error_max_turns", is_error=True), Ending.MAX_TURNS),
        (result(subtype="error_max_budget_usd", is_error=True), Ending.MAX_COST),
        (result(terminal_reason="aborted_tools", is_error=True), Ending.STOPPED),
        (
            result(subtype="error_during_execution", terminal_reason="aborted_streaming"),
            Ending.STOPPED,
        ),
        (api_error(401), Ending.AUTH),
        (api_error(403), Ending.AUTH),
        (api_error(402), Ending.AUTH),
        (api_error(400, result="Credit balance is too low"), Ending.AUTH),
        (api_error(400), Ending.FAILED),
        (api_error(404), Ending.FAILED),
        (api_error(408), Ending.TRANSIENT),
        (api_error(429), Ending.LIMIT),
        (api_error(500), Ending.TRANSIENT),
        (api_error(529), Ending.TRANSIENT),
        (api_error(None), Ending.TRANSIENT),
        (result(is_error=True, subtype="error_during_execution"), Ending.FAILED),
        (
            result(is_error=True, errors=["No conversation found with session ID: x"]),
            Ending.NO_SESSION,
        ),
        (result(is_error=True, errors=["[x] session_crash"]), Ending.CRASHED),
    ],
)
def test_an_ending_is_read_from_the_record(said: ResultMessage, ending: Ending) -> None:
    assert ending_of(said) is ending


def test_the_last_total_counts_and_turns_add_up() -> None:
    heard = record()
    for dollars, turns in ((0.006, 2), (0.012, 3)):
        list(heard.read(result(total_cost_usd=dollars, num_turns=turns)))
    outcome = heard.outcome(Ending.FINISHED)
    assert (outcome.reported_total, outcome.num_turns) == (12_000_000, 5)


def test_a_float_becomes_the_amount_that_was_meant() -> None:
    heard = record()
    list(heard.read(result()))
    assert heard.outcome(Ending.FINISHED).reported_total == 3_200_000


@pytest.mark.parametrize("absurd", [float("nan"), float("inf"), -1.0, 2e6, None])
def test_an_absurd_total_is_no_total(absurd: float | None) -> None:
    heard = record()
    list(heard.read(result(total_cost_usd=absurd)))
    assert heard.outcome(Ending.FINISHED).reported_total is None


def test_a_result_ends_the_work_unless_a_turn_is_owed() -> None:
    """As a background command does it: idle in between, and the wake-up comes a moment later."""
    heard = record()
    seen = []
    for message in (
        state("running"),
        background("b"),
        result(),
        state("idle"),
        background(),
        state("running"),
        result(),
        state("idle"),
    ):
        list(heard.read(message))
        seen.append(heard.finished)
    assert seen == [False] * 7 + [True]


def test_without_word_of_its_state_a_result_is_enough() -> None:
    heard = record()
    list(heard.read(result()))
    assert heard.finished


def test_a_failure_does_not_wait_for_the_background() -> None:
    heard = record()
    for message in (background("b"), api_error(529)):
        list(heard.read(message))
    assert heard.finished


def test_words_and_tools_are_told() -> None:
    message = AssistantMessage(
        [TextBlock("Looking."), TextBlock("  "), ToolUseBlock("1", "Read", {"file_path": "/a/b"})],
        SYNTHETIC,
    )
    assert list(record().read(message)) == [Said("Looking."), ToolUsed("Read", "/a/b")]


def test_a_limit_is_told_and_kept() -> None:
    heard = record()
    info = RateLimitInfo("rejected", 1_800_000_000, "five_hour", 1.0)
    (told,) = heard.read(RateLimitEvent(info, "u", "s"))
    assert isinstance(told, LimitReported)
    assert told.resets_at is not None
    assert told.resets_at.isoformat() == "2027-01-15T08:00:00+00:00"
    assert heard.outcome(Ending.LIMIT).resets_at == told.resets_at
    assert heard.outcome(Ending.FINISHED).resets_at is None


def test_denials_are_shown_with_their_target() -> None:
    heard = record()
    refused = [{"tool_name": "Bash", "tool_use_id": "1", "tool_input": {"command": "rm -rf /"}}]
    list(heard.read(result(permission_denials=refused)))
    assert heard.outcome(Ending.FINISHED).denials == ("Bash rm -rf /",)


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ({"command": "\nmake\ntest", "description": "Build"}, "make"),
        ({"file_path": "/x", "content": "y"}, "/x"),
        ({"prompt": "Find it"}, "Find it"),
        ({"count": 3}, ""),
        ({}, ""),
        ({"command": "x" * 500}, "x" * 200),
    ],
)
def test_a_target_is_one_line(given: dict[str, Any], target: str) -> None:
    assert target_of(given) == target
