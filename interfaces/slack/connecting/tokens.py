"""Slack's two tokens, as far as one can judge them without asking Slack.

Imports nothing of Slack's library: the daemon and `doctor` ask here before they load it.
"""

import re
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from core.credentials import Credentials
from core.settings import SlackSettings

BOT: Final = "SLACK_BOT_TOKEN"
APP: Final = "SLACK_APP_TOKEN"

#: what each variable wants, and where one finds it
_WANTED: Final = {
    BOT: ("xoxb-", "the Bot User OAuth Token under “OAuth & Permissions” of your app"),
    APP: (
        "xapp-",
        "an app-level token with connections:write under “Basic Information” of your app",
    ),
}
_KINDS: Final = {
    "xoxb-": "a bot token (xoxb-…)",
    "xapp-": "an app token (xapp-…)",
    "xoxp-": "a user token (xoxp-…)",
    "xoxe": "a token that expires (xoxe…); switch token rotation off",
    "xoxc-": "a browser's token (xoxc-…)",
    "xoxs-": "a browser's token (xoxs-…)",
    "xoxd-": "a browser's cookie (xoxd-…)",
}
_APP_ID: Final = re.compile(r"xapp-\d+-(A[A-Z0-9]+)-")


@dataclass(frozen=True, slots=True)
class Refused:
    """A token that cannot work: trying again is of no use until a person acts."""

    variable: str
    #: what is wrong with it, and what to do; never the token itself
    sentence: str

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True)
class Tokens:
    """Of the right shape; whether Slack takes them, only Slack knows."""

    bot: SecretStr
    app: SecretStr

    @property
    def app_id(self) -> str | None:
        """The app that the app token says it belongs to."""
        found = _APP_ID.match(self.app.get_secret_value())
        return found[1] if found else None


def tokens_of(credentials: Credentials) -> Tokens | Refused:
    bot, app = credentials.slack_bot_token, credentials.slack_app_token
    if bot is None or app is None:
        return _missing(bot, app)
    return _misshapen(BOT, bot) or _misshapen(APP, app) or Tokens(bot, app)


def off_because(credentials: Credentials) -> str | None:
    """Why there is no Slack with these credentials; None: there may be."""
    match tokens_of(credentials):
        case Refused(sentence=sentence):
            return sentence
    return None


def nobody_may(slack: SlackSettings) -> str | None:
    """Why a Slack that works would still answer nobody; None: somebody may use it."""
    if not (slack.allowed_users or slack.admins):
        return "nobody may use Slack: slack.allowed_users is empty"
    if not slack.allowed_channels:
        return (
            "Slack is used in direct messages alone: slack.allowed_channels is empty, so"
            " commands in channels are refused"
        )
    return None


def how_to_get(variable: str) -> str:
    return _WANTED[variable][1]


def _missing(bot: SecretStr | None, app: SecretStr | None) -> Refused:
    if bot is None and app is None:
        return Refused(BOT, f"no Slack tokens: {BOT} and {APP} are not set (docs/slack.md)")
    variable, other = (BOT, APP) if bot is None else (APP, BOT)
    return Refused(variable, f"{other} is set and {variable} is not; it is {how_to_get(variable)}")


def _misshapen(variable: str, secret: SecretStr) -> Refused | None:
    token, (prefix, place) = secret.get_secret_value(), _WANTED[variable]
    if token.startswith(prefix) and re.fullmatch(r"[A-Za-z0-9-]{12,}", token):
        return None
    return Refused(variable, f"{variable} holds {_looks_like(token, prefix)}; it should be {place}")


def _looks_like(token: str, prefix: str) -> str:
    if not token[:1].isalnum():
        return "a token in quotes"
    if token.startswith(prefix):
        return f"only a part of a token, or more than one ({len(token)} characters)"
    kinds = (kind for start, kind in _KINDS.items() if token.startswith(start))
    return next(kinds, "no Slack token")
