"""What people type becomes what they meant, or a hint that says it; nothing they type raises."""

# ruff: noqa: RUF001 - phones type these quotes and dashes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.models import TaskPriority
from core.money import MAX_NANO, Nano, to_nano
from interfaces.grammar import (
    Command,
    Hint,
    Order,
    Verb,
    is_aside,
    parse,
    parse_said,
    render,
    slash,
    spelled,
)

SERIOUS, RANDOM = TaskPriority.SERIOUS, TaskPriority.RANDOM


def ordered(text: str) -> Order:
    """What `/task text` queues."""
    found = parse(Verb.TASK, text)
    assert isinstance(found, Command), found
    assert found.verb is Verb.TASK
    assert found.order is not None
    return found.order


def hinted(verb: str, text: str) -> Hint:
    found = parse(Verb(verb), text)
    assert isinstance(found, Hint), found
    return found


def typed_again(corrected: str) -> Command | Hint:
    """A corrected command, copied into Slack."""
    verb, _, text = corrected.removeprefix("/").partition(" ")
    return parse(Verb(verb), text)


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
    found = hinted("task", typed)
    assert problem in found.problem
    assert found.corrected == f"/task {corrected}"
    assert isinstance(typed_again(found.corrected), Command)


@pytest.mark.parametrize("typed", ["--project=web", "--", "--serious --", " --random "])
def test_flags_without_a_text_are_no_task(typed: str) -> None:
    found = hinted("task", typed)
    assert found == Hint("There is no text; say what is to be done, or open the form.", "/task")


@pytest.mark.parametrize(
    ("typed", "corrected"),
    [
        ("lst", "/status"),
        ("List.", "/status"),
        ("status", "/status"),
        ("/statsu", "/status"),
        ("list --project=web", "/status"),
        ("cancel 42", "/cancel 42"),
        ("cancle #42 please", "/cancel 42"),
        ("cancel 42 and 43", "/cancel 42"),
        ("show 7", "/results 7"),
        ("priority 15", "/priority 15 serious"),
        ("credits detial", "/credits detail"),
        ("42", "/status 42"),
        ("task 42", "/status 42"),
        ("task", "/task"),
        ("think", "/think"),
        ("helpp", "/task help"),
    ],
)
def test_a_command_typed_as_a_task_is_no_task(typed: str, corrected: str) -> None:
    found = hinted("task", typed)
    assert found.corrected == corrected
    assert (
        f"looks like the command {corrected}; to queue it as a task, type /task " in found.problem
    )
    assert isinstance(typed_again(corrected), Command)


def test_a_command_that_misses_its_id_is_named_and_can_still_be_queued() -> None:
    found = hinted("think", "cancel all --serious")
    assert found.corrected is None
    assert found.problem == (
        "“cancel all” looks like the command /cancel ID; "
        "to queue it as a task, type /think --priority=serious -- cancel all"
    )
    queued = parse(Verb.THINK, "--priority=serious -- cancel all")
    assert queued == Command(Verb.THINK, Order("cancel all", priority=SERIOUS))


def test_a_bare_task_opens_the_form() -> None:
    assert parse(Verb.TASK, " \n") == Command(Verb.TASK)
    assert parse(Verb.THINK, "") == Command(Verb.THINK)


