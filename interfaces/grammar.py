"""What people type, read: a Command, or a Hint that says what was meant. Pure.

A slash command names its verb; what is said to the bot may begin with one. Nothing that is typed
raises, and nothing that looks like a slip becomes a task: a Hint names the command that was meant.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from core.models import TaskPriority
from interfaces.flags import DASHES, QUOTES, trimmed
from interfaces.orders import (
    Order,
    clipped_word,
    priority_meant,
    read_order,
    spelled_flags,
    task_id_of,
)

__all__ = [
    "Command",
    "Hint",
    "Order",
    "Verb",
    "is_aside",
    "parse",
    "parse_said",
    "render",
    "slash",
    "spelled",
]


class Verb(StrEnum):
    TASK = "task"
    THINK = "think"
    STATUS = "status"
    RESULTS = "results"
    PRIORITY = "priority"
    CANCEL = "cancel"
    RETRY = "retry"
    CREDITS = "credits"
    COSTS = "costs"
    WHY = "why"
    HEALTH = "health"
    METRICS = "metrics"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Command:
    """`order` is None for a bare /task, which opens the form.

    `word` is the project of costs, "detail" of credits, or the verb that help is asked for.
    """

    verb: Verb
    order: Order | None = None
    task_id: int | None = None
    priority: TaskPriority | None = None
    word: str | None = None


@dataclass(frozen=True, slots=True)
class Hint:
    """Input that was understood wrongly or not at all: one sentence, and the whole command that
    was meant. `corrected`, where there is one, parses to a Command.
    """

    problem: str
    corrected: str | None = None


#: verbs without a slash command of their own: they are said behind /task
_BEHIND_TASK: Final = frozenset({Verb.HELP})
#: Slack keeps /status for itself and refuses a manifest in which an app declares it
_CALLED: Final = {Verb.STATUS: "/tasks"}
#: other words for a verb, as people know them from elsewhere
_WORDS: Final = {verb.value: verb for verb in Verb} | {
    "add": Verb.TASK,
    "new": Verb.TASK,
    "idea": Verb.THINK,
    "list": Verb.STATUS,
    "ls": Verb.STATUS,
    "queue": Verb.STATUS,
    "tasks": Verb.STATUS,
    "show": Verb.RESULTS,
    "result": Verb.RESULTS,
    "log": Verb.RESULTS,
    "prio": Verb.PRIORITY,
    "abort": Verb.CANCEL,
    "delete": Verb.CANCEL,
    "kill": Verb.CANCEL,
    "remove": Verb.CANCEL,
    "rm": Verb.CANCEL,
    "stop": Verb.CANCEL,
    "rerun": Verb.RETRY,
    "budget": Verb.CREDITS,
    "credit": Verb.CREDITS,
    "usage": Verb.CREDITS,
    "spend": Verb.COSTS,
    "explain": Verb.WHY,
    "ping": Verb.HEALTH,
    "doctor": Verb.HEALTH,
}
_SAID: Final = {verb.value: verb for verb in Verb} | {"tasks": Verb.STATUS}
#: one letter in six may be wrong: `cancle` is cancel, `hosts` are no costs
_NEARLY: Final = 0.82
_SHORTEST, _LONGEST = 3, 12
_MOST_ARGUMENTS: Final = 3
_HELP: Final = frozenset({"help", "--help", "-h", "?"})
#: what may stand behind a verb so that the whole is no text for a task
_ARGUMENT: Final = re.compile(
    r"#?[0-9]+[.,!?]*|serious|random|task|details?|and|to|all|it|this|that|me", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"[0-9]{1,19}")
_ASIDE: Final = re.compile(r"\s*(?:aside\s*[:：]|!aside(?!\w))", re.IGNORECASE)  # noqa: RUF001 - phones type it
_MANNERS: Final = re.compile(r"(?:[\s,]+(?:please|thanks|now))*[\s?!.,]*\Z", re.IGNORECASE)


def parse(verb: Verb, text: str) -> Command | Hint:
    """What stands behind the slash command of `verb`."""
    text = trimmed(text)
    if text.lower() in _HELP:
        return Command(Verb.HELP, word=None if verb in (Verb.TASK, Verb.HELP) else verb.value)
    return _READERS[verb](verb, text)


def parse_said(text: str) -> Command | Hint:
    """What is said to the bot: a verb with what fits it, nothing at all, or else a new task."""
    text = trimmed(text)
    first, rest = _first_word(text)
    verb = _SAID.get(first.lower().strip("/:,.?!")) if text else Verb.HELP
    if verb in (Verb.TASK, Verb.THINK):
        return parse(verb, rest)
    if verb and (command := _fitting(verb, _MANNERS.sub("", rest))):
        return command
    return parse(Verb.TASK, text)


def is_aside(text: str) -> bool:
    """`aside: …` or `!aside …`: people talking to each other in a task's thread."""
    return _ASIDE.match(text) is not None


