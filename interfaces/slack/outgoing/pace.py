"""How fast we may speak: Slack's limits, kept before it has to remind us. Pure; seconds are given.

Posts: one a second in each conversation, short bursts allowed. Edits: at most forty a minute for
all cards together, of the fifty that Slack allows; figures that merely grow get three quarters of
them, evenly, and what people wait for, a change of state, goes at once and finds the rest free.
"""

from collections import deque
from enum import StrEnum
from typing import Final

#: posts in one conversation: so many at once, and one more a second
BURST: Final = 5
#: edits of all cards within MINUTE seconds, whatever they show
EDITS: Final = 40
MINUTE: Final = 60.0
#: edits that show no new state: six at once, and one more every two seconds
FIGURES: Final = 6
FIGURES_PER_SECOND: Final = 0.5
#: seconds between two such edits of one card
CARD_GAP: Final = 3.0
#: as many conversations are remembered; a longer list forgets those that may speak freely
_REMEMBERED: Final = 500


class Bucket:
    """So many at once, refilled at a steady rate."""

    def __init__(self, burst: float, per_second: float) -> None:
        self._burst, self._rate = burst, per_second
        self._tokens, self._since = burst, 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next one may go."""
        return max(0.0, (1.0 - self._left(now)) / self._rate)

    def note(self, now: float) -> None:
        self._tokens, self._since = self._left(now) - 1.0, now

    def is_full(self, now: float) -> bool:
        return self._left(now) >= self._burst

    def _left(self, now: float) -> float:
        return min(self._burst, self._tokens + max(0.0, now - self._since) * self._rate)


class Window:
    """At most so many in any stretch of that length."""

    def __init__(self, most: int, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=most)

    def wait(self, now: float) -> float:
        if len(self._times) < (self._times.maxlen or 0):
            return 0.0
        return max(0.0, self._times[0] + self._seconds - now)

    def note(self, now: float) -> None:
        self._times.append(now)


class Closed:
    """Methods that Slack wants to be left alone with for a while."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def close(self, method: str, seconds: float, now: float) -> None:
        self._until[method] = max(self._until.get(method, 0.0), now + seconds)

    def wait(self, method: str, now: float) -> float:
        return max(0.0, self._until.get(method, 0.0) - now)


class PostPace:
    def __init__(self) -> None:
        self._channels: dict[str, Bucket] = {}

    def wait(self, channel: str, now: float) -> float:
        bucket = self._channels.get(channel)
        return bucket.wait(now) if bucket else 0.0

    def note(self, channel: str, now: float) -> None:
        if len(self._channels) >= _REMEMBERED:
            busy = {name: each for name, each in self._channels.items() if not each.is_full(now)}
            self._channels = busy
        self._channels.setdefault(channel, Bucket(BURST, 1.0)).note(now)


class Haste(StrEnum):
    """How much of the pace an edit may use."""

    STATE = "state"  # the task's state has changed: at once
    NEWS = "news"  # something happened to it
    FIGURES = "figures"  # only its figures have grown


class EditPace:
    def __init__(self) -> None:
        self._all = Window(EDITS, MINUTE)
        self._figures = Bucket(FIGURES, FIGURES_PER_SECOND)
        self._cards: dict[int, float] = {}

    def wait(self, card: int, now: float, haste: Haste) -> float:
        wait = self._all.wait(now)
        if haste is Haste.STATE:
            return wait
        wait = max(wait, self.edited_at(card) + CARD_GAP - now)
        return wait if haste is Haste.NEWS else max(wait, self._figures.wait(now))

    def note(self, card: int, now: float, haste: Haste) -> None:
        self._all.note(now)
        if haste is Haste.FIGURES:
            self._figures.note(now)
        self._cards[card] = now

    def edited_at(self, card: int) -> float:
        return self._cards.get(card, -CARD_GAP)

    def forget(self, card: int) -> None:
        self._cards.pop(card, None)


class Patience:
    """Pauses that double while nobody answers, and end with the first answer."""

    def __init__(self, first: float = 1.0, longest: float = 60.0) -> None:
        self._first, self._longest = first, longest
        self._next, self._until = first, 0.0

    def wait(self, now: float) -> float:
        return max(0.0, self._until - now)

    def lost(self, now: float, jitter: float) -> float:
        """Answers the seconds to wait; `jitter` (0 … 1) spreads those who wait for the same."""
        pause = self._next * (0.75 + jitter / 2)
        self._until, self._next = now + pause, min(self._next * 2, self._longest)
        return pause

    def answered(self) -> None:
        self._next, self._until = self._first, 0.0
