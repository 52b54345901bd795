"""One request for a message and its answer over HTTP: streamed, whole, refused or broken off."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from core.clock import Clock
from core.money import ZERO, Nano
from execution.rehearsal import wire
from execution.rehearsal.conversation import working_directory
from execution.rehearsal.playbook import Answer, Drop, Hang, Refusal, Step, Tokens
from execution.rehearsal.pricing import clamped, price_of, tokens_for

#: seconds between two pings of an answer that takes its time; the real API sends them too
PING_SECONDS = 1.0
NOTHING_YET = Tokens(output=0)
#: how a hanging or breaking answer begins, and how it ends if it is released
STANDSTILL = Answer("Working on it.", spends=Tokens(input=1000, output=20))


@dataclass(slots=True)
class Call:
    """One request for a message, and what was answered until now."""

    at: datetime
    model: str
    #: the task text that placed it in a play
    prompt: str
    play: str
    position: int
    #: HTTP status; 0 until the answer begins
    status: int = 0
    #: what the client has been told so far, and what that costs
    tokens: Tokens = NOTHING_YET
    cost: Nano = ZERO
    #: True once the last byte of the answer is written
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    http: web.Request
    body: dict[str, Any]
    call: Call
    message_id: str
    clock: Clock
    #: set when an answer that hangs or takes its time shall come to its end
    released: asyncio.Event
    #: told when the answer begins
    begun: Callable[[], Awaitable[None]]

    async def answer(self, step: Step) -> web.StreamResponse:
        streams = bool(self.body.get("stream"))
        match step:
            case Refusal():
                return await self._refuse(step)
            case Drop():
                return await self._drop()
            case Hang() if streams:
                return await self._stream(STANDSTILL, wait=None)
            case Hang():
                return await self._whole(STANDSTILL, wait=None)
            case Answer() if streams:
                return await self._stream(step, wait=step.seconds)
            case Answer():
                return await self._whole(step, wait=step.seconds)

    async def _refuse(self, refusal: Refusal) -> web.Response:
        await self._begin(refusal.status)
        self.call.finished = True
        headers = wire.error_headers(refusal) | self._headers()
        return web.json_response(wire.error_body(refusal), status=refusal.status, headers=headers)

    async def _stream(self, answer: Answer, *, wait: float | None) -> web.StreamResponse:
        """`wait` is how long the stream stands open before it goes on; None: until released."""
        tokens = self._tokens(answer)
        response = await self._open(tokens)
        await self._pause(response, wait)
        for event in wire.block_events(self._blocks(answer)):
            await response.write(wire.encode(event))
        for event in wire.end(wire.stop_reason(answer), tokens):
            await response.write(wire.encode(event))
        self._sell(tokens)
        await response.write_eof()
        self.call.finished = True
        return response

    async def _open(self, tokens: Tokens) -> web.StreamResponse:
        headers = {"content-type": "text/event-stream; charset=utf-8"} | self._headers()
        response = web.StreamResponse(headers=headers)
        await response.prepare(self.http)
        start = wire.start(self.message_id, self.call.model, tokens)
        await response.write(wire.encode(start))
        self._sell(wire.at_start(tokens))
        await self._begin(response.status)
        return response

    async def _pause(self, response: web.StreamResponse, wait: float | None) -> None:
        """A slow answer pings, as the real API does; a hanging one is as silent as a dead line."""
        if wait is None:
            await self.released.wait()
            return
        until = self.clock.monotonic() + wait
        while (left := until - self.clock.monotonic()) > 0 and not self.released.is_set():
            await _event_or(self.released, min(left, PING_SECONDS))
            await response.write(wire.encode({"type": "ping"}))

    async def _drop(self) -> web.StreamResponse:
        response = await self._open(self._tokens(STANDSTILL))
        if self.http.transport is not None:
            self.http.transport.close()  # flushes what is written, says no last chunk
        return response

    async def _whole(self, answer: Answer, *, wait: float | None) -> web.Response:
        tokens = self._tokens(answer)
        await self._begin(200)
        await _event_or(self.released, wait)
        reason = wire.stop_reason(answer)
        message = wire.message(self.message_id, self.call.model, self._blocks(answer), reason)
        self._sell(tokens)
        self.call.finished = True
        return web.json_response(message | {"usage": wire.usage(tokens)}, headers=self._headers())

    def _blocks(self, answer: Answer) -> list[wire.Event]:
        return wire.content(answer, self.message_id, working_directory(self.body))

    def _tokens(self, answer: Answer) -> Tokens:
        return clamped(tokens_for(self.call.model, answer.spends), self.body["max_tokens"])

    def _sell(self, tokens: Tokens) -> None:
        self.call.tokens = tokens
        self.call.cost = price_of(self.call.model, tokens)

    async def _begin(self, status: int) -> None:
        self.call.status = status
        await self.begun()

    def _headers(self) -> dict[str, str]:
        return {"request-id": f"req_{self.message_id}"}


async def _event_or(event: asyncio.Event, seconds: float | None) -> None:
    if seconds == 0:
        return
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