@pytest.mark.parametrize(
    ("verb", "text", "command"),
    [
        ("task", "help", Command(Verb.HELP)),
        ("task", "?", Command(Verb.HELP)),
        ("task", "help cancel", Command(Verb.HELP, word="cancel")),
        ("cancel", "--help", Command(Verb.HELP, word="cancel")),
        ("help", "", Command(Verb.HELP)),
        ("help", "help", Command(Verb.HELP)),
        ("help", "me", Command(Verb.HELP)),
        ("help", "/Cancel", Command(Verb.HELP, word="cancel")),
        ("help", "list", Command(Verb.HELP, word="status")),
        ("status", "", Command(Verb.STATUS)),
        ("status", "42", Command(Verb.STATUS, task_id=42)),
        ("results", "#42", Command(Verb.RESULTS, task_id=42)),
        ("cancel", " task 5 ", Command(Verb.CANCEL, task_id=5)),
        ("retry", "task #5.", Command(Verb.RETRY, task_id=5)),
        ("why", "007", Command(Verb.WHY, task_id=7)),
        ("priority", "15 serious", Command(Verb.PRIORITY, task_id=15, priority=SERIOUS)),
        ("priority", "Random task #15", Command(Verb.PRIORITY, task_id=15, priority=RANDOM)),
        ("credits", "", Command(Verb.CREDITS)),
        ("credits", "Details", Command(Verb.CREDITS, word="detail")),
        ("costs", "", Command(Verb.COSTS)),
        ("costs", "My App", Command(Verb.COSTS, word="My App")),
        ("costs", "“My App”", Command(Verb.COSTS, word="My App")),
        ("costs", "—project='My App'", Command(Verb.COSTS, word="My App")),
        ("costs", "-p web", Command(Verb.COSTS, word="web")),
        ("costs", '"', Command(Verb.COSTS, word='"')),
        ("health", "", Command(Verb.HEALTH)),
        ("metrics", "", Command(Verb.METRICS)),
    ],
)
def test_each_verb_takes_what_fits_it(verb: str, text: str, command: Command) -> None:
    assert parse(Verb(verb), text) == command
    assert typed_again(spelled(command)) == command


@pytest.mark.parametrize(
    ("verb", "text", "problem", "corrected"),
    [
        ("cancel", "", "/cancel needs a task's id; /status lists them.", None),
        ("cancel", "it", "“it” is no task's id; give one number, as in /cancel 42.", None),
        ("cancel", "5 and 6", "“5 and 6” is no task's id", "/cancel 5"),
        (
            "cancel",
            "5 because\nit " + "is " * 40,
            "“5 because it is is is is is is is is is…”",
            "/cancel 5",
        ),
        ("results", "0", "“0” is no task's id", None),
        ("status", "of it", "“of it” is no task's id", "/status"),
        ("status", "0 or 12", "is no task's id", "/status 12"),
        (
            "priority",
            "15",
            "/priority takes a task's id and serious or random",
            "/priority 15 serious",
        ),
        ("priority", "#15 low", "as in /priority 15 serious.", "/priority 15 random"),
        ("priority", "serious", "/priority takes a task's id", None),
        ("credits", "detial", "/credits takes nothing behind it, or “detail”.", "/credits detail"),
        ("credits", "of mine", "/credits takes nothing", "/credits"),
        ("costs", "''", "/costs takes the name of one project", "/costs"),
        ("costs", "--project", "/costs takes the name of one project", "/costs"),
        ("costs", "--project=web --serious", "/costs takes the name of one project", "/costs web"),
        ("costs", "--project=-x y", "/costs takes the name of one project", "/costs"),
        ("health", "now", "/health takes nothing behind it.", "/health"),
        ("metrics", "all", "/metrics takes nothing behind it.", "/metrics"),
        ("help", "with this", "There is no command “with this”.", "/task help"),
    ],
)
def test_what_does_not_fit_a_verb_is_answered_with_what_does(
    verb: str, text: str, problem: str, corrected: str | None
) -> None:
    found = hinted(verb, text)
    assert problem in found.problem
    assert found.corrected == corrected


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", Command(Verb.HELP)),
        (" \u200b", Command(Verb.HELP)),
        ("Help", Command(Verb.HELP)),
        ("help?", Command(Verb.HELP)),
        ("help me please!", Command(Verb.HELP)),
        ("help cancel", Command(Verb.HELP, word="cancel")),
        ("status", Command(Verb.STATUS)),
        ("Status?", Command(Verb.STATUS)),
        ("/status 42", Command(Verb.STATUS, task_id=42)),
        ("cancel 42", Command(Verb.CANCEL, task_id=42)),
        ("cancel #42, please.", Command(Verb.CANCEL, task_id=42)),
        ("why 42?", Command(Verb.WHY, task_id=42)),
        ("priority 15 serious", Command(Verb.PRIORITY, task_id=15, priority=SERIOUS)),
        ("credits detail", Command(Verb.CREDITS, word="detail")),
        ("costs", Command(Verb.COSTS)),
        ("costs web", Command(Verb.COSTS, word="web")),
        ('costs "My App"', Command(Verb.COSTS, word="My App")),
        ("task", Command(Verb.TASK)),
        ("task: fix\nit", Command(Verb.TASK, Order("fix\nit"))),
        ("think: a  cache -p web", Command(Verb.THINK, Order("a  cache", project="web"))),
        ("fix it --serious", Command(Verb.TASK, Order("fix it", priority=SERIOUS))),
    ],
)
def test_what_is_said_is_a_verb_with_what_fits_it_or_a_task(text: str, command: Command) -> None:
    assert parse_said(text) == command


