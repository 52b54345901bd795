"""The Web API over HTTP: reads a request, lets the faults at it, does the work, answers."""

from typing import Any

from aiohttp import web

import fake_slack.chat_methods
import fake_slack.conversation_methods
import fake_slack.team_methods
import fake_slack.view_methods  # noqa: F401 - they register themselves
from fake_slack.envelopes import Envelopes
from fake_slack.events import Events
from fake_slack.faults import Faults, Pace
from fake_slack.registry import METHODS
from fake_slack.scopes import SCOPES
from fake_slack.values import Call, Json, Refused


class WebApi:
    def __init__(self, workspace: Events, faults: Faults, envelopes: Envelopes) -> None:
        self._workspace, self._faults, self._envelopes = workspace, faults, envelopes
        self._pace = Pace()

    async def answer(self, request: web.Request) -> web.Response:
        name, args = request.match_info["method"], await _arguments(request)
        token = _token(request, args)
        self._workspace.calls.append(Call(name, args, self._workspace.clock.now()))
        self._workspace.changed()
        try:
            self._faults.strike(name, args)
            if not await self._faults.stand(name, args):
                return _dropped(request)
            body: Json = {"ok": True} | self._work(name, token, args)
        except Refused as refused:
            return self._no(refused)
        if self._workspace.echo and name == "chat.postMessage":
            await self._workspace.tell_of_own(body["channel"], body["ts"])
        if self._faults.swallows(name, args):
            return _dropped(request)
        return web.json_response(body, headers=self._headers())

    def _work(self, name: str, token: str, args: Json) -> Json:
        if name == "apps.connections.open":
            return self._open_connection(token)
        self._authenticate(token)
        if name not in METHODS:
            raise Refused("unknown_method", req_method=name)
        self._workspace.need(SCOPES[name])
        if self._workspace.enforce_pace:
            self._pace.check(name, args, self._workspace.clock.now())
        return METHODS[name](self._workspace, args)

    def _authenticate(self, token: str) -> None:
        if not token:
            raise Refused("not_authed")
        if token == self._workspace.app_token:
            raise Refused("not_allowed_token_type")
        if self._workspace.wrong_bot_token or token != self._workspace.bot_token:
            raise Refused("invalid_auth")

    def _open_connection(self, token: str) -> Json:
        if not token:
            raise Refused("not_authed")
        if token == self._workspace.bot_token:
            raise Refused("not_allowed_token_type")
        if self._workspace.wrong_app_token or token != self._workspace.app_token:
            raise Refused("invalid_auth")
        if self._workspace.refuse_connections:
            raise Refused("internal_error")
        host = self._workspace.url.replace("http://", "ws://")
        return {"url": f"{host}/link/?ticket={self._envelopes.ticket()}"}

    def _headers(self) -> dict[str, str]:
        return {"x-oauth-scopes": ",".join(sorted(self._workspace.scopes))}

    def _no(self, refused: Refused) -> web.Response:
        facts, headers = dict(refused.facts), self._headers()
        if "retry_after" in facts:
            headers["Retry-After"] = str(facts.pop("retry_after"))
        if refused.status >= 500:
            return web.Response(status=refused.status, text="<html>", content_type="text/html")
        body = {"ok": False, "error": refused.error} | facts
        return web.json_response(body, status=refused.status, headers=headers)

    async def upload(self, request: web.Request) -> web.Response:
        """Step two of three: the bytes."""
        file = self._workspace.uploads.get(request.match_info["file_id"])
        content = await _content(request)
        if file is None or len(content) != file.length:
            return web.Response(status=400, text="ERROR - wrong length or file")
        file.content, file.uploaded = content, True
        self._workspace.changed()
        return web.Response(text=f"OK - {len(content)}")


async def _arguments(request: web.Request) -> Json:
    args: Json = dict(request.query)
    if request.content_type == "application/json":
        return args | dict(await request.json())
    return args | dict(await request.post())


async def _content(request: web.Request) -> bytes:
    """Bare, or the one file of a form."""
    if request.content_type != "multipart/form-data":
        return await request.read()
    parts: list[Any] = list((await request.post()).values())
    return bytes(parts[0].file.read()) if parts else b""


def _token(request: web.Request, args: Json) -> str:
    given = str(args.pop("token", ""))
    return request.headers.get("Authorization", "").removeprefix("Bearer ").strip() or given


def _dropped(request: web.Request) -> web.Response:
    """The line goes dead before an answer."""
    if request.transport:
        request.transport.abort()
    return web.Response()
