"""A task as typed: its text to the letter, and what its flags wish for. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final

from core.errors import BadAmount
from core.models import TaskPriority
from core.money import Nano, canonical, to_nano
from interfaces.flags import TAKES_VALUE, Flag, Typed, find_flags, trimmed

#: the largest integer a database stores
_MAX_ID: Final = 2**63 - 1
_ID: Final = re.compile(r"(?:task\s*)?#?([0-9]{1,19})[.,;!?]*", re.IGNORECASE)
_AMOUNT: Final = re.compile(r"\$?([0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})")
_SAID_AMOUNT: Final = re.compile(r"[0-9][0-9.,]{0,20}|[.,][0-9]{1,12}")
_THOUSANDS: Final = re.compile(r",(?=[0-9]{3}(?![0-9]))")
_PRIORITIES: Final = tuple(priority.value for priority in TaskPriority)
_PRIORITY_MEANT: Final = {
    "high": "serious",
    "urgent": "serious",
    "important": "serious",
    "low": "random",
    "idle": "random",
    "thought": "random",
}
_FIELDS: Final = {
    "project": "project",
    "priority": "priority",
    "serious": "priority",
    "random": "priority",
    "max-cost": "max_cost",
    "model": "model",
    "after": "after",
    "at": "at",
}
_EXAMPLES: Final = {
    "project": "my-app",
    "priority": "random",
    "max-cost": "2.50",
    "model": "opus",
    "after": "41",
    "at": "02:00",
}
_PAIRS: Final = ('""', "''", "«»", "``")
#: more words than this behind a name are no part of it
_WORDS_OF_A_NAME: Final = 3


@dataclass(frozen=True, slots=True)
class Order:
    """A task as typed. `text` is the person's, to the letter; `at` is as typed, too."""

    text: str
    project: str | None = None
    priority: TaskPriority | None = None
    max_cost: Nano | None = None
    model: str | None = None
    after: tuple[int, ...] = ()
    at: str | None = None


@dataclass(frozen=True, slots=True)
class ReadOrder:
    """What was understood, and what was wrong with the rest: one sentence each, in order.

    `explicit` is whether a lone `--` said where the text begins.
    """

    order: Order
    problems: tuple[str, ...] = ()
    explicit: bool = False


@dataclass(frozen=True, slots=True)
class _Value:
    """What a flag says, and what is wrong with it; with both, the value is what was meant."""

    value: Any = None
    problem: str | None = None


def read_order(text: str) -> ReadOrder:
    typed = find_flags(text)
    edges, often = _edges(typed), _given_often(typed.flags)
    wishes: dict[str, Any] = {}
    problems: list[str] = []
    cut: list[Flag] = []
    for flag in typed.flags:
        key = _FIELDS.get(flag.name or "")
        if key is None or (key in often and flag.start not in edges):
            problems.append(_no_such(flag) if key is None else _twice(flag))
            continue
        whole = _with_its_name(typed, flag, edges)
        cut.append(whole)
        problems += _store(wishes, key, whole, several_words=whole is not flag)
    order = Order(typed.without(tuple(cut)), **wishes)
    return ReadOrder(order, tuple(problems), explicit=typed.marker is not None)


def _edges(typed: Typed) -> frozenset[int]:
    """The starts of the flags before all text and behind it; one inside may be spoken of."""
    starts: list[int] = []
    at = 0
    for flag in typed.flags:
        if flag.name is None or trimmed(typed.text[at : flag.start]):
            break
        starts.append(flag.start)
        at = flag.end
    at = _text_end(typed)
    for flag in reversed(typed.flags):
        if flag.name is None or trimmed(typed.text[flag.end : at]):
            break
        starts.append(flag.start)
        at = flag.start
    return frozenset(starts)


def _text_end(typed: Typed) -> int:
    return typed.marker[0] if typed.marker else len(typed.text)


def _given_often(flags: tuple[Flag, ...]) -> frozenset[str]:
    keys = [_FIELDS[flag.name] for flag in flags if flag.name]
    return frozenset(key for key in keys if key != "after" and keys.count(key) > 1)


def _with_its_name(typed: Typed, flag: Flag, edges: frozenset[int]) -> Flag:
    """`… --project=My App`, at the end and in capitals, means "My App", not "My"."""
    if flag.name != "project" or flag.quoted or not (flag.value or "")[:1].isupper():
        return flag
    later = [other.start for other in typed.flags if other.start > flag.start]
    stop = min(later, default=_text_end(typed))
    words = typed.text[flag.end : stop].split()
    at_the_end = trimmed(typed.text[: flag.start]) and edges.issuperset(later)
    named = all(word[0].isupper() for word in words)
    if not words or not named or not at_the_end or len(words) > _WORDS_OF_A_NAME:
        return flag
    return replace(flag, end=stop, value=" ".join((str(flag.value), *words)))


