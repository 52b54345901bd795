"""The server itself: one port for the Web API, the websocket, uploads and late answers."""

from types import TracebackType
from typing import Self

from aiohttp import web

from core.clock import Clock
from fake_slack.envelopes import Envelopes
from fake_slack.faults import Faults, Hold, ratelimited
from fake_slack.people import People
from fake_slack.response_urls import ResponseUrls
from fake_slack.values import Ack, Refused, When, always
from fake_slack.web_api import WebApi


class FakeSlack(People):
    """A workspace with one app installed, reachable at `api_url`.

    Lives in the loop that enters it. The app under test is the real one:
    `AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)` → `AsyncApp(client=…)` →
    `AsyncSocketModeHandler(app, slack.app_token)`; as a process it is given `SLACK_API_URL`.
    The SDK takes a proxy from the environment and ignores NO_PROXY: where proxies are set, give
    `client.proxy = None` and `handler.client.proxy = None`, or a process an environment without.
    `clock` decides how long triggers and response URLs live; `seed`, which envelopes come twice.
    """

    def __init__(self, clock: Clock | None = None, *, port: int = 0, seed: int = 0) -> None:
        super().__init__(clock, seed)
        self.port = port
        self.faults = Faults()
        self.envelopes = Envelopes(self)
        self.urls = ResponseUrls(self)
        self._api = WebApi(self, self.faults, self.envelopes)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self._routes(), access_log=None, shutdown_timeout=2.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def _routes(self) -> web.Application:
        app = web.Application(client_max_size=32 * 1024 * 1024)
        app.router.add_route("*", "/api/{method}", self._api.answer)
        app.router.add_post("/upload/{file_id}", self._api.upload)
        app.router.add_post("/response/{key}", self.urls.answer)
        app.router.add_get("/link/", self.envelopes.connect)
        return app

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.faults.release_all()
        self.envelopes.close()
        if self._runner:
            await self._runner.cleanup()

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    # --- connections -------------------------------------------------------------------------

    @property
    def connections(self) -> int:
        return self.envelopes.connections

    @property
    def redeliver(self) -> float:
        """The share of everything that comes a second time although acknowledged."""
        return self.envelopes.redeliver

    @redeliver.setter
    def redeliver(self, share: float) -> None:
        self.envelopes.redeliver = share

    @property
    def patience(self) -> float:
        """Seconds until a missing acknowledgement is an AssertionError."""
        return self.envelopes.patience

    @patience.setter
    def patience(self, seconds: float) -> None:
        self.envelopes.patience = seconds

    async def connected(self, count: int = 1, seconds: float = 10.0) -> None:
        await self.until(lambda: self.connections >= count, f"{count} connections", seconds)

    async def settled(self, seconds: float = 10.0) -> None:
        """Nothing is on its way to the app any more, second deliveries among it."""
        await self.until(
            lambda: not self.envelopes.under_way, "every envelope to be acknowledged", seconds
        )

    async def disconnect(self, reason: str | None = "refresh_requested") -> None:
        """Announced with a reason and closed; without one the cable is pulled."""
        await self.envelopes.disconnect(reason)

    async def again(self, ack: Ack) -> None:
        """Bring the same thing to the app once more."""
        await self.envelopes.again(ack)

    # --- faults ------------------------------------------------------------------------------

    def fail(
        self,
        method: str,
        times: int = 1,
        error: str = "internal_error",
        *,
        retry_after: int = 1,
        status: int = 200,
        when: When = always,
    ) -> None:
        """The next calls fail before any work is done; `when` looks at their arguments."""
        refusal = ratelimited(retry_after) if error == "ratelimited" else Refused(error, status)
        self.faults.fail(method, times, refusal, when)

    def lose_answer(self, method: str, times: int = 1, when: When = always) -> None:
        """The work is done, then the line goes dead; mind that the SDK tries again by itself."""
        self.faults.lose_answer(method, times, when)

    def hold(self, method: str, when: When = always) -> Hold:
        """The next call waits before any work is done; see `Hold`."""
        return self.faults.hold(method, when)
