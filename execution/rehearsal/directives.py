r"""Directives: what anyone may write into a task's text to say what the scripted model shall do.

With `agent.backend: rehearsal` a task such as

    Try the limit [rehearse: bash make test] [rehearse: 429 3600]

is played as its directives say, in their order, one call each unless noted:

    [rehearse: text WORDS]        answers with the words (or with a default) and ends the turn
    [rehearse: write PATH TEXT]   writes a file, over an old one too; \n in TEXT is a new line
    [rehearse: bash COMMAND]      runs a command
    [rehearse: calls N $X]        N answered calls that cost $X each
    [rehearse: loop $X]           calls of $X each without end
    [rehearse: slow N]            an answer that takes N seconds to stream
    [rehearse: hang]              begins an answer and stands still until it is stopped; when it
                                  is the first directive, one call is answered before
    [rehearse: drop]              breaks the connection in the middle of the answer
    [rehearse: 429 N]             usage limit, retry after N seconds (without N: not said)
    [rehearse: 529]               overloaded
    [rehearse: 500]               internal error
    [rehearse: 401]               the key is refused
    [rehearse: 403]               the key may not do this
    [rehearse: 400]               the request is refused
    [rehearse: crash]             a malformed tool call, at which the program itself fails

A fault (hang, drop and the numbers) is met at every attempt, for ever; with ` xN` at its end
(`[rehearse: 529 x2]`) by N attempts only, and the N+1st gets the next directive's answer.
Attempts are counted over all sessions, by the lines of the text that hold directives. Money is in
dollars: `$0.12`. Brackets inside a directive must be balanced. A turn that no directive ends is
ended by a short text of its own; what is not understood here is refused with a 400 that says why.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from core.errors import BadAmount, BadDirective
from core.money import Nano, to_nano
from execution.rehearsal.playbook import (
    Answer,
    Drop,
    Fault,
    Hang,
    Play,
    Refusal,
    Step,
    Tokens,
    ToolCall,
    bash,
    overwrite,
)

MAX_CALLS = 1000
MAX_SECONDS = 86_400

_OPENING = re.compile(r"\[rehearse:", re.IGNORECASE)
_TIMES = re.compile(r"(?:^|\s+)x([0-9]{1,3})$")
_CHORE = bash("true")
_CLOSING = Answer("Done as rehearsed.", spends=Tokens(input=300, cache_read=9000, output=20))


def directed_play(text: str) -> Play | None:
    """The play that the directives in the text describe; None when there is none.

    Raises BadDirective for one that is not understood.
    """
    directives = list(directives_in(text))
    if not directives:
        return None
    script = _Script()
    for directive in directives:
        _follow(directive, script)
    return script.finished()


def directives_in(text: str) -> Iterator[str]:
    """What stands between `[rehearse:` and the bracket that closes it."""
    at = 0
    while opening := _OPENING.search(text, at):
        at = _closing_bracket(text, opening.end())
        yield text[opening.end() : at].strip()


def _closing_bracket(text: str, start: int) -> int:
    depth = 1
    for at in range(start, len(text)):
        depth += {"[": 1, "]": -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise BadDirective(directive=text[start:].strip(), problem="its closing bracket is missing")


@dataclass(slots=True)
class _Script:
    """A play in the making."""

    steps: list[Step] = field(default_factory=list)
    #: faults that the next answer recovers from
    waiting: tuple[Fault, ...] = ()
    then: Step | None = None

    def answers(self, answer: Answer) -> None:
        self.steps.append(replace(answer, faults=self.waiting))
        self.waiting = ()

    def meets(self, fault: Fault, times: int | None) -> None:
        if times is None:
            self.steps.append(fault)
        else:
            self.waiting += (fault,) * times

    def repeats(self, answer: Answer) -> None:
        self.then = replace(answer, faults=self.waiting)
        self.waiting = ()

    def finished(self) -> Play:
        if self.then is None and not self._is_closed():
            self.answers(_CLOSING)
        return Play("directed", "", tuple(self.steps), then=self.then)

    def _is_closed(self) -> bool:
        match self.steps:
            case [*_, Answer(tools=())]:
                return not self.waiting
            case _:
                return False


def _follow(directive: str, script: _Script) -> None:
    verb, _, rest = directive.partition(" ")
    if script.then is not None:
        raise BadDirective(directive=directive, problem="nothing comes after an endless loop")
    if follow := _VERBS.get(verb.lower()):
        follow(script, rest.strip())
        return
    fault, times = _fault(directive)
    if isinstance(fault, Hang) and not script.steps:
        script.answers(Answer("Looking around first.", (_CHORE,)))
    script.meets(fault, times)


def _text(script: _Script, words: str) -> None:
    script.answers(replace(_CLOSING, text=words) if words else _CLOSING)


def _write(script: _Script, rest: str) -> None:
    path, _, content = rest.partition(" ")
    if not path:
        raise BadDirective(directive="write", problem="give a path and a text: write PATH TEXT")
    content = content.replace("\\n", "\n")
    script.answers(Answer(f"Writing {path}.", overwrite(path, f"{content}\n")))


def _bash(script: _Script, command: str) -> None:
    if not command:
        raise BadDirective(directive="bash", problem="give a command: bash COMMAND")
    script.answers(Answer("Running a command.", (bash(command),)))


def _calls(script: _Script, rest: str) -> None:
    count, _, price = rest.partition(" ")
    number = _number("calls", count, MAX_CALLS)
    worth = _dollars("calls", price)
    for n in range(number):
        script.answers(Answer(f"Call {n + 1} of {number}.", (_CHORE,), worth))


def _loop(script: _Script, price: str) -> None:
    worth = _dollars("loop", price)
    script.repeats(Answer("Once more.", (_CHORE,), worth))


def _slow(script: _Script, rest: str) -> None:
    seconds = _number("slow", rest, MAX_SECONDS)
    script.answers(Answer("Thinking it over.", (_CHORE,), seconds=float(seconds)))


def _crash(script: _Script, _rest: str) -> None:
    script.answers(Answer("Calling a tool.", (ToolCall(None),)))


_VERBS: dict[str, Callable[[_Script, str], None]] = {
    "text": _text,
    "write": _write,
    "bash": _bash,
    "calls": _calls,
    "loop": _loop,
    "slow": _slow,
    "crash": _crash,
}


_FAULTS: dict[str, Fault] = {"hang": Hang(), "drop": Drop()}
_STATUSES = frozenset({400, 401, 403, 429, 500, 529})


def _fault(directive: str) -> tuple[Fault, int | None]:
    times = _TIMES.search(directive)
    bare = directive[: times.start()] if times else directive
    name, _, rest = bare.partition(" ")
    return _named_fault(directive, name.lower(), rest.strip()), int(times[1]) if times else None


def _named_fault(directive: str, name: str, rest: str) -> Fault:
    if name in _FAULTS and not rest:
        return _FAULTS[name]
    if not name.isdecimal() or int(name) not in _STATUSES:
        known = ", ".join([*_VERBS, *_FAULTS, *map(str, sorted(_STATUSES))])
        raise BadDirective(directive=directive, problem=f"the rehearsal knows {known}")
    retry_after = _number(name, rest, MAX_SECONDS) if rest else None
    return Refusal(int(name), retry_after=retry_after)


def _number(directive: str, text: str, largest: int) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= largest):
        problem = f"{text!r} is not a whole number from 1 to {largest}"
        raise BadDirective(directive=directive, problem=problem)
    return int(text)


def _dollars(directive: str, text: str) -> Nano:
    try:
        return to_nano(text.strip().removeprefix("$"))
    except BadAmount as bad:
        raise BadDirective(directive=directive, problem=str(bad)) from bad