@pytest.mark.parametrize(
    "text",
    [
        "cancel the subscription when the trial ends",
        "why is the build so slow?",
        "status page: add a banner",
        "costs are too high, find out why",
        "help with the login",
        "results of 42 should be cached",
        "please fix it now",
    ],
)
def test_what_only_begins_like_a_verb_is_a_task_as_it_was_said(text: str) -> None:
    assert parse_said(text) == Command(Verb.TASK, Order(text))


@pytest.mark.parametrize(
    ("text", "corrected"), [("lst", "/status"), ("cancel 42 and 43", "/cancel 42"), ("retry", None)]
)
def test_a_slip_that_is_said_is_no_task_either(text: str, corrected: str | None) -> None:
    found = parse_said(text)
    assert isinstance(found, Hint)
    assert found.corrected == corrected


@pytest.mark.parametrize(
    ("text", "aside"),
    [
        ("aside: look at this", True),
        (" Aside : hm", True),
        ("aside：hm", True),
        ("!aside look", True),
        ("!aside", True),
        ("!asides", False),
        ("aside from that, go on", False),
        ("as an aside: no", False),
        ("", False),
    ],
)
def test_an_aside_is_told_from_an_instruction(text: str, *, aside: bool) -> None:
    assert is_aside(text) is aside


@pytest.mark.parametrize("verb", Verb)
def test_every_verb_is_spelled_as_it_is_typed(verb: Verb) -> None:
    assert slash(verb) == ("/task help" if verb is Verb.HELP else f"/{verb.value}")


FRAGMENTS = st.sampled_from(
    [
        *(
            "--project",
            "--project=",
            "—project=",
            "--serious",
            "--random",
            "--priority",
            "--max-cost",
        ),
        *(
            "--after",
            "--at",
            "--model",
            "--verbose",
            "--projct=",
            "-p",
            "-p=",
            "--",
            "—",
            "---",
            "\n",
        ),
        *(
            "=",
            ",",
            "$2.50",
            "2,50",
            "42",
            "#7",
            "web",
            "My",
            "App",
            "My App",
            "`",
            "```",
            '"',
            "'",
        ),
        *("“", "”", "‘", "’", "«", "»", "„", "don't", "fix", "mkdir", "cancel", "status", "help"),
        *(
            "task",
            "me",
            "?",
            "high",
            "random",
            "2026-11-21",
            "20:00",
            "\u00a0",
            "\u200b",
            "é",
            "\\",
        ),
    ]
)
TYPED = st.one_of(
    st.text(),
    st.lists(st.one_of(FRAGMENTS, st.text(max_size=4)), max_size=12).map(" ".join),
    st.lists(FRAGMENTS, max_size=12).map("".join),
)


@given(st.sampled_from(Verb), TYPED)
@example(Verb.TASK, "task " * 2000)
@example(Verb.TASK, "`a` --x " * 2000)
def test_nothing_that_is_typed_raises_and_what_is_corrected_is_a_command(
    verb: Verb, text: str
) -> None:
    found = parse(verb, text)
    if isinstance(found, Hint) and found.corrected is not None:
        assert isinstance(typed_again(found.corrected), Command)
    if isinstance(found, Hint):
        assert found.problem


@given(TYPED)
def test_nothing_that_is_said_raises_and_what_is_corrected_is_a_command(text: str) -> None:
    found = parse_said(text)
    if isinstance(found, Hint) and found.corrected is not None:
        assert isinstance(typed_again(found.corrected), Command)


@given(TYPED)
def test_what_was_understood_is_understood_again_when_it_is_written_out(text: str) -> None:
    found = parse(Verb.TASK, text)
    if isinstance(found, Command) and found.order is not None:
        assert found.order.text
        assert parse(Verb.TASK, render(found.order)) == found


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
