"""What a message shows: given with its letter, or drawn from the task as it stands now."""

import hashlib
import json
from dataclasses import dataclass

from core.models import Message, MessageKind, TaskStatus
from core.task_view import TaskView
from interfaces.slack.outgoing.posting import Content
from interfaces.slack.rendering import card
from interfaces.slack.rendering.card import Rendered


@dataclass(frozen=True, slots=True)
class Drawn:
    """A card as it should look, and the state that it shows."""

    content: Content
    status: TaskStatus

    @property
    def digest(self) -> str:
        return digest(self.content)


def content_of(letter: Message, view: TaskView | None) -> Content:
    if letter.payload is not None or view is None:
        payload = letter.payload or {}
        return Content(str(payload.get("text") or ""), list(payload.get("blocks") or []))
    match letter.kind:
        case MessageKind.CARD:
            return _content(card.card(view))
        case MessageKind.FAILURE:
            return _content(card.failure(view))
        case _:
            return _content(card.result(view))


def draw(view: TaskView) -> Drawn:
    return Drawn(_content(card.card(view)), view.task.status)


def digest(content: Content) -> str:
    """Equal for what looks equal."""
    shown = json.dumps([content.text, content.blocks], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(shown.encode()).hexdigest()


def _content(rendered: Rendered) -> Content:
    return Content(rendered.text, rendered.blocks)
