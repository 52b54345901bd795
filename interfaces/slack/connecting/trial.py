"""`sleepless slack test`: each thing that Slack needs, tried in the order in which they build on
one another. No socket is opened: Slack would send it commands that are meant for the daemon.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from slack_sdk.web.async_client import AsyncWebClient

from core.credentials import Credentials
from core.settings import SlackSettings
from interfaces.slack.connecting.clients import Clients
from interfaces.slack.connecting.identity import (
    LOST,
    Identity,
    Unreachable,
    ask_app_token,
    ask_bot_token,
    other_app,
    slack_word,
)
from interfaces.slack.connecting.tokens import Refused, Tokens, nobody_may, tokens_of
from interfaces.slack.manifest import missing_scopes, wanted_scopes

_HELLO: Final = "Sleepless can post here. This message goes away by itself."
_LATER: Final = "Look at https://status.slack.com and at this machine's network, and try again."
_ADVICE: Final = {
    "not_in_channel": "Type /invite @Sleepless in that channel.",
    "channel_not_found": "There is no such conversation, or a private one the app is not in;"
    " type /invite @Sleepless there.",
    "is_archived": "The channel is archived; name another one.",
    "user_not_found": "Nobody has this member ID; copy it from their Slack profile.",
    "missing_scope": "Install the app again with the manifest of `sleepless slack manifest`.",
    "cannot_dm_bot": "That is an app; name a person.",
}


@dataclass(frozen=True, slots=True)
class Step:
    fine: bool
    about: str
    found: str
    #: what to do; empty when there is nothing
    advice: str = ""


async def try_out(
    credentials: Credentials, settings: SlackSettings, post_to: str | None = None
) -> AsyncIterator[Step]:
    """`post_to`: where a message is posted and taken back, a channel's or a member's ID."""
    tokens = tokens_of(credentials)
    if isinstance(tokens, Refused):
        yield Step(False, "tokens", "not usable", tokens.sentence)
        return
    yield Step(True, "tokens", "SLACK_BOT_TOKEN and SLACK_APP_TOKEN have the right shape")
    clients = Clients.open(tokens.bot.get_secret_value(), credentials.slack_api_url)
    try:
        async for step in _online(clients, tokens, settings, post_to):
            yield step
    finally:
        await clients.close()


async def _online(
    clients: Clients, tokens: Tokens, settings: SlackSettings, post_to: str | None
) -> AsyncIterator[Step]:
    identity = await ask_bot_token(clients.patient, tokens)
    if not isinstance(identity, Identity):
        yield _no_token("bot token", identity)
        return
    yield Step(True, "bot token", f"{identity.team} ({identity.team_id}) as {identity.bot_user}")
    yield await _app_token(clients.patient, tokens, identity)
    yield _scopes(identity)
    async for step in _allow_lists(clients.patient, settings):
        yield step
    if post_to:
        yield await _posting(clients.strict, post_to)


def _no_token(about: str, problem: Refused | Unreachable) -> Step:
    if isinstance(problem, Refused):
        return Step(False, about, "refused", f"{problem.sentence}.")
    return Step(False, about, problem.sentence, _LATER)


async def _app_token(client: AsyncWebClient, tokens: Tokens, identity: Identity) -> Step:
    url = await ask_app_token(client, tokens)
    if not isinstance(url, str):
        return _no_token("app token", url)
    stranger = await other_app(client, identity)
    if stranger:
        return Step(False, "app token", "of another app", f"{stranger.sentence}.")
    return Step(True, "app token", "a connection may be opened")


def _scopes(identity: Identity) -> Step:
    if identity.scopes is None:
        return Step(True, "scopes", "Slack does not say which are granted")
    missing = missing_scopes(identity.scopes)
    if not missing:
        return Step(True, "scopes", f"all {len(wanted_scopes())} are granted")
    cost = "; ".join(f"{scope} ({what})" for scope, what in missing.items())
    advice = (
        "Put the manifest of `sleepless slack manifest` into the app's settings and install it"
        f" again. Without them: {cost}."
    )
    return Step(False, "scopes", f"missing: {', '.join(missing)}", advice)


async def _allow_lists(client: AsyncWebClient, settings: SlackSettings) -> AsyncIterator[Step]:
    problem = nobody_may(settings)
    channels = f"{len(settings.allowed_channels)} channels and direct messages"
    if not (settings.allowed_users or settings.admins):
        yield Step(False, "people", str(problem), "Put your own member ID there and restart.")
        return
    for user in dict.fromkeys((*settings.allowed_users, *settings.admins)):
        yield await _person(client, user)
    yield Step(True, "channels", problem or channels)


async def _person(client: AsyncWebClient, user: str) -> Step:
    try:
        told: dict[str, Any] = (await client.users_info(user=user)).get("user") or {}
    except LOST as error:
        word = slack_word(error)
        advice = _ADVICE.get(word or "", _LATER)
        return Step(False, "people", f"{user}: {word or type(error).__name__}", advice)
    if told.get("deleted") or told.get("is_bot"):
        what = "an app" if told.get("is_bot") else "no longer a member"
        return Step(False, "people", f"{user} is {what}", "Take it out of slack.allowed_users.")
    return Step(True, "people", f"{told.get('real_name') or told.get('name')} ({user})")


async def _posting(client: AsyncWebClient, place: str) -> Step:
    try:
        sent = await client.chat_postMessage(channel=place, text=_HELLO)
        await client.chat_delete(channel=str(sent.get("channel")), ts=str(sent.get("ts")))
    except LOST as error:
        word = slack_word(error) or type(error).__name__
        return Step(False, "posting", f"{place}: {word}", _ADVICE.get(word, _LATER))
    return Step(True, "posting", f"a message was posted to {place} and taken back")
