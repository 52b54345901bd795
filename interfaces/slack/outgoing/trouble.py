"""What it means that Slack did not say yes: whether a message may have arrived, and what to do."""

from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import aiohttp
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from interfaces.slack.connecting.identity import LOST, slack_word, speaks_of_the_token


class Meaning(StrEnum):
    UNKNOWN = "unknown"  # the answer got lost, or Slack stumbled: it may have happened
    UNREACHED = "unreached"  # nobody was there: it has not happened
    TOO_FAST = "too_fast"
    TOKEN = "token"  # noqa: S105 - a word, no secret; nothing works until a person acts
    NO_PLACE = "no_place"  # the conversation is gone or closed to us
    NO_THREAD = "no_thread"
    NO_MESSAGE = "no_message"  # somebody deleted it, or it may not be edited any more
    TOO_MUCH = "too_much"  # the blocks or the length
    REFUSED = "refused"  # anything else


@dataclass(frozen=True, slots=True)
class Trouble:
    meaning: Meaning
    #: Slack's word for it, or the name of what went wrong on the way
    word: str
    #: seconds that Slack wants to be left alone
    wait: float = 0.0


#: seconds, where a refusal for haste says none
_NO_RETRY_AFTER: Final = 30.0
_HTTP_TOO_MANY, _HTTP_BROKEN = 429, 500
_STUMBLED: Final = "fatal_error internal_error request_timeout service_unavailable"
_MEANINGS: Final = {
    word: meaning
    for meaning, words in {
        Meaning.UNKNOWN: _STUMBLED,
        Meaning.TOO_FAST: "ratelimited rate_limited message_limit_exceeded",
        Meaning.NO_PLACE: (
            "not_in_channel channel_not_found is_archived restricted_action"
            " restricted_action_read_only_channel restricted_action_thread_only_channel"
            " restricted_action_non_threadable_channel channel_type_not_supported"
            " user_not_found users_not_found user_not_visible user_disabled cannot_dm_bot"
            " not_enough_users messages_tab_disabled"
        ),
        Meaning.NO_THREAD: (
            "thread_not_found invalid_thread_ts cannot_reply_to_message"
            " restricted_action_thread_locked"
        ),
        Meaning.NO_MESSAGE: "message_not_found cant_update_message edit_window_closed",
        Meaning.TOO_MUCH: (
            "invalid_blocks invalid_blocks_format msg_too_long msg_blocks_too_long"
            " block_mismatch markdown_text_conflict"
        ),
    }.items()
    for word in words.split()
}


async def ask(call: Awaitable[AsyncSlackResponse]) -> AsyncSlackResponse | Trouble:
    """Slack's answer, or what is known without one; never raises for what a network can do."""
    try:
        return await call
    except LOST as error:
        return trouble_of(error)


def trouble_of(error: BaseException) -> Trouble:
    word = slack_word(error)
    response = getattr(error, "response", None)
    status = int(getattr(response, "status_code", None) or getattr(response, "status", None) or 0)
    if status == _HTTP_TOO_MANY or _MEANINGS.get(word or "") is Meaning.TOO_FAST:
        return Trouble(Meaning.TOO_FAST, word or "ratelimited", _retry_after(response))
    if speaks_of_the_token(error):
        return Trouble(Meaning.TOKEN, word or "")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Trouble(Meaning.UNREACHED, type(error).__name__)
    if word is None or status >= _HTTP_BROKEN:
        return Trouble(Meaning.UNKNOWN, word or _name(error, status))
    return Trouble(_MEANINGS.get(word, Meaning.REFUSED), word)


def _name(error: BaseException, status: int) -> str:
    return f"HTTP {status}" if status else type(error).__name__


def _retry_after(response: Any) -> float:
    headers = getattr(response, "headers", None) or {}
    told = {str(name).lower(): value for name, value in headers.items()}.get("retry-after", "")
    told = told[0] if isinstance(told, list) else told
    try:
        return max(1.0, float(told))
    except ValueError:
        return _NO_RETRY_AFTER