def _store(wishes: dict[str, Any], key: str, flag: Flag, *, several_words: bool) -> Iterator[str]:
    """Keep what the flag says, or means, and tell what is wrong with it."""
    read = _read(flag)
    if flag.typed.lower() not in (f"--{flag.name}", "-p"):
        yield (
            f"There is no flag {clipped_word(flag.typed)} (did you mean --{flag.name}?); "
            "behind a lone -- it is text."
        )
    if several_words:
        name = _spelled("project", str(read.value))
        yield f"A project's name of several words goes in quotes: {name}."
    if read.problem:
        yield read.problem
    if key == "after":
        wishes[key] = tuple(dict.fromkeys((*wishes.get(key, ()), *(read.value or ()))))
    elif key in wishes:
        yield _twice(flag)
    elif read.value is not None:
        wishes[key] = read.value


def _no_such(flag: Flag) -> str:
    return f"There is no flag {clipped_word(flag.typed)}; behind a lone -- it is text."


def _twice(flag: Flag) -> str:
    what = {"priority": "The priority", "max_cost": "The cap"}.get(
        key := _FIELDS[str(flag.name)], f"The {key}"
    )
    return f"{what} is given twice; what belongs to the text goes behind a lone --."


def _read(flag: Flag) -> _Value:
    if flag.name not in TAKES_VALUE:
        given = flag.value is not None
        problem = f"--{flag.name} takes no value." if given else None
        return _Value(TaskPriority(str(flag.name)), problem)
    text = " ".join((flag.value or "").split())
    if not text:
        example = f"--{flag.name}={_EXAMPLES[flag.name]}"
        return _Value(problem=f"--{flag.name} needs a value, as in {example}.")
    if not flag.closed:
        problem = f"The quote behind --{flag.name} is never closed."
        return replace(_value(flag.name, text), problem=problem)
    return _value(flag.name, text)


def _value(name: str, text: str) -> _Value:
    match name:
        case "priority":
            return _priority(text)
        case "max-cost":
            return _cap(text)
        case "after":
            return _after(text)
        case "model" if text.startswith("-"):
            return _Value(problem=f"“{clipped_word(text)}” is not the name of a model.")
        case _:
            return _Value(text)


def _priority(text: str) -> _Value:
    meant = priority_meant(text)
    if meant is not None and text.lower() == meant.value:
        return _Value(meant)
    return _Value(meant, f"“{clipped_word(text)}” is no priority; there are serious and random.")


def _cap(text: str) -> _Value:
    if cap := _amount(text):
        return _Value(cap)
    said = _SAID_AMOUNT.search(text)
    meant = _amount(_THOUSANDS.sub("", said[0]).replace(",", ".")) if said else None
    problem = f"“{clipped_word(text)}” is no cap; give dollars above 0, as in --max-cost=2.50."
    return _Value(meant, problem)


def _amount(text: str) -> Nano | None:
    match = _AMOUNT.fullmatch(text)
    try:
        return (to_nano(match[1]) or None) if match else None
    except BadAmount:
        return None


def _after(text: str) -> _Value:
    ids = [(part, task_id_of(part)) for part in text.split(",") if part.strip()]
    found = tuple(task_id for _, task_id in ids if task_id is not None)
    wrong = next((part for part, task_id in ids if task_id is None), None if ids else text)
    if wrong is None:
        return _Value(found)
    problem = f"“{clipped_word(wrong)}” is no task's id; give numbers, as in --after=41."
    return _Value(found, problem)


def task_id_of(text: str) -> int | None:
    """`42`, `#42` and `task 42` are 42; None for what no task can have."""
    match = _ID.fullmatch(text.strip())
    number = int(match[1]) if match else 0
    return number if 1 <= number <= _MAX_ID else None


def priority_meant(text: str) -> TaskPriority | None:
    word = text.strip().lower()
    near = get_close_matches(word[:40], _PRIORITIES, 1, 0.6)
    meant = _PRIORITY_MEANT.get(word) or next(iter(near), None)
    return TaskPriority(meant) if meant else None


def clipped_word(text: str, limit: int = 40) -> str:
    """For a sentence about it: on one line and no longer than a person reads."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def spelled_flags(order: Order) -> str:
    """The flags that say what `order` wishes for."""
    wishes = {
        "project": order.project,
        "priority": order.priority,
        "max-cost": order.max_cost and _dollars(order.max_cost),
        "model": order.model,
        "after": ",".join(map(str, order.after)),
        "at": order.at,
    }
    return " ".join(_spelled(name, value) for name, value in wishes.items() if value)


def _dollars(nano: Nano) -> str:
    dollars, fraction = canonical(nano).split(".")
    return f"{dollars}.{fraction.rstrip('0').ljust(2, '0')}"


def _spelled(name: str, value: str) -> str:
    """In quotes when it must be, in those that do not stand in the value themselves."""
    bare = f"--{name}={value}"
    ways = (bare, *(f"--{name}={pair[0]}{value}{pair[1]}" for pair in _PAIRS))
    return next((way for way in ways if _says(way, value)), bare)


def _says(way: str, value: str) -> bool:
    flags = find_flags(way).flags
    return (
        len(flags) == 1 and flags[0].closed and (flags[0].value, flags[0].end) == (value, len(way))
    )
