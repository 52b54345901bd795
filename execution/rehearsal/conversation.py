"""Reads a Messages request the way the scripted model needs it: who asked what, and how far on.

The shapes were measured on the bundled CLI 2.1.330: reminders are text blocks of the user in
`<system-reminder>` tags, the environment is a message of the role `system` in the middle of the
conversation, results of tools are blocks of the user, and a prompt given after an interruption
may share one message with them. After an interruption the program makes up results for the
calls that had none, and an answer of its own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)
_WORKING_DIRECTORY = re.compile(r"Primary working directory: (.+)")
#: texts that the program puts into the user's mouth; they ask for nothing of their own
_NOT_A_PROMPT = ("[Request interrupted", "Output token limit hit", "(no content)")
#: and into the model's
_NOT_AN_ANSWER = "No response requested."
#: results of tools that never ran to their end
_NOT_DONE = ("[Tool call interrupted", "[Request interrupted", "The user doesn't want to proceed")


@dataclass(frozen=True, slots=True)
class Turn:
    """A prompt of the user, and how many steps were answered and done since it was given."""

    prompt: str
    answers: int


class _Mark(Enum):
    ANSWERED = auto()
    DONE = auto()
    UNDONE = auto()


def turns_of(messages: list[Any]) -> list[Turn]:
    """An answer whose tools were interrupted does not count: its step is still to be done.

    Answers given before the first prompt belong to nobody and are left out.
    """
    turns: list[Turn] = []
    last: _Mark | None = None
    for mark in _marks(messages):
        if isinstance(mark, str):
            turns.append(Turn(mark, 0))
            last = None
        elif turns:
            turns[-1] = replace(turns[-1], answers=turns[-1].answers + _progress(last, mark))
            last = last if (last, mark) == (_Mark.UNDONE, _Mark.DONE) else mark
    return turns


def _progress(last: _Mark | None, mark: _Mark) -> int:
    """Consecutive assistant messages are one answer, and many undone tools undo it once."""
    if mark is _Mark.ANSWERED:
        return 0 if last is _Mark.ANSWERED else 1
    if mark is _Mark.UNDONE:
        return -1 if last in (_Mark.ANSWERED, _Mark.DONE) else 0
    return 0


def _marks(messages: list[Any]) -> Iterator[_Mark | str]:
    """The conversation as prompts (texts) and marks; whatever is neither is left out."""
    for message in messages:
        blocks = blocks_of(message.get("content"))
        match message.get("role"):
            case "assistant" if _was_answered(blocks):
                yield _Mark.ANSWERED
            case "user":
                yield from _user_marks(blocks)


def _was_answered(blocks: list[dict[str, Any]]) -> bool:
    return [_text_in(block) for block in blocks] != [_NOT_AN_ANSWER]


def _user_marks(blocks: list[dict[str, Any]]) -> Iterator[_Mark | str]:
    results = [block for block in blocks if block.get("type") == "tool_result"]
    if results:
        yield _Mark.UNDONE if any(map(_was_interrupted, results)) else _Mark.DONE
    for block in blocks:
        if prompt := _prompt_in(block):
            yield prompt


def _was_interrupted(result: dict[str, Any]) -> bool:
    texts = [_text_in(block) for block in blocks_of(result.get("content"))]
    return bool(result.get("is_error")) and any(text.startswith(_NOT_DONE) for text in texts)


def blocks_of(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content or () if isinstance(block, dict)]


def _prompt_in(block: dict[str, Any]) -> str:
    text = _REMINDER.sub("", _text_in(block)).strip()
    return "" if text.startswith(_NOT_A_PROMPT) else text


def _text_in(block: dict[str, Any]) -> str:
    text = block.get("text", "") if block.get("type") == "text" else ""
    return text if isinstance(text, str) else ""


def working_directory(request: dict[str, Any]) -> str | None:
    """The newest one named; only the program's own notes are believed, not what the user wrote."""
    named = [
        match[1].strip() for text in _notes(request) for match in _WORKING_DIRECTORY.finditer(text)
    ]
    return named[-1] if named else None


def _notes(request: dict[str, Any]) -> Iterator[str]:
    yield from (_text_in(block) for block in blocks_of(request.get("system")))
    for message in request.get("messages", ()):
        texts = [_text_in(block) for block in blocks_of(message.get("content"))]
        if message.get("role") == "system":
            yield from texts
        elif message.get("role") == "user":
            yield from (note for text in texts for note in _REMINDER.findall(text))
