"""What people type becomes what they meant, or a hint that says it; nothing they type raises."""

# ruff: noqa: RUF001 - phones type these quotes and dashes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.models import TaskPriority
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
    verb_of,
)

SERIOUS, RANDOM = TaskPriority.SERIOUS, TaskPriority.RANDOM


def hinted(verb: str, text: str) -> Hint:
    found = parse(verb_of(f"/{verb}") or Verb.HELP, text)
    assert isinstance(found, Hint), found
    return found


def typed_again(corrected: str) -> Command | Hint:
    """A corrected command, copied into Slack."""
    verb, _, text = corrected.removeprefix("/").partition(" ")
    return parse(verb_of(f"/{verb}") or Verb.HELP, text)


@pytest.mark.parametrize("typed", ["--project=web", "--", "--serious --", " --random "])
def test_flags_without_a_text_are_no_task(typed: str) -> None:
    found = hinted("task", typed)
    assert found == Hint("There is no text; say what is to be done, or open the form.", "/task")


@pytest.mark.parametrize(
    ("typed", "corrected"),
    [
        ("lst", "/tasks"),
        ("List.", "/tasks"),
        ("status", "/tasks"),
        ("/statsu", "/tasks"),
        ("list --project=web", "/tasks"),
        ("cancel 42", "/cancel 42"),
        ("cancle #42 please", "/cancel 42"),
        ("cancel 42 and 43", "/cancel 42"),
        ("show 7", "/results 7"),
        ("priority 15", "/priority 15 serious"),
        ("credits detial", "/credits detail"),
        ("42", "/tasks 42"),
        ("task 42", "/tasks 42"),
        ("task", "/task"),
        ("think", "/think"),
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
        ("task", "helpp", Command(Verb.HELP)),
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
    assert parse(verb_of(f"/{verb}") or Verb.HELP, text) == command
    assert typed_again(spelled(command)) == command


@pytest.mark.parametrize(
    ("verb", "text", "problem", "corrected"),
    [
        ("cancel", "", "/cancel needs a task's id; /tasks lists them.", None),
        ("cancel", "it", "“it” is no task's id; give one number, as in /cancel 42.", None),
        ("cancel", "5 and 6", "“5 and 6” is no task's id", "/cancel 5"),
        (
            "cancel",
            "5 because\nit " + "is " * 40,
            "“5 because it is is is is is is is is is…”",
            "/cancel 5",
        ),
        ("results", "0", "“0” is no task's id", None),
        ("status", "of it", "“of it” is no task's id", "/tasks"),
        ("status", "0 or 12", "is no task's id", "/tasks 12"),
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
        ("/tasks 42", Command(Verb.STATUS, task_id=42)),
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
    ("text", "corrected"), [("lst", "/tasks"), ("cancel 42 and 43", "/cancel 42"), ("retry", None)]
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
    ours = {Verb.HELP: "/task help", Verb.STATUS: "/tasks"}
    assert slash(verb) == ours.get(verb, f"/{verb.value}")


def test_the_command_that_slack_keeps_for_itself_is_understood_all_the_same() -> None:
    assert verb_of("/status") is verb_of("/tasks") is Verb.STATUS
    assert verb_of("/unheard-of") is None


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
