"""The model API of a rehearsal: a server on loopback that answers from a playbook.

It speaks the Messages dialect as far as the agent program uses it: streamed and whole answers,
errors in the API's shape, usage where the real one reports it. It counts every dollar it
answered, so that what a run was charged can be compared with what the API sold.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import structlog
from aiohttp import web

from core.clock import Clock, SystemClock
from core.money import Nano
from execution import prices
from execution.rehearsal import wire
from execution.rehearsal.conversation import turns_of
from execution.rehearsal.directives import directed_play
from execution.rehearsal.exchange import Call, Exchange
from execution.rehearsal.playbook import (
    Answer,
    Fault,
    Place,
    Play,
    Playbook,
    Refusal,
    Step,
    Tokens,
)
from execution.rehearsal.plays import REHEARSAL_PLAYS, generic_play

log = structlog.get_logger(__name__)

#: a request carries the whole conversation; the real API stops at 32 MB
MAX_REQUEST_BYTES = 32 << 20
#: an answer to a request that offers no tools, such as one for a title, is no step of a play
ASIDE = Answer("Rehearsed conversation", spends=Tokens(input=100, output=5))
_BYTES_PER_TOKEN = 4


class ScriptedModel:
    """`async with ScriptedModel() as model:` serves at `model.url` until the block ends."""

    def __init__(
        self,
        plays: Sequence[Play] = REHEARSAL_PLAYS,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self.calls: list[Call] = []
        self.url = ""
        self._book = Playbook(plays, directed_play, generic_play)
        self._address = (host, port)
        self._clock = clock or SystemClock()
        self._runner: web.AppRunner | None = None
        self._attempts: Counter[tuple[str, str, int]] = Counter()
        self._released = asyncio.Event()
        self._changed = asyncio.Condition()

    async def start(self) -> str:
        """Answers with the base URL, to be given to the agent program."""
        # without handler_cancellation a hung answer would outlive the client that went
        self._runner = web.AppRunner(
            self._application(), handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        host, port = self._address
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Breaks off what is still being answered; stopping twice is fine."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def calls_for(self, marker: str) -> list[Call]:
        """Those whose prompt contains the marker, in the order in which they came."""
        return [call for call in self.calls if marker in call.prompt]

    def served_nano(self, marker: str = "") -> Nano:
        """The dollars answered so far, for all prompts or those that contain the marker."""
        return Nano(sum(call.cost for call in self.calls_for(marker)))

    async def called(self, count: int = 1, marker: str = "") -> Call:
        """Waits until that many calls for the marker have begun their answers; the last of them."""

        def begun() -> list[Call]:
            return [call for call in self.calls_for(marker) if call.status]

        async with self._changed:
            await self._changed.wait_for(lambda: len(begun()) >= count)
        return begun()[count - 1]

    def release(self) -> None:
        """Lets every answer that hangs or takes its time now come to its end."""
        self._released.set()
        self._released = asyncio.Event()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_REQUEST_BYTES)
        app.router.add_post("/v1/messages", self._messages)
        app.router.add_post("/v1/messages/count_tokens", _count_tokens)
        app.router.add_get("/", _alive)  # and HEAD, with which the program warms its connection
        app.router.add_route("*", "/{path:.*}", _nothing_here)
        return app

    async def _messages(self, http: web.Request) -> web.StreamResponse:
        body = await _body_of(http)
        place = self._book.place(turns_of(body["messages"]))
        exchange = self._exchange(http, body, place)
        return await exchange.answer(self._step_for(exchange, place))

    def _exchange(self, http: web.Request, body: dict[str, Any], place: Place) -> Exchange:
        call = Call(
            at=self._clock.now(),
            model=body["model"],
            prompt=place.prompt,
            play=place.play.name,
            position=place.position,
        )
        self.calls.append(call)
        log.debug("model.called", model=call.model, play=call.play, position=call.position)
        return Exchange(
            http=http,
            body=body,
            call=call,
            message_id=f"rehearsal_{len(self.calls):06d}",
            clock=self._clock,
            released=self._released,
            begun=self._tell,
        )

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _step_for(self, exchange: Exchange, place: Place) -> Step:
        if not _has_key(exchange.http):
            return Refusal(401)
        if not prices.known(exchange.call.model):
            return Refusal(404, f"model: {exchange.call.model}")
        match place.step:
            case Answer(tools=[_, *_]) if not exchange.body.get("tools"):
                return ASIDE
            case Answer(faults=[_, *_] as faults):
                return self._next_fault(place, faults) or place.step
            case step:
                return step

    def _next_fault(self, place: Place, faults: Sequence[Fault]) -> Fault | None:
        met = self._attempts[place.attempted]
        self._attempts[place.attempted] += 1
        return faults[met] if met < len(faults) else None


def _has_key(http: web.Request) -> bool:
    return bool(http.headers.get("x-api-key") or http.headers.get("authorization"))


async def _body_of(http: web.Request) -> dict[str, Any]:
    """Raises the API's own 400 for what is no request for a message."""
    try:
        body = json.loads(await http.read())
    except ValueError:
        raise _bad_request("The request body is not valid JSON.") from None
    match body:
        case {"model": str(), "max_tokens": int(), "messages": [_, *_]}:
            return dict(body)
        case _:
            raise _bad_request("model, max_tokens and messages are required")


def _bad_request(problem: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(
        text=json.dumps(wire.error_body(Refusal(400, problem))), content_type="application/json"
    )


async def _count_tokens(http: web.Request) -> web.Response:
    return web.json_response({"input_tokens": len(await http.read()) // _BYTES_PER_TOKEN})


async def _alive(_: web.Request) -> web.Response:
    return web.Response(text="The scripted model of a rehearsal.\n")


async def _nothing_here(http: web.Request) -> web.Response:
    return web.json_response(wire.error_body(Refusal(404, http.path)), status=404)
