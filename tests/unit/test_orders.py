"""A task's text arrives to the letter, and its flags as they were meant."""

# ruff: noqa: RUF001 - phones type these quotes and dashes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.models import TaskPriority
from core.money import MAX_NANO, Nano, to_nano
from interfaces.grammar import Command, Hint, Order, Verb, parse, render

SERIOUS, RANDOM = TaskPriority.SERIOUS, TaskPriority.RANDOM


def ordered(text: str) -> Order:
    """What `/task text` queues."""
    found = parse(Verb.TASK, text)
    assert isinstance(found, Command), found
    assert found.verb is Verb.TASK
    assert found.order is not None
    return found.order


def test_a_project_behind_the_text_is_taken_and_the_text_is_kept() -> None:
    found = ordered("Implement user authentication --project=my-app")
    assert found == Order("Implement user authentication", project="my-app")


def test_every_flag_is_understood() -> None:
    found = ordered(
        "Fix it --project web --random --max-cost $2.50 --model opus --after 1 --after=#3,2 "
        "--at +2h"
    )
    assert found == Order("Fix it", "web", RANDOM, to_nano("2.50"), "opus", (1, 3, 2), "+2h")


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("Run mkdir -p build/out then compile", "Run mkdir -p build/out then compile"),
        ("Run mkdir -p build", "Run mkdir -p build"),
        ("docker run -d -p web", "docker run -d -p web"),
        ("open -p 8080", "open -p 8080"),
        ("-p 8080 is taken", "-p 8080 is taken"),
        ("-p", "-p"),
        ("say -p -p", "say -p -p"),
        ("explain `x -p web`", "explain `x -p web`"),
        ("-p --serious", "-p"),
        ('say -p "a --serious b"', 'say -p "a b"'),
        ("don't say \"what", "don't say \"what"),
        (
            "explain `--serious` and ```\n--random\n```",
            "explain `--serious` and ```\n--random\n```",
        ),
        ("a`b --serious c`d", "a`b --serious c`d"),
        ("`a`--serious", "`a`--serious"),
        ("-- --verbose -- twice", "--verbose -- twice"),
        ("add -- --verbose and --project=x", "add --verbose and --project=x"),
        ("add -- mkdir -p web", "add mkdir -p web"),
        ("— --serious", "--serious"),
        ("It broke -- again", "It broke -- again"),
        ("It broke — again", "It broke — again"),
        ("a —serial number –x", "a —serial number –x"),
        ("---\ntitle: --> x\n---", "---\ntitle: --> x\n---"),
        ("a\n--serious\n- b\n  - c", "a\n- b\n  - c"),
        ("a\n\n--serious b", "a\n\nb"),
        ("Fix --serious  it\u00a0now", "Fix  it\u00a0now"),
        ("\u200b\ufeff Fix it\u2060\n", "Fix it"),
        ('fix --project="web", then rest', "fix, then rest"),
        ("x --project=a`b -- y `--serious`", "x -- y `--serious`"),
        ("-- lst", "lst"),
        ("add a login", "add a login"),
        ("42 things", "42 things"),
        ("lint", "lint"),
        ("cancel the subscription when it ends", "cancel the subscription when it ends"),
    ],
)
def test_the_text_is_kept_to_the_letter_but_for_its_flags(typed: str, text: str) -> None:
    assert ordered(typed).text == text


@pytest.mark.parametrize(
    ("typed", "project"),
    [
        ("fix --project=日本語", "日本語"),
        ('fix --project="My App"', "My App"),
        ("--project 'My App' fix", "My App"),
        ("fix —project=“My App”", "My App"),
        ("fix –project „My App“ it", "My App"),
        ("fix --project=«My  App»", "My App"),
        ("fix --project=‘Ada’s App’", "Ada’s App"),
        ("fix --project=`my-app`", "my-app"),
        ("fix —-PROJECT=x", "x"),
        ("fix\u00a0--project\u00a0web", "web"),
        ("fix --project=-x", "-x"),
        ("-p web fix", "web"),
        ("fix -p web", "web"),
        ("fix -p=web", "web"),
        ("fix -p “My App”", "My App"),
        ("fix -p web --serious", "web"),
        ("--serious -p web fix", "web"),
        ("-p web -- fix", "web"),
        ("Fix the --project=Web login page", "Web"),
        ("Fix the --project=Web Login for All the People", "Web"),
        ('Fix --project="My" App', "My"),
        ("--project=My App", "My"),
        ("Fix --project=My App --serious it", "My"),
    ],
)
def test_a_project_is_named_as_people_name_it(typed: str, project: str) -> None:
    assert ordered(typed).project == project


@pytest.mark.parametrize(
    ("typed", "wish"),
    [
        ("--serious", Order("x", priority=SERIOUS)),
        ("--priority Random", Order("x", priority=RANDOM)),
        ("--max-cost .5", Order("x", max_cost=to_nano("0.5"))),
        ("--max-cost=3", Order("x", max_cost=to_nano("3"))),
        ("--after 1, #2,1", Order("x", after=(1, 2))),
        ("--after=7 --after 7", Order("x", after=(7,))),
        ("--at 2026-11-21 20:00", Order("x", at="2026-11-21 20:00")),
        ("--at=tonight", Order("x", at="tonight")),
        ("--at '6 in the morning'", Order("x", at="6 in the morning")),
    ],
)
def test_a_wish_is_read_in_the_forms_people_use(typed: str, wish: Order) -> None:
    assert ordered(f"x {typed}") == wish
    assert ordered(f"{typed} x") == wish