def render(order: Order) -> str:
    """The text that parses to `order` again, behind /task or /think."""
    flags = spelled_flags(order)
    plain = f"{order.text} {flags}".strip()
    return plain if _says_so(plain, order) else _explicitly(order)


def _says_so(plain: str, order: Order) -> bool:
    read = read_order(plain)
    understood = (read.order, read.problems) == (order, ())
    return understood and plain.lower() not in _HELP and not _meant_by(order)


def spelled(command: Command) -> str:
    """The whole slash command."""
    if command.order:
        return f"{slash(command.verb)} {render(command.order)}"
    said = (slash(command.verb), command.task_id, command.priority, command.word)
    return " ".join(str(word) for word in said if word is not None)


def slash(verb: Verb) -> str:
    """How a verb is typed in Slack."""
    if verb in _BEHIND_TASK:
        return f"/task {verb.value}"
    return _CALLED.get(verb, f"/{verb.value}")


def verb_of(command: str) -> Verb | None:
    """The verb behind a slash command; /status is understood wherever it still comes through."""
    return _VERBS.get(command)


def _explicitly(order: Order) -> str:
    return f"{spelled_flags(order)} -- {order.text}".strip()


def _first_word(text: str) -> tuple[str, str]:
    first, *rest = text.split(maxsplit=1) or [""]
    return first, "".join(rest)


def _fitting(verb: Verb, rest: str) -> Command | None:
    """The command if what was said is that and no more: "costs are too high" is a task."""
    one_name = rest[:1] in QUOTES or len(rest.split()) <= 1
    if verb is Verb.COSTS and not one_name:
        return None
    found = parse(verb, rest)
    return found if isinstance(found, Command) else None


def _task(verb: Verb, text: str) -> Command | Hint:
    if not text:
        return Command(verb)
    read = read_order(text)
    if not read.explicit and (slip := _slip(verb, read.order)):
        return slip
    if not read.order.text:
        problem = "There is no text; say what is to be done, or open the form."
        return Hint(next(iter(read.problems), problem), slash(verb))
    if read.problems:
        return Hint(read.problems[0], spelled(Command(verb, read.order)))
    return Command(verb, read.order)


def _slip(verb: Verb, order: Order) -> Command | Hint | None:
    """A command typed where a task's text belongs, as in `/task lst` and `/task cancel 42`."""
    if (likely := _meant_by(order)) is None:
        return None
    meant, rest = likely
    found = parse(meant, rest)
    if meant in _BEHIND_TASK and isinstance(found, Command):
        return found
    better = spelled(found) if isinstance(found, Command) else found.corrected
    problem = (
        f"“{clipped_word(order.text)}” looks like the command {better or f'{slash(meant)} ID'}; "
        f"to queue it as a task, type {slash(verb)} {clipped_word(_explicitly(order), 200)}"
    )
    return Hint(problem, better)


def _meant_by(order: Order) -> tuple[Verb, str] | None:
    """The verb that the text of a task is, or nearly is, and what stands behind it."""
    if task_id_of(order.text):
        return Verb.STATUS, order.text
    first, rest = _first_word(order.text)
    meant, rest = _verb_meant(first), _MANNERS.sub("", rest)
    return (meant, rest) if meant and _is_arguments(meant, rest) else None


def _verb_meant(word: str) -> Verb | None:
    """The verb that a word is or nearly is."""
    word = word.strip("/.!?,:;").lower()
    if word in _WORDS or not _SHORTEST <= len(word) <= _LONGEST:
        return _WORDS.get(word)
    return next((_WORDS[near] for near in get_close_matches(word, _WORDS, 1, _NEARLY)), None)


