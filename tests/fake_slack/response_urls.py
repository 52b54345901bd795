"""Where an app answers later: up to five times within half an hour."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from fake_slack.chat_methods import content
from fake_slack.registry import flag
from fake_slack.values import Ephemeral, Json, Refused, SlackMessage
from fake_slack.workspace import Workspace

LIFE = timedelta(minutes=30)
USES = 5


@dataclass(slots=True, eq=False)
class ResponseUrl:
    channel: str
    user: str
    begun: datetime
    #: what was clicked, if that is what offered the URL
    message: SlackMessage | None = None
    envelope_id: str = ""
    uses: int = 0


class ResponseUrls:
    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._offered: dict[str, ResponseUrl] = {}

    def offer(self, channel: str, user: str, message: SlackMessage | None = None) -> str:
        key = secrets.token_hex(8)
        now = self._workspace.clock.now()
        self._offered[key] = ResponseUrl(channel, user, now, message)
        return f"{self._workspace.url}/response/{key}"

    def belongs(self, url: str, envelope_id: str) -> None:
        self._offered[url.rpartition("/")[2]].envelope_id = envelope_id

    async def answer(self, request: web.Request) -> web.Response:
        try:
            self._take(request.match_info["key"], await request.json())
        except Refused as refused:
            status = 404 if refused.error == "expired_url" else 400
            return web.json_response({"ok": False, "error": refused.error}, status=status)
        return web.json_response({"ok": True})

    def _take(self, key: str, body: Json) -> None:
        offered = self._offered.get(key)
        now = self._workspace.clock.now()
        if offered is None or offered.uses >= USES or now - offered.begun > LIFE:
            raise Refused("expired_url")
        self._show(offered, body)
        offered.uses += 1
        self._workspace.answered(offered.envelope_id, body)

    def _show(self, offered: ResponseUrl, body: Json) -> None:
        if flag(body, "delete_original"):
            if offered.message:
                offered.message.deleted = True
            return
        text, blocks = content(body)
        if flag(body, "replace_original") and offered.message:
            offered.message.edits.append((offered.message.text, offered.message.blocks))
            offered.message.text, offered.message.blocks = text, blocks
        elif body.get("response_type") == "in_channel":
            self._workspace.speak(offered.channel, text, blocks, body.get("thread_ts"))
        else:
            thread_ts = body.get("thread_ts")
            shown = Ephemeral(offered.channel, offered.user, text, blocks, thread_ts)
            self._workspace.ephemerals.append(shown)