@pytest.mark.parametrize(
    ("typed", "problem", "corrected"),
    [
        (
            "fix --projct=web",
            "There is no flag --projct (did you mean --project?)",
            "fix --project=web",
        ),
        ("fix --repo web", "--repo (did you mean --project?)", "fix --project=web"),
        ("fix --not-before 20:00", "(did you mean --at?)", "fix --at=20:00"),
        ("fix --project:web", "--project:web (did you mean --project?)", "fix --project=web"),
        ("fix --serious.", "--serious. (did you mean --serious?)", "fix --priority=serious"),
        ("fix --project, now", "(did you mean --project?)", "fix now"),
        ("add a --verbose flag", "There is no flag --verbose;", "-- add a --verbose flag"),
        ("fix --проект=web", "There is no flag --проект;", "-- fix --проект=web"),
        ("fix --project", "--project needs a value, as in --project=my-app.", "fix"),
        ("fix --project= web", "--project needs a value", "fix web"),
        ("fix --project --serious", "--project needs a value", "fix --priority=serious"),
        ("fix --model\nthen more", "--model needs a value", "fix\nthen more"),
        ("fix --project -- it", "--project needs a value", "fix -- it"),
        ('fix --project=""', "--project needs a value", "fix"),
        ("fix --serious=yes", "--serious takes no value.", "fix --priority=serious"),
        (
            'fix --project="My App',
            "quote behind --project is never closed",
            'fix --project="My App"',
        ),
        (
            'fix --project="My App --serious',
            "never closed",
            'fix --project="My App" --priority=serious',
        ),
        ('--model="opus fix', "quote behind --model is never closed", "fix --model=opus"),
        (
            "fix it --project=My App",
            'goes in quotes: --project="My App".',
            'fix it --project="My App"',
        ),
        (
            "fix --project=My App --random",
            "goes in quotes",
            'fix --project="My App" --priority=random',
        ),
        ("fix --project=a --project=b", "The project is given twice", "fix --project=a"),
        ("fix --serious --random", "The priority is given twice", "fix --priority=serious"),
        ("fix --max-cost=1 --max-cost=1", "The cap is given twice", "fix --max-cost=1.00"),
        ("-p a fix -p b", "The project is given twice", "fix --project=a"),
        ("--verbose fix --at 1:00 --at 2:00", "no flag --verbose", "--at=1:00 -- --verbose fix"),
        (
            "Explain how --project=x works --project=web",
            "what belongs to the text goes behind a lone --.",
            "--project=web -- Explain how --project=x works",
        ),
        ("fix --max-cost 2,50", "“2,50” is no cap; give dollars above 0", "fix --max-cost=2.50"),
        ("fix --max-cost 1,250.5", "is no cap", "fix --max-cost=1250.50"),
        ("fix --max-cost 3€", "is no cap", "fix --max-cost=3.00"),
        ("fix --max-cost 0", "is no cap", "fix"),
        ("fix --max-cost lots", "is no cap", "fix"),
        ("fix --max-cost 9999999", "is no cap", "fix"),
        ("fix --max-cost 2.500,00", "is no cap", "fix"),
        ("fix --priority high", "“high” is no priority", "fix --priority=serious"),
        ("fix --priority rndom", "“rndom” is no priority", "fix --priority=random"),
        ("fix --priority x", "“x” is no priority", "fix"),
        ("fix --model -x", "“-x” is not the name of a model", "fix"),
        ("fix --after 1,x2", "“x2” is no task's id", "fix --after=1"),
        ("fix --after ,", "“,” is no task's id", "fix"),
        ("fix --after 0", "“0” is no task's id", "fix"),
        ("fix --after 9223372036854775808", "is no task's id", "fix"),
        (f"fix --{'x' * 60}", f"There is no flag --{'x' * 37}…;", f"-- fix --{'x' * 60}"),
    ],
)
def test_a_wrong_flag_is_answered_with_the_whole_command(
    typed: str, problem: str, corrected: str
) -> None:
    found = parse(Verb.TASK, typed)
    assert isinstance(found, Hint)
    assert problem in found.problem
    assert found.corrected == f"/task {corrected}"
    assert isinstance(parse(Verb.TASK, corrected), Command)


WORDS = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1).filter(
    lambda word: word[0] not in "\"'“”„‟‘’‚‛«»`"
)


@given(
    st.builds(
        Order,
        text=st.text(min_size=1)
        .map(lambda text: text.strip("\u200b\ufeff\u2060 \n"))
        .filter(lambda text: text and text == text.strip()),
        project=st.none() | WORDS,
        priority=st.none() | st.sampled_from(TaskPriority),
        max_cost=st.none() | st.integers(1, MAX_NANO).map(Nano),
        model=st.none() | st.sampled_from(["opus", "claude-sonnet-5"]),
        after=st.lists(st.integers(1, 2**63 - 1), unique=True, max_size=3).map(tuple),
        at=st.none()
        | st.sampled_from(["02:00", "+2h", "2026-11-21 20:00", "6 o'clock", "tonight"]),
    )
)
def test_an_order_that_is_written_out_is_read_again(order: Order) -> None:
    assert parse(Verb.TASK, render(order)) == Command(Verb.TASK, order)


@given(st.text(st.characters(exclude_characters="-—–`\u200b\ufeff\u2060")))
def test_a_text_without_flags_is_kept_to_the_letter(text: str) -> None:
    found = parse(Verb.TASK, text)
    if isinstance(found, Command) and found.order is not None:
        assert found.order == Order(text.strip())


def test_a_name_that_no_quotes_can_hold_is_written_as_it_is() -> None:
    impossible = Order("fix", project="a\" ' » ` b")
    assert render(impossible) == f"--project={impossible.project} -- fix"
