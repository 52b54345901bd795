"""Who we are to Slack: both tokens are tried before anything is built on them.

The SDK's own connect() asks for an address for ever, also with a token that is wrong; so we ask
first, and tell apart what a person must mend from what passes by itself.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from interfaces.slack.connecting.tokens import APP, BOT, Refused, Tokens, how_to_get

#: Slack's words for a token that no repetition mends
_NO_SUCH_TOKEN: Final = frozenset({"invalid_auth", "not_authed"})
_NO_LONGER: Final = frozenset(
    {"account_inactive", "token_expired", "token_revoked", "user_removed"}
)
_NOT_ALLOWED: Final = frozenset(
    {
        "access_denied",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "forbidden_team",
        "invalid_app",
        "no_permission",
        "not_allowed_token_type",
        "not_enabled",
        "socket_mode_not_enabled",
        "team_access_not_granted",
    }
)
#: what no answer looks like
LOST: Final = (aiohttp.ClientError, TimeoutError, OSError, SlackClientError)


@dataclass(frozen=True, slots=True)
class Identity:
    team_id: str
    team: str
    #: the member ID under which the app speaks
    bot_user: str
    bot_id: str
    #: the app that the app token belongs to, when one can tell
    app_id: str | None
    #: granted to the bot token; None: Slack did not say
    scopes: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Connected:
    """Slack takes both tokens."""

    identity: Identity
    #: where a socket may be opened, once and soon
    url: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Nobody answers, or Slack cannot now: it passes by itself."""

    sentence: str


Introduction = Connected | Refused | Unreachable


async def introduce(client: AsyncWebClient, tokens: Tokens) -> Introduction:
    identity = await ask_bot_token(client, tokens)
    if not isinstance(identity, Identity):
        return identity
    match await ask_app_token(client, tokens):
        case str(url):
            return Connected(identity, url)
        case otherwise:
            return otherwise


async def ask_bot_token(client: AsyncWebClient, tokens: Tokens) -> Identity | Refused | Unreachable:
    try:
        answer = await client.auth_test()
    except LOST as error:
        return _what_is_wrong(BOT, error)
    return Identity(
        team_id=str(answer.get("team_id")),
        team=str(answer.get("team")),
        bot_user=str(answer.get("user_id")),
        bot_id=str(answer.get("bot_id")),
        app_id=tokens.app_id,
        scopes=_scopes(answer),
    )


async def ask_app_token(client: AsyncWebClient, tokens: Tokens) -> str | Refused | Unreachable:
    """The address for one socket."""
    try:
        answer = await client.apps_connections_open(app_token=tokens.app.get_secret_value())
    except LOST as error:
        return _what_is_wrong(APP, error)
    return str(answer.get("url"))


async def other_app(client: AsyncWebClient, identity: Identity) -> Refused | None:
    """Tokens of two apps both work, and nothing ever arrives. None also when one cannot tell."""
    try:
        answer: dict[str, Any] = (await client.bots_info(bot=identity.bot_id)).get("bot") or {}
    except LOST:
        return None
    theirs = answer.get("app_id")
    if not theirs or identity.app_id in (None, theirs):
        return None
    sentence = f"{APP} belongs to the app {identity.app_id} and {BOT} to {theirs}; take both of one"
    return Refused(APP, sentence)


def slack_word(error: BaseException) -> str | None:
    """What Slack calls it, such as `invalid_auth`; None for what is no answer of Slack's."""
    data = getattr(getattr(error, "response", None), "data", None)
    word = data.get("error") if isinstance(data, dict) else None
    return str(word) if word else None


def speaks_of_the_token(error: BaseException) -> bool:
    """An answer to any call that says the token is no good, now or no longer."""
    return slack_word(error) in _NO_SUCH_TOKEN | _NO_LONGER


def _what_is_wrong(variable: str, error: BaseException) -> Refused | Unreachable:
    word = slack_word(error)
    if word in _NO_SUCH_TOKEN:
        advice = f"Slack does not know this token; set {how_to_get(variable)}"
    elif word in _NO_LONGER:
        advice = "the token was revoked; install the app again and set its new one"
    elif word == "missing_scope" and variable == APP:
        advice = f"the token may not connect; make {how_to_get(variable)}"
    elif word in _NOT_ALLOWED:
        advice = "Slack does not let this token connect; look for Socket Mode in the app's settings"
    else:
        return Unreachable(_nobody_answers(word, error))
    return Refused(variable, f"{variable} is refused ({word}): {advice}, and restart")


def _nobody_answers(word: str | None, error: BaseException) -> str:
    if word:
        return f"Slack answers {word}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status:
        return f"Slack answers with HTTP {status}"
    if isinstance(error, asyncio.TimeoutError):
        return "Slack does not answer in time"
    return f"Slack cannot be reached ({type(error).__name__})"


def _scopes(answer: AsyncSlackResponse) -> frozenset[str] | None:
    told = {name.lower(): value for name, value in answer.headers.items()}.get("x-oauth-scopes")
    if told is None:
        return None
    return frozenset(scope.strip() for scope in str(told).split(",") if scope.strip())
