"""Reads a Messages request the way the scripted model needs it: who asked what, and how far on.

The shapes were measured on the bundled CLI 2.1.330: reminders are text blocks of the user in
`<system-reminder>` tags, the environment is a message of the role `system` in the middle of the
conversation, results of tools are blocks of the user, and a prompt given after an interruption
may share one message with them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)
_WORKING_DIRECTORY = re.compile(r"Primary working directory: (.+)")
#: texts that the program puts into the user's mouth; they ask for nothing of their own
_NOT_A_PROMPT = ("[Request interrupted", "Output token limit hit")


@dataclass(frozen=True, slots=True)
class Turn:
    """A prompt of the user, and how many calls were answered since it was given."""

    prompt: str
    answers: int


def turns_of(messages: list[Any]) -> list[Turn]:
    """Answers given before the first prompt belong to nobody and are left out."""
    turns: list[Turn] = []
    answering = False
    for role, text in _pieces(messages):
        if role == "assistant":
            if turns and not answering:
                turns[-1] = Turn(turns[-1].prompt, turns[-1].answers + 1)
            answering = True
            continue
        answering = False
        if text:
            turns.append(Turn(text, 0))
    return turns


def _pieces(messages: list[Any]) -> Iterator[tuple[str, str]]:
    """Consecutive assistant pieces are one answer, however the program split it."""
    for message in messages:
        match message:
            case {"role": "assistant"}:
                yield "assistant", ""
            case {"role": "user", "content": content}:
                for block in blocks_of(content):
                    yield "user", _prompt_in(block)
            case _:  # the environment and other notes of the program
                continue


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
