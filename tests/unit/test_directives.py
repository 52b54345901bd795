from itertools import pairwise

import pytest

from core.errors import BadDirective
from core.money import Nano
from execution.rehearsal.directives import directed_play, directives_in
from execution.rehearsal.playbook import (
    Answer,
    Drop,
    Hang,
    Play,
    Refusal,
    Step,
    ToolCall,
    bash,
    overwrite,
)


def play(text: str) -> Play:
    found = directed_play(text)
    assert found is not None
    return found


def answer(step: Step) -> Answer:
    assert isinstance(step, Answer)
    return step


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("no directive at all", []),
        ("rehearse: text, without a bracket", []),
        ("Do [rehearse: hang] now", ["hang"]),
        ("[REHEARSE:529]", ["529"]),
        ("[rehearse: a] and [rehearse:  b ]", ["a", "b"]),
        ("[rehearse: bash [ -f x ] && ls [a-z]*] [b]", ["bash [ -f x ] && ls [a-z]*"]),
        ("[rehearse: bash one\ntwo]", ["bash one\ntwo"]),
    ],
)
def test_a_directive_ends_at_its_own_bracket(text: str, found: list[str]) -> None:
    assert list(directives_in(text)) == found


def test_a_text_without_directives_has_no_directed_play() -> None:
    assert directed_play("Add a button") is None


def test_a_text_directive_ends_the_turn_with_its_words() -> None:
    [step] = play("[rehearse: text All good]").steps
    assert (answer(step).text, answer(step).tools) == ("All good", ())


def test_a_bare_text_directive_has_words_of_its_own() -> None:
    [step] = play("[rehearse: text]").steps
    assert answer(step).text


def test_write_takes_the_first_word_as_path_and_the_rest_as_content() -> None:
    step, closing = play(r"[rehearse: write docs/a.md # A\nand  B]").steps
    assert answer(step).tools == overwrite("docs/a.md", "# A\nand  B\n")
    assert answer(closing).tools == ()


def test_bash_keeps_the_command_as_it_is() -> None:
    step, _ = play("[rehearse: bash echo 'a  b' > c.txt]").steps
    assert answer(step).tools == (bash("echo 'a  b' > c.txt"),)


def test_calls_are_so_many_of_that_price_and_then_a_text() -> None:
    *calls, closing = play("[rehearse: calls 3 $0.25]").steps
    assert [answer(call).spends for call in calls] == [Nano(250_000_000)] * 3
    assert answer(closing).tools == ()


def test_a_loop_repeats_without_end() -> None:
    looping = play("[rehearse: write a 1] [rehearse: loop $0.12]")
    assert len(looping.steps) == 1
    assert answer(looping.step(1000)).spends == 120_000_000


def test_slow_takes_its_seconds() -> None:
    assert answer(play("[rehearse: slow 7]").steps[0]).seconds == 7.0


def test_a_hang_at_the_start_is_preceded_by_one_answered_call() -> None:
    first, hang, _ = play("[rehearse: hang]").steps
    assert answer(first).tools
    assert hang == Hang()


def test_a_hang_after_other_work_comes_at_once() -> None:
    assert play("[rehearse: write a 1] [rehearse: hang]").steps[1] == Hang()


@pytest.mark.parametrize(
    ("directive", "fault"),
    [
        ("429 3600", Refusal(429, retry_after=3600)),
        ("429", Refusal(429)),
        ("529", Refusal(529)),
        ("500", Refusal(500)),
        ("401", Refusal(401)),
        ("400", Refusal(400)),
        ("drop", Drop()),
    ],
)
def test_a_fault_is_met_for_ever(directive: str, fault: Step) -> None:
    assert play(f"[rehearse: {directive}]").steps[0] == fault


def test_a_counted_fault_comes_before_the_next_answer() -> None:
    [step] = play("[rehearse: 529 x2] [rehearse: 429 5 x1] [rehearse: text ok]").steps
    assert answer(step).faults == (Refusal(529), Refusal(529), Refusal(429, retry_after=5))


def test_a_counted_fault_at_the_end_comes_before_the_closing_text() -> None:
    said, closing = play("[rehearse: text a] [rehearse: drop x1]").steps
    assert answer(said).faults == ()
    assert answer(closing).faults == (Drop(),)


def test_a_crash_is_a_tool_call_without_a_name() -> None:
    assert answer(play("[rehearse: crash]").steps[0]).tools == (ToolCall(None),)


@pytest.mark.parametrize(
    ("directive", "problem"),
    [
        ("fly", "the rehearsal knows text, write"),
        ("", "the rehearsal knows"),
        ("404", "the rehearsal knows"),
        ("drop it", "the rehearsal knows"),
        ("write", "give a path"),
        ("bash", "give a command"),
        ("calls x $1", "'x' is not a whole number from 1 to 1000"),
        ("calls 0 $1", "'0' is not a whole number"),
        ("calls 1001 $1", "'1001' is not a whole number"),
        ("calls 2", "is not an amount of money"),
        ("calls 2 $-1", "it is negative"),
        ("loop much", "is not an amount of money"),
        ("slow 1.5", "'1.5' is not a whole number"),
        ("429 ²", "is not a whole number"),
        ("bash [", "its closing bracket is missing"),
        ("loop $1] [rehearse: text", "nothing comes after an endless loop"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_reason(directive: str, problem: str) -> None:
    with pytest.raises(BadDirective, match="The rehearsal cannot follow") as refused:
        directed_play(f"[rehearse: {directive}]")
    assert problem in str(refused.value)


def test_directives_are_played_in_their_order() -> None:
    steps = play("[rehearse: write a 1] then [rehearse: bash b] [rehearse: text c]").steps
    names = [[tool.name for tool in answer(step).tools] for step in steps]
    assert names == [["Read", "Write"], ["Bash"], []]
    assert all(one is not other for one, other in pairwise(steps))