def _is_arguments(verb: Verb, rest: str) -> bool:
    words = rest.split()
    if len(words) == 1 and verb in (Verb.HELP, Verb.CREDITS):
        return _verb_meant(words[0]) is not None if verb is Verb.HELP else _near_detail(words[0])
    return len(words) <= _MOST_ARGUMENTS and all(_ARGUMENT.fullmatch(word) for word in words)


def _status(verb: Verb, text: str) -> Command | Hint:
    return _with_id(verb, text) if text else Command(verb)


def _with_id(verb: Verb, text: str) -> Command | Hint:
    if task_id := task_id_of(text):
        return Command(verb, task_id=task_id)
    if not text:
        return Hint(f"{slash(verb)} needs a task's id; {slash(Verb.STATUS)} lists them.")
    problem = f"“{clipped_word(text)}” is no task's id; give one number, as in {slash(verb)} 42."
    meant = _id_in(text)
    known = meant or verb is Verb.STATUS
    return Hint(problem, spelled(Command(verb, task_id=meant)) if known else None)


def _id_in(text: str) -> int | None:
    return next((found for number in _NUMBER.findall(text) if (found := task_id_of(number))), None)


def _priority(verb: Verb, text: str) -> Command | Hint:
    words = text.lower().replace("task ", "").replace("#", "").split()
    meant = next((found for word in words if (found := priority_meant(word))), TaskPriority.SERIOUS)
    command = Command(verb, task_id=_id_in(text), priority=meant)
    if words in ([str(command.task_id), meant], [meant, str(command.task_id)]):
        return command
    problem = (
        f"{slash(verb)} takes a task's id and serious or random, as in {slash(verb)} 15 serious."
    )
    return Hint(problem, spelled(command) if command.task_id else None)


def _credits(verb: Verb, text: str) -> Command | Hint:
    if text.lower() in ("", "detail", "details"):
        return Command(verb, word="detail" if text else None)
    meant = Command(verb, word="detail" if _near_detail(text) else None)
    return Hint(f"{slash(verb)} takes nothing behind it, or “detail”.", spelled(meant))


def _near_detail(text: str) -> bool:
    return bool(get_close_matches(text.lower()[:_LONGEST], ["detail"], 1, 0.6))


def _costs(verb: Verb, text: str) -> Command | Hint:
    if text[:1] not in ("-", *DASHES):
        name = _unquoted(text)
        return Command(verb, word=name or None) if name or not text else _no_project(verb)
    read = read_order(text)
    found = Command(verb, word=read.order.project)
    if read.order == Order("", project=found.word) and found.word and not read.problems:
        return found
    return _no_project(verb, found.word)


def _no_project(verb: Verb, meant: str | None = None) -> Hint:
    meant = None if (meant or "-").startswith(("-", *DASHES)) else meant
    problem = f"{slash(verb)} takes the name of one project, or nothing for all of them."
    return Hint(problem, spelled(Command(verb, word=meant)))


def _unquoted(text: str) -> str:
    closer = QUOTES.get(text[:1])
    quoted = closer is not None and len(text) > 1 and closer.fullmatch(text[-1])
    return text[1:-1].strip() if quoted else text


def _alone(verb: Verb, text: str) -> Command | Hint:
    return Hint(f"{slash(verb)} takes nothing behind it.", slash(verb)) if text else Command(verb)


def _help(verb: Verb, text: str) -> Command | Hint:
    about = _verb_meant(text)
    if about or text.lower() in ("", "me"):
        return Command(verb, word=about and about.value)
    return Hint(f"There is no command “{clipped_word(text)}”.", slash(verb))


_READERS: Final[dict[Verb, Callable[[Verb, str], Command | Hint]]] = {
    Verb.TASK: _task,
    Verb.THINK: _task,
    Verb.STATUS: _status,
    Verb.RESULTS: _status,
    Verb.PRIORITY: _priority,
    Verb.CANCEL: _with_id,
    Verb.RETRY: _with_id,
    Verb.CREDITS: _credits,
    Verb.COSTS: _costs,
    Verb.WHY: _with_id,
    Verb.HEALTH: _alone,
    Verb.METRICS: _alone,
    Verb.HELP: _help,
}
_VERBS: Final = {f"/{verb.value}": verb for verb in Verb} | {
    name: verb for verb, name in _CALLED.items()
}
