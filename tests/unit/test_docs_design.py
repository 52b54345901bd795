"""docs/design.md and its neighbours say what the code says: states, words, files, commands."""

import re
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from core.states import TRANSITIONS, Consequence, Patience, Record, consequence
from core.vocabulary import RunOutcome, RunPhase, TaskStatus, WaitReason
from documents import PAGES, blocks, code_spans, headings, section, table
from interfaces.cli.app import program
from source_tree import ROOT

DESIGN = (ROOT / "docs" / "design.md").read_text()
LIFE = section(DESIGN, "The life of a task")
STEPS = {(before.value, after.value) for before, afters in TRANSITIONS.items() for after in afters}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


# --- the life of a task ----------------------------------------------------------------------


def test_the_diagram_has_the_steps_of_the_table_and_no_other() -> None:
    (diagram,) = blocks(LIFE, "mermaid")

    drawn = re.findall(r"^ *(\w+) --> (\w+)", diagram, re.MULTILINE)
    assert set(drawn) == STEPS
    assert len(drawn) == len(STEPS)


def test_the_diagram_begins_and_ends_where_a_task_does() -> None:
    (diagram,) = blocks(LIFE, "mermaid")

    assert re.findall(r"\[\*\] --> (\w+)", diagram) == [TaskStatus.PENDING]
    final = [status.value for status, afters in TRANSITIONS.items() if not afters]
    assert re.findall(r"(\w+) --> \[\*\]", diagram) == final


def test_the_plain_text_has_the_same_steps() -> None:
    drawn = re.findall(r"^(\w+) +-> (\w+)", blocks(LIFE, "text")[0], re.MULTILINE)

    assert set(drawn) == STEPS
    assert len(drawn) == len(STEPS)


def test_the_diagram_comes_first() -> None:
    assert re.findall(r"^## (.+)$", DESIGN, re.MULTILINE)[0] == "The life of a task"


# --- its words -------------------------------------------------------------------------------


def test_every_reason_to_wait_is_explained() -> None:
    assert table(section(DESIGN, "Why a pending task waits")).keys() == set(WaitReason)


def test_the_reasons_that_nothing_stores_are_said_to_be_so() -> None:
    told = table(section(DESIGN, "Why a pending task waits"))
    source = "".join((ROOT / "core" / f"{name}.py").read_text() for name in ("line", "states"))

    stored = {word for word in WaitReason if f"WaitReason.{word.name}" in source}
    assert {word for word, (_, how) in told.items() if how == "yes"} == stored


def test_every_step_of_a_run_is_explained_in_its_order() -> None:
    assert list(table(section(DESIGN, "How far a run has come"))) == list(RunPhase)


def test_every_ending_is_explained() -> None:
    assert table(section(DESIGN, "How a run ends")).keys() == set(RunOutcome)


@pytest.mark.parametrize("outcome", RunOutcome)
def test_an_ending_means_for_the_task_what_the_page_says(outcome: RunOutcome) -> None:
    fresh = Record(attempts=0, crashes=0, cancel_requested=False)
    means = consequence(outcome, fresh, Patience(), now=datetime(2026, 3, 10, tzinfo=UTC))

    _, status, counts = table(section(DESIGN, "How a run ends"))[outcome]
    assert (status, counts) == (f"`{means.status}`", _counts_as(means))


def _counts_as(means: Consequence) -> str:
    match means:
        case Consequence(counts_as_attempt=True):
            return "an attempt"
        case Consequence(counts_as_crash=True):
            return "a crash"
        case _:
            return "nothing"


def test_the_third_time_is_the_last() -> None:
    assert (Patience().max_attempts, Patience().max_crashes) == (3, 3)


# --- what the pages name ---------------------------------------------------------------------


@every_page
def test_every_link_into_a_page_finds_its_heading(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", page.read_text())

    assert [
        f"{place}#{heading}"
        for place, heading in links
        if heading not in headings(page.parent / place if place else page)
    ] == []


@every_page
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = {
        span
        for span in code_spans(page.read_text())
        if re.fullmatch(r"(core|execution|interfaces|tests|docs|deploy|benchmarks)/[\w./-]*", span)
        or re.fullmatch(r"[\w-]+\.(py|toml)", span)
    }
    found = {name for name in named if (ROOT / name).exists() or list(ROOT.glob(f"*/{name}"))}
    patterns = {name for name in named if "X" in name}  # `tests/unit/test_X.py`
    assert sorted(named - found - patterns) == []


@every_page
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", page.read_text())

    assert [
        f"{file}::{test}" for file, test in named if f"def {test}(" not in (ROOT / file).read_text()
    ] == []


@every_page
def test_every_command_that_is_named_exists_with_its_options(page: Path) -> None:
    text = page.read_text()
    shell = "\n".join(block for tongue in ("sh", "text", "") for block in blocks(text, tongue))
    lines = [*code_spans(text), *(line.strip() for line in shell.splitlines())]
    calls = [line for line in lines if re.match(r"(\S*/)?sleepless( |$)", line)]

    assert [problem for call in calls if (problem := _problem(call))] == []


def _problem(call: str) -> str | None:
    """Why a command line could not be typed as it stands, apart from its capital placeholders."""
    words = call.partition("#")[0].split("|")[0].split()[1:]
    command: click.Command = program
    path = ["sleepless"]
    while words:
        word = words.pop(0)
        if word.startswith("--") and len(word) > len("--"):
            name, equals, _ = word.partition("=")
            known = _options(command)
            if name not in known:
                return f"{' '.join(path)} has no {word}"
            if known[name] and not equals:
                del words[:1]
        elif isinstance(command, click.Group) and re.fullmatch(r"[a-z]+", word):
            below = command.get_command(click.Context(command), word)
            if below is None:
                return f"{' '.join(path)} has no {word}"
            command, path = below, [*path, word]
        elif word.startswith(('"', "'", "…")):
            break  # a text or a query: words of its own
    return None


def _options(command: click.Command) -> dict[str, bool]:
    """Each option, and whether a value follows. A group that may be called without a command takes
    those of its list as well.
    """
    options = {
        name: isinstance(param, click.Option) and not param.is_flag
        for param in command.params
        for name in param.opts
    }
    if isinstance(command, click.Group) and (
        listing := command.get_command(click.Context(command), "list")
    ):
        options |= _options(listing)
    return options | {"--help": False}


def test_an_unknown_command_and_an_unknown_option_would_be_found() -> None:
    assert _problem("sleepless tasks undo 7") == "sleepless tasks has no undo"
    assert _problem(".venv/bin/sleepless credits --all") == "sleepless credits has no --all"
    assert _problem("sleepless task Add a page --project=shop --wait") is None
    assert _problem('sleepless sql "SELECT --x"') is None
    assert _problem("sleepless tasks --status failed") is None
