"""Socket Mode: connections, envelopes and their acknowledgements."""

import asyncio
import secrets
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiohttp import WSMsgType, web

from fake_slack.values import Ack, Json
from fake_slack.workspace import Workspace

#: more than anybody opens
MOST_CONNECTIONS = 10


@dataclass(slots=True, eq=False)
class Connection:
    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    id: int


@dataclass(slots=True, eq=False)
class Delivery:
    """One thing that happened, however often it is brought to the app."""

    ack: Ack
    accepts: bool
    begun: float
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    #: brought again although acknowledged, or not yet
    again: bool = False


@dataclass(slots=True, eq=False)
class Flight:
    delivery: Delivery
    connection: Connection
    attempt: int


class Envelopes:
    """Brings what happens to whoever is connected, until it is acknowledged.

    What was on its way when a connection died is brought again over the next one, in an envelope
    of its own, as is the share `redeliver` of everything, though it was acknowledged.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.redeliver = 0.0
        #: real Slack brings only events again; the others are for the torture
        self.resend_lost = {"events_api", "slash_commands", "interactive"}
        #: seconds in which an app acknowledges whatever else the machine does
        self.patience = 10.0
        self._connections: list[Connection] = []
        self._tickets: set[str] = set()
        self._flights: dict[str, Flight] = {}
        self._waiting: deque[tuple[Delivery, int]] = deque()
        self._turn, self._numbers = count(), count(1)
        self._closed = False

    @property
    def connections(self) -> int:
        return len(self._connections)

    @property
    def under_way(self) -> int:
        """Envelopes nobody has acknowledged yet, those that wait for a connection among them."""
        return len(self._flights) + len(self._waiting)

    def ticket(self) -> str:
        """Good for one connection."""
        made = secrets.token_hex(8)
        self._tickets.add(made)
        return made

    # --- bringing ----------------------------------------------------------------------------

    async def deliver(self, ack: Ack, *, accepts: bool) -> Ack:
        """Answers when it is acknowledged."""
        delivery = Delivery(ack, accepts, asyncio.get_running_loop().time())
        twin, early = self._chance(self.redeliver), self._chance(0.5)
        await self._send(delivery)
        if twin and early:
            await self._send(delivery, attempt=1)
        await self._acknowledged(delivery)
        if twin and not early:
            await self._send(delivery, attempt=1)
        return delivery.ack

    async def drop(self, ack: Ack) -> None:
        """An event nobody waits for."""
        await self._send(Delivery(ack, accepts=False, begun=asyncio.get_running_loop().time()))

    async def again(self, ack: Ack) -> None:
        """Bring the same thing once more, as a double click or a retry does."""
        before = len(ack.answers)
        twin = Delivery(ack, ack.type != "events_api", asyncio.get_running_loop().time())
        await self._send(twin, attempt=1)
        await self._workspace.until(lambda: len(ack.answers) > before, f"a second {ack.type}")

    def _chance(self, share: float) -> bool:
        return self._workspace.random.random() < share

    async def _acknowledged(self, delivery: Delivery) -> None:
        ack = delivery.ack
        try:
            async with asyncio.timeout(self.patience):
                await delivery.acknowledged.wait()
        except TimeoutError:
            message = (
                f"envelope {ack.envelope_id} ({ack.type}: {_title(ack.request)}) was not"
                f" acknowledged in {self.patience:g} s; it was delivered {ack.deliveries} times"
                f" and {self.connections} connections are open"
            )
            raise AssertionError(message) from None

    async def _send(self, delivery: Delivery, attempt: int = 0) -> None:
        if not self._connections:
            self._waiting.append((delivery, attempt))
            return
        connection = self._connections[next(self._turn) % len(self._connections)]
        ack = delivery.ack
        envelope_id = new_envelope_id() if ack.deliveries else ack.envelope_id
        ack.deliveries += 1
        self._flights[envelope_id] = Flight(delivery, connection, attempt)
        # a connection that is just dying: whoever tends it finds the flight and sends it again
        with suppress(ConnectionError):
            await connection.socket.send_json(_envelope(envelope_id, delivery, attempt))

    # --- connections -------------------------------------------------------------------------

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """Tend one connection until it ends."""
        self._admit(request)
        socket = web.WebSocketResponse(timeout=1.0)
        await socket.prepare(request)
        connection = Connection(socket, request.transport, next(self._numbers))
        self._connections.append(connection)
        try:
            await self._greet(connection)
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._take(message.json())
        finally:
            await self._ended(connection)
        return socket

    def _admit(self, request: web.Request) -> None:
        ticket = request.query.get("ticket", "")
        if self._workspace.refuse_connections or ticket not in self._tickets:
            raise web.HTTPForbidden(text="not now")
        self._tickets.discard(ticket)
        if len(self._connections) >= MOST_CONNECTIONS:
            raise web.HTTPTooManyRequests(text="too_many_websockets")

    async def _greet(self, connection: Connection) -> None:
        with suppress(ConnectionError):
            await connection.socket.send_json(
                {
                    "type": "hello",
                    "num_connections": self.connections,
                    "debug_info": {"host": "applink-fake", "approximate_connection_time": 18060},
                    "connection_info": {"app_id": self._workspace.app_id},
                }
            )
            await connection.socket.ping(b"Ping from applink-fake")
        waiting, self._waiting = self._waiting, deque()
        for delivery, attempt in waiting:
            await self._send(delivery, attempt)
        self._workspace.changed()

    async def _ended(self, connection: Connection) -> None:
        with suppress(ValueError):  # it was taken out when it was told to go
            self._connections.remove(connection)
        lost = [key for key, flight in self._flights.items() if flight.connection is connection]
        for key in lost:
            flight = self._flights.pop(key)
            if not self._closed and flight.delivery.ack.type in self.resend_lost:
                await self._send(flight.delivery, flight.attempt + 1)
        self._workspace.changed()

    def _take(self, message: Json) -> None:
        """An acknowledgement; the app may send it over another connection than it was asked on."""
        flight = self._flights.pop(str(message.get("envelope_id")), None)
        if flight is None:
            return
        delivery, ack = flight.delivery, flight.delivery.ack
        ack.answers.append(message.get("payload"))
        if not delivery.acknowledged.is_set():
            ack.payload = message.get("payload") if len(ack.answers) == 1 else ack.payload
            ack.seconds = ack.seconds or asyncio.get_running_loop().time() - delivery.begun
            delivery.acknowledged.set()
        self._workspace.changed()

    async def disconnect(self, reason: str | None) -> None:
        """With a reason it is announced and closed properly; without, the cable is pulled."""
        leaving, self._connections = self._connections, []
        for connection in leaving:
            if reason is None:
                self._abort(connection)
            else:
                farewell: Json = {"type": "disconnect", "reason": reason}
                with suppress(ConnectionError):
                    await connection.socket.send_json(farewell | {"debug_info": {"host": "fake"}})
                    await connection.socket.close()

    def close(self) -> None:
        self._closed = True
        for connection in self._connections:
            self._abort(connection)

    @staticmethod
    def _abort(connection: Connection) -> None:
        if connection.transport:
            connection.transport.abort()


def new_envelope_id() -> str:
    return f"{secrets.token_hex(4)}-{secrets.token_hex(2)}-{secrets.token_hex(6)}"


def _envelope(envelope_id: str, delivery: Delivery, attempt: int) -> Json:
    envelope: Json = {
        "envelope_id": envelope_id,
        "type": delivery.ack.type,
        "payload": delivery.ack.request,
        "accepts_response_payload": delivery.accepts,
    }
    if delivery.ack.type == "events_api":
        envelope |= {"retry_attempt": attempt, "retry_reason": "timeout" if attempt else ""}
    return envelope


def _title(payload: Json) -> Any:
    """What it is about, for the message of a test that waits in vain."""
    event = payload.get("event", {})
    return payload.get("command") or event.get("type") or payload.get("type")
