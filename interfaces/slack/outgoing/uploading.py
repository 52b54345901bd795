"""A file to Slack, in three steps, of which only the last is seen by anybody.

So whatever goes wrong before it, the upload simply begins anew. What the last one did, when its
answer got lost, is told by the file's ID, which is written down before (see `posting.find`).
"""

from typing import Any, Final

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from core.models import Message
from interfaces.slack.outgoing.posting import Stands, file_id_of
from interfaces.slack.outgoing.trouble import Meaning, Trouble, ask, trouble_of

_OK: Final = 200
#: Slack takes no empty file
_NOTHING: Final = "(empty)"


class Uploading:
    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def upload(self, file: dict[str, Any]) -> str | Trouble:
        """Bring the bytes there; answers the file's ID. Nobody sees it yet."""
        content = (str(file.get("content") or "") or _NOTHING).encode()
        place = await ask(
            self._client.files_getUploadURLExternal(
                filename=str(file["name"]),
                length=len(content),
                snippet_type=file.get("snippet_type"),
            )
        )
        if isinstance(place, Trouble):
            return _unseen(place)
        trouble = await self._bring(str(place["upload_url"]), content)
        return trouble or str(place["file_id"])

    async def share(self, letter: Message) -> Stands | Trouble:
        payload = letter.payload or {}
        answer = await ask(
            self._client.files_completeUploadExternal(
                files=[{"id": file_id_of(letter) or "", "title": payload["file"]["title"]}],
                channel_id=letter.channel,
                thread_ts=letter.thread_ts,
                initial_comment=payload.get("text") or None,
            )
        )
        return answer if isinstance(answer, Trouble) else Stands(letter.channel, None)

    async def _bring(self, url: str, content: bytes) -> Trouble | None:
        # the client's own way to do this is private, and says less when it fails
        session = self._client.session
        try:
            if session is not None and not session.closed:
                return await _send(session, url, content, self._client.proxy)
            async with aiohttp.ClientSession() as own:
                return await _send(own, url, content, self._client.proxy)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _unseen(trouble_of(error))


async def _send(
    session: aiohttp.ClientSession, url: str, content: bytes, proxy: str | None
) -> Trouble | None:
    async with session.post(url, data=content, proxy=proxy) as answer:
        if answer.status == _OK:
            return None
        return Trouble(Meaning.UNREACHED, f"upload_http_{answer.status}")


def _unseen(trouble: Trouble) -> Trouble:
    """Nothing stands anywhere, even where nobody knows what Slack did."""
    if trouble.meaning is Meaning.UNKNOWN:
        return Trouble(Meaning.UNREACHED, trouble.word)
    return trouble
