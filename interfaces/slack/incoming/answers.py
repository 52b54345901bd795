"""What the bot answers, as Slack wants it said. Pure: replies in, message bodies out."""

import re
from typing import Any, Final

from structlog.contextvars import get_contextvars

from interfaces.bot_values import Reply
from interfaces.slack.rendering import words
from interfaces.slack.rendering.blocks import (
    MARKDOWN_LIMIT,
    SECTION_LIMIT,
    Block,
    context,
    markdown,
    section,
)

Body = dict[str, Any]

REHEARSAL: Final = "REHEARSAL"
_LATER: Final = "Sleepless is still at it; the answer follows here."
_APOLOGY: Final = (
    "Something went wrong inside Sleepless (error {error_id}), and it may not have been done. Look"
    " with /tasks before you try again; the log has the whole story under that id."
)
#: an escaped & that would be read as one, too, if it stood there alone
_NEEDLESS: Final = re.compile(r"&amp;(?!(?:amp|lt|gt);)")


def body_of(reply: Reply | None) -> Body:
    """`text` is the reply's, escaped and otherwise to the letter; blocks only where it needs them.

    Empty where there is nothing to say.
    """
    if reply is None or not reply.text:
        return {}
    text = _escaped(reply.text)
    if not reply.rehearsal and reply.markdown is None:
        return {"text": text}
    return {"text": text, "blocks": _blocks(text, reply)}


def plain_body(text: str) -> Body:
    return {"text": _escaped(text)}


def _escaped(text: str) -> str:
    """Only what has to be: a reply with a lone & in it arrives byte for byte."""
    return _NEEDLESS.sub("&", words.escape(text))


def later() -> Body:
    return {"text": _LATER}


def apology() -> Body:
    return {"text": apology_text()}


def apology_text() -> str:
    """Names the request's correlation id, under which the log has the traceback."""
    error_id = get_contextvars().get("correlation_id", "unknown")
    return _APOLOGY.format(error_id=error_id)


def _blocks(text: str, reply: Reply) -> list[Block]:
    blocks = [section(part, f"answer:{n}") for n, part in enumerate(_parts(text))]
    if reply.markdown is not None:
        said = words.neutralise(reply.markdown)
        blocks.append(markdown(words.clipped(said, MARKDOWN_LIMIT), "answer:markdown"))
    if reply.rehearsal:
        blocks.append(context(f"*{REHEARSAL}*", "answer:rehearsal"))
    return blocks


def _parts(text: str) -> list[str]:
    """As many as a section's limit asks for, cut between lines where there are any."""
    parts = [""]
    for line in text.splitlines(keepends=True):
        for piece in _pieces(line):
            if len(parts[-1]) + len(piece) > SECTION_LIMIT // 2:
                parts.append("")
            parts[-1] += piece
    return [part for part in parts if part.strip()]


def _pieces(line: str) -> list[str]:
    # half the limit: Slack counts an emoji as two
    size = SECTION_LIMIT // 2
    return [line[at : at + size] for at in range(0, len(line), size)]
