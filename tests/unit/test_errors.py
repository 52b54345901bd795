"""Every error there is, read as its user will read it."""

import ast
import inspect
from datetime import datetime
from string import Formatter
from typing import Any

import pytest

import core.errors
from core.errors import SleeplessError
from source_tree import ROOT, product_files


def family(root: type[SleeplessError] = SleeplessError) -> list[type[SleeplessError]]:
    return [each for child in root.__subclasses__() for each in (child, *family(child))]


def placeholders(error: type[SleeplessError]) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(error.__doc__ or "") if name]


def sample(error: type[SleeplessError]) -> tuple[SleeplessError, dict[str, str]]:
    """The error with telling facts, and those facts as the message should hold them."""
    facts = {name: f"{name} value." for name in placeholders(error)}
    if error.__init__ is SleeplessError.__init__:
        return error(**facts), facts
    arguments: dict[str, Any] = {
        name: datetime(2026, 11, 21, 20) if name == "moment" else f"{name} value."  # noqa: DTZ001 - the error is about naive times
        for name in list(inspect.signature(error).parameters)
    }
    made = error(**arguments)
    return made, {name: str(made.facts[name]) for name in facts}


ERRORS = sorted(family(), key=lambda error: error.__name__)
every_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)


@every_error
def test_the_message_holds_every_fact(error: type[SleeplessError]) -> None:
    made, facts = sample(error)
    assert [fact for fact in facts.values() if fact not in str(made)] == []
    assert made.message == str(made)


@every_error
def test_the_message_is_one_readable_line(error: type[SleeplessError]) -> None:
    message = str(sample(error)[0])
    assert "\n" not in message
    assert "  " not in message
    assert not {"{", "}"} & set(message)


@every_error
def test_the_message_ends_with_a_sentence_or_with_what_is_wrong(
    error: type[SleeplessError],
) -> None:
    template = " ".join((error.__doc__ or "").split())
    assert template.endswith((".", "{problem}", "{stderr}"))
    assert template.startswith(("{", "git ")) or template[0].isupper()


@every_error
def test_the_message_advises_where_it_says_it_all_itself(error: type[SleeplessError]) -> None:
    """A message that does not end in somebody else's words says what to do, or that it is done."""
    template = " ".join((error.__doc__ or "").split())
    if not template.endswith("}"):
        assert ";" in template


@every_error
def test_the_exit_code_is_one_of_the_contract(error: type[SleeplessError]) -> None:
    assert error.exit_code in {1, 2, 3, 4}


def test_every_code_is_unique_and_a_slug() -> None:
    codes = [error.code for error in ERRORS]
    assert len(set(codes)) == len(codes)
    assert all(code.isidentifier() and code.islower() for code in codes)
    assert SleeplessError.code not in codes


def test_the_family_lives_in_one_place() -> None:
    """Else a class could escape the tests above."""
    names = {SleeplessError.__name__, *(error.__name__ for error in ERRORS)}
    strays = [
        f"{file.relative_to(ROOT)}: {node.name}"
        for file in product_files(ROOT)
        if file.name != "errors.py"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
        and names & {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    ]
    assert strays == []
    assert {error.__module__ for error in ERRORS} == {core.errors.__name__}


def test_an_error_without_its_facts_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError, match="task_id"):
        core.errors.TaskNotFound()


def test_an_error_is_caught_as_what_callers_expect() -> None:
    assert issubclass(core.errors.TaskNotFound, LookupError)
    assert issubclass(core.errors.ConfigError, ValueError)
