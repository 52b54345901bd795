"""The few block types that our messages are made of.

Only long-established ones: a block that Slack does not know loses the whole message. Texts in
mrkdwn are `verbatim`, so that Slack makes no link of `setup.py` and no mention of `@here`.
"""

from typing import Any, Final

Block = dict[str, Any]

#: Slack counts a character outside the basic plane as two
MARKDOWN_LIMIT: Final = 12_000
SECTION_LIMIT: Final = 3_000
HEADER_LIMIT: Final = 150


def units(text: str) -> int:
    """The length of a text as Slack counts it."""
    return len(text.encode("utf-16-le", errors="replace")) // 2


def section(text: str, block_id: str) -> Block:
    return {"type": "section", "block_id": block_id, "text": mrkdwn(text)}


def context(text: str, block_id: str) -> Block:
    return {"type": "context", "block_id": block_id, "elements": [mrkdwn(text)]}


def markdown(text: str, block_id: str) -> Block:
    """Standard Markdown, for what a model wrote; a message may hold MARKDOWN_LIMIT of it."""
    return {"type": "markdown", "block_id": block_id, "text": text}


def actions(buttons: list[Block], block_id: str) -> Block:
    return {"type": "actions", "block_id": block_id, "elements": buttons}


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": True}
