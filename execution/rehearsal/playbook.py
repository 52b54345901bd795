"""What the scripted model answers, as values: a play is a list of steps, a step is one call.

Which step a call gets is read from the conversation that it carries, never from the server's
memory: a retried call gets the same step, a resumed session goes on where it stood, and a
restart of the server changes nothing. (Only `Answer.faults` counts attempts: an API that
recovers is stateful by nature.)
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from core.errors import BadDirective
from core.money import Nano
from execution.rehearsal.conversation import Turn


@dataclass(frozen=True, slots=True)
class Tokens:
    """The usage of one call; input excludes what came from or went to the cache."""

    input: int = 0
    output: int = 1
    cache_read: int = 0
    cache_write: int = 0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool the model asks for; a relative `file_path` or `path` is meant from the working
    directory that the request names. A call without a name is malformed on purpose.
    """

    name: str | None
    arguments: dict[str, str | int | bool] = field(default_factory=dict)


def write(path: str, content: str) -> ToolCall:
    return ToolCall("Write", {"file_path": path, "content": content})


def overwrite(path: str, content: str) -> tuple[ToolCall, ToolCall]:
    """The program refuses to write over a file that was not read; of none it reads an error."""
    return read(path), write(path, content)


def edit(path: str, old: str, new: str) -> ToolCall:
    """The program refuses an edit of a file that was not read earlier in the conversation."""
    return ToolCall("Edit", {"file_path": path, "old_string": old, "new_string": new})


def read(path: str) -> ToolCall:
    return ToolCall("Read", {"file_path": path})


def bash(command: str) -> ToolCall:
    return ToolCall("Bash", {"command": command, "description": "Rehearsed command"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP error in the API's own shape."""

    status: int
    message: str = ""
    #: seconds, sent as the `retry-after` header
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection breaks in the middle of the answer."""


@dataclass(frozen=True, slots=True)
class Hang:
    """The answer begins and then stands still until the client goes or the server releases it."""


Fault = Refusal | Drop | Hang

#: an amount instead of tokens: the tokens are chosen so that the call costs exactly that
Spends = Tokens | Nano


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered call: words, tool calls, or both; without tool calls the turn ends."""

    text: str = ""
    tools: tuple[ToolCall, ...] = ()
    spends: Spends = Tokens(input=500, output=50)
    #: how long the answer takes from its first byte to its last
    seconds: float = 0.0
    #: the n-th attempt at this step meets the n-th fault; the next one is answered
    faults: tuple[Fault, ...] = ()


Step = Answer | Fault

#: what is said when a conversation goes on after its play is over
NOTHING_LEFT = Answer("Nothing is left to do.", spends=Tokens(input=200, output=10))


@dataclass(frozen=True, slots=True)
class Play:
    """Recognised by its phrase in the task text, upper or lower case alike."""

    name: str
    phrase: str
    steps: tuple[Step, ...]
    #: repeated for ever after the steps
    then: Step | None = None

    def step(self, position: int) -> Step:
        if position < len(self.steps):
            return self.steps[position]
        return self.then or NOTHING_LEFT

    def has_more(self, position: int) -> bool:
        return self.then is not None or position < len(self.steps)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a conversation stands: the step of this call is the play's step at this position."""

    prompt: str
    play: Play
    position: int

    @property
    def step(self) -> Step:
        return self.play.step(self.position)

    @property
    def attempted(self) -> tuple[str, str, int]:
        """What attempts are counted by: the same for a task and its hand-over to a later run."""
        directing = [line for line in self.prompt.splitlines() if "[rehearse:" in line.lower()]
        return "\n".join(directing), self.play.name, self.position


_CONTINUATION = re.compile(
    r"\s*(continue|go on|carry on|resume|you were interrupted)\b", re.IGNORECASE
)

#: makes a play of a text that no phrase matches; None when it does not know it either
PlayWriter = Callable[[str], Play | None]


@dataclass(frozen=True, slots=True)
class Playbook:
    """Directives in the text come first, then the phrase that stands earliest, then `otherwise`."""

    plays: Sequence[Play]
    directed: PlayWriter
    otherwise: Callable[[str], Play]

    def place(self, turns: Sequence[Turn]) -> Place:
        """A prompt that says "continue" goes on with an unfinished play; any other begins its own.

        A conversation without a prompt is placed as an empty one.
        """
        first, *others = turns or (Turn("", 0),)
        place = Place(first.prompt, self.play_of(first.prompt), first.answers)
        for turn in others:
            place = self._moved(place, turn)
        return place

    def _moved(self, place: Place, turn: Turn) -> Place:
        if self._goes_on(place, turn.prompt):
            return replace(place, position=place.position + turn.answers)
        return Place(turn.prompt, self.play_of(turn.prompt), turn.answers)

    def _goes_on(self, place: Place, prompt: str) -> bool:
        if not (_CONTINUATION.match(prompt) and place.play.has_more(place.position)):
            return False
        return self._named(prompt) in (None, place.play)

    def play_of(self, text: str) -> Play:
        return self._named(text) or self.otherwise(text)

    def _named(self, text: str) -> Play | None:
        try:
            directed = self.directed(text)
        except BadDirective as problem:
            return Play("bad-directive", "", (), then=Refusal(400, str(problem)))
        return directed or self._earliest(text)

    def _earliest(self, text: str) -> Play | None:
        lower = text.lower()
        found = [(lower.find(play.phrase.lower()), n) for n, play in enumerate(self.plays)]
        known = [(at, n) for at, n in found if at >= 0]
        return self.plays[min(known)[1]] if known else None
