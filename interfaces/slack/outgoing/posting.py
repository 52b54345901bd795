"""One message to Slack: posted, looked for, edited. What is known afterwards is a value.

Whether a message stands is asked of Slack by its metadata, which carries our key for it and when
the letter was put; a file by the ID that Slack gave it before it was shared.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import structlog
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from core.models import Message
from interfaces.slack.outgoing.trouble import Meaning, Trouble, ask
from interfaces.slack.rendering.blocks import Block

log = structlog.get_logger(__name__)

EVENT_TYPE: Final = "sleepless_message"
#: our clock and Slack's may differ by so much
CLOCK_SKEW: Final = timedelta(minutes=1)
#: messages a page, and pages, that are looked through for one of ours
PAGE, PAGES = 200, 20
#: characters that Slack takes whatever else was wrong with a text
SAFE_LENGTH: Final = 3_500
#: answers to "is it there" after which only posting tells
_CANNOT_LOOK: Final = frozenset({Meaning.REFUSED, Meaning.NO_PLACE, Meaning.NO_MESSAGE})


@dataclass(frozen=True, slots=True)
class Content:
    text: str
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stands:
    """It stands in the conversation."""

    channel: str
    #: None: Slack did not say, as for files
    ts: str | None


class Posting:
    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def open_direct(self, user: str) -> str | Trouble:
        """The conversation with that person."""
        answer = await ask(self._client.conversations_open(users=user))
        return answer if isinstance(answer, Trouble) else str(answer["channel"]["id"])

    async def post(self, letter: Message, content: Content) -> Stands | Trouble:
        """Rather without its blocks than not at all."""
        answer = await self._post(letter, content.text, content.blocks)
        if isinstance(answer, Trouble) and answer.meaning is Meaning.TOO_MUCH:
            log.error("slack.blocks_refused", key=letter.key, error=answer.word)
            answer = await self._post(letter, _safe(content.text), [])
        if isinstance(answer, Trouble):
            return answer
        return Stands(str(answer["channel"]), str(answer["ts"]))

    async def edit(self, card: Message, content: Content) -> Trouble | None:
        answer = await self._edit(card, content.text, content.blocks)
        if isinstance(answer, Trouble) and answer.meaning is Meaning.TOO_MUCH:
            log.error("slack.blocks_refused", key=card.key, error=answer.word)
            answer = await self._edit(card, _safe(content.text), [])
        return answer if isinstance(answer, Trouble) else None

    async def find(self, letter: Message) -> Stands | Trouble | None:
        """Look for a message that may have arrived; None: it has not.

        Where Slack does not let us look, it counts as not arrived: rather twice than never.
        """
        pages = 0
        async for page in self._pages(letter):
            if isinstance(page, Trouble):
                return self._blind(letter, page)
            for message in page.get("messages") or []:
                if is_it(letter, message):
                    return Stands(letter.channel, str(message["ts"]))
            pages += 1
        if pages >= PAGES:
            log.warning("slack.maybe_twice", key=letter.key, error="too much was said since")
        return None

    async def _pages(self, letter: Message) -> AsyncIterator[AsyncSlackResponse | Trouble]:
        cursor: str | None = None
        for _ in range(PAGES):
            page = await self._page(letter, cursor)
            yield page
            if isinstance(page, Trouble):
                return
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return

    async def _page(self, letter: Message, cursor: str | None) -> AsyncSlackResponse | Trouble:
        since = f"{(letter.created_at - CLOCK_SKEW).timestamp():.6f}"
        wanted: dict[str, Any] = {
            "channel": letter.channel,
            "oldest": since,
            "include_all_metadata": True,
            "limit": PAGE,
            "cursor": cursor,
        }
        if letter.thread_ts:
            thread = self._client.conversations_replies(ts=letter.thread_ts, **wanted)
            return await ask(thread)
        return await ask(self._client.conversations_history(**wanted))

    @staticmethod
    def _blind(letter: Message, trouble: Trouble) -> Trouble | None:
        if trouble.meaning is Meaning.NO_THREAD:
            return None
        if trouble.meaning in _CANNOT_LOOK:
            log.warning("slack.maybe_twice", key=letter.key, error=trouble.word)
            return None
        return trouble

    async def _post(
        self, letter: Message, text: str, blocks: list[Block]
    ) -> AsyncSlackResponse | Trouble:
        return await ask(
            self._client.chat_postMessage(
                channel=letter.channel,
                thread_ts=letter.thread_ts,
                text=text,
                blocks=blocks or None,
                metadata=metadata_of(letter),
                unfurl_links=False,
                unfurl_media=False,
            )
        )

    async def _edit(
        self, card: Message, text: str, blocks: list[Block]
    ) -> AsyncSlackResponse | Trouble:
        return await ask(
            # an empty list takes away what stood there
            self._client.chat_update(
                channel=card.channel, ts=card.ts or "", text=text, blocks=blocks
            )
        )


def metadata_of(letter: Message) -> dict[str, Any]:
    """`put_at` tells it from one that another database of ours may have posted under this key."""
    payload = {"key": letter.key, "put_at": letter.created_at.isoformat()}
    return {"event_type": EVENT_TYPE, "event_payload": payload}


def is_it(letter: Message, message: dict[str, Any]) -> bool:
    if file_id := file_id_of(letter):
        return any(file.get("id") == file_id for file in message.get("files") or [])
    metadata = message.get("metadata") or {}
    return metadata.get("event_type") == EVENT_TYPE and (
        metadata.get("event_payload") == metadata_of(letter)["event_payload"]
    )


def file_id_of(letter: Message) -> str | None:
    """Of a file that was uploaded and may have been shared."""
    return ((letter.payload or {}).get("file") or {}).get("id")


def _safe(text: str) -> str:
    return text if len(text) <= SAFE_LENGTH else text[:SAFE_LENGTH] + " …"
