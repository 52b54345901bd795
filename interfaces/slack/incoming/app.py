"""The app: who may, what was meant, and an acknowledgement in time whatever happens."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from interfaces.slack.incoming import buttons, commands, conversations, forms, gate, home
from interfaces.slack.incoming.office import Office

log = structlog.get_logger(__name__)

#: seconds; the desk is faster, this is for a listener that does without it
_LATEST: Final = 2.5


def build(office: Office) -> AsyncApp:
    """Belongs inside the running loop."""
    app = _PunctualApp(office)
    for module in (gate, commands, buttons, conversations, forms, home):
        module.register(app, office)
    return app


class _PunctualApp(AsyncApp):
    """Answers Slack within its three seconds; what takes longer goes on behind it."""

    def __init__(self, office: Office) -> None:
        self._office = office
        chatter = logging.getLogger("slack_bolt.AsyncApp")
        chatter.addFilter(_silent)  # it warns that the token is not used; we mean that
        try:
            # process_before_response: the acknowledgement leaves when our listener has returned,
            # so an event whose process dies over it is delivered again. We say who we are
            # ourselves: bolt would ask Slack at the first request, and hold it up
            super().__init__(
                client=office.client,
                authorize=_who_we_are(office),
                process_before_response=True,
                request_verification_enabled=False,
                attaching_conversation_kwargs_enabled=False,
                raise_error_for_unhandled_request=True,
            )
        finally:
            chatter.removeFilter(_silent)

    async def async_dispatch(self, req: AsyncBoltRequest) -> BoltResponse:
        dispatch = self._office.desk.spawn_result(super().async_dispatch(req), "slack-dispatch")
        await asyncio.wait({dispatch}, timeout=_LATEST)
        if dispatch.done():
            return dispatch.result()
        log.warning("slack.late", seconds=_LATEST)
        return BoltResponse(status=200, body="")


def _silent(_: logging.LogRecord) -> bool:
    return False


def _who_we_are(office: Office) -> Callable[[], Awaitable[AuthorizeResult]]:
    identity = office.identity

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None,
            team_id=identity.team_id,
            bot_user_id=identity.bot_user,
            bot_id=identity.bot_id,
            bot_token=office.client.token,
        )

    return authorize
