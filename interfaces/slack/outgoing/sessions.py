"""The agent's session as Slack draws it beside a task's thread: queued, working, waiting, done.

An optional capability: an app that is not declared an agent, or a workspace without sessions, says
so at the first call, and nothing is asked of it any more until the next start.
"""

from dataclasses import dataclass
from typing import Final

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from core.clock import Clock
from core.models import Message, TaskStatus
from interfaces.slack.outgoing.pace import Closed, Patience
from interfaces.slack.outgoing.trouble import Meaning, Trouble, ask

log = structlog.get_logger(__name__)

#: Slack clears a session that works and says nothing after about an hour
REASSERT_SECONDS: Final = 20 * 60.0
_METHOD: Final = "agents.sessions.setStatus"
_PASSES: Final = frozenset({Meaning.UNKNOWN, Meaning.UNREACHED})
#: says something of one conversation, and nothing of the capability
_HERE_ONLY: Final = frozenset({Meaning.NO_PLACE, Meaning.NO_THREAD, Meaning.NO_MESSAGE})
_CLOSED, _PROCESSING = "closed", "processing"
_STATUS: Final = {
    TaskStatus.PENDING: "active",
    TaskStatus.IN_PROGRESS: _PROCESSING,
    TaskStatus.IN_REVIEW: "suspended",
    TaskStatus.COMPLETED: _CLOSED,
    TaskStatus.FAILED: _CLOSED,
    TaskStatus.CANCELLED: _CLOSED,
}

#: a conversation and a thread in it
Thread = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Told:
    status: str
    at: float


class Sessions:
    """Only the newest wish of each thread is kept, and one is told after the other, so that a slow
    "processing" can never land after "closed".
    """

    def __init__(self, client: AsyncWebClient, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._wanted: dict[Thread, str] = {}
        self._told: dict[Thread, _Told] = {}
        self._closed, self._patience = Closed(), Patience()
        self._available = True

    def follow(self, card: Message, status: TaskStatus) -> None:
        """The session of a card's thread is to show this."""
        if self._available and card.ts:
            self._wanted[card.channel, card.thread_ts or card.ts] = _STATUS[status]

    async def tell(self) -> None:
        """Tell Slack what is new, and anew what it would forget."""
        for thread, status in list(self._wanted.items()):
            if self._available and self._is_news(thread, status):
                await self._set(thread, status)

    def _is_news(self, thread: Thread, status: str) -> bool:
        now, told = self._clock.monotonic(), self._told.get(thread)
        if max(self._patience.wait(now), self._closed.wait(_METHOD, now)):
            return False
        if told is None or told.status != status:
            return True
        return status == _PROCESSING and now - told.at >= REASSERT_SECONDS

    async def _set(self, thread: Thread, status: str) -> None:
        channel, ts = thread
        answer = await ask(
            self._client.agents_sessions_setStatus(channel_id=channel, thread_ts=ts, status=status)
        )
        now = self._clock.monotonic()
        if isinstance(answer, Trouble) and answer.meaning not in _HERE_ONLY:
            self._not_told(answer, now)
            return
        self._patience.answered()
        self._told[thread] = _Told(status, now)
        if status == _CLOSED:
            del self._wanted[thread], self._told[thread]

    def _not_told(self, trouble: Trouble, now: float) -> None:
        if trouble.meaning is Meaning.TOO_FAST:
            self._closed.close(_METHOD, trouble.wait, now)
        elif trouble.meaning in _PASSES:
            self._patience.lost(now, 0.5)
        else:
            self._available = False
            log.info("slack.sessions_off", error=trouble.word)
