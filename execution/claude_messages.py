"""Reads what the Claude program says of itself: events for us, and how the work ended.

What its messages mean was measured, not looked up: a failure of the API comes as a success with
`is_error`, one prompt can have several results, costs and API time count from the session's
beginning, and a sub-agent's calls are not streamed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from claude_agent_sdk import (
    AssistantMessage,
    Message,
    RateLimitEvent,
    ResultMessage,
    StreamEvent,
    SystemMessage,
    TextBlock,
    ToolUseBlock,
)

from core.charges import ModelUsage
from core.clock import Clock
from core.errors import BadAmount
from core.money import Nano, to_nano
from execution.agent import (
    AgentEvent,
    AgentOutcome,
    Ending,
    LimitReported,
    Said,
    ToolUsed,
)
from execution.stream_meter import StreamMeter

log = structlog.get_logger(__name__)

#: the model of messages that the program wrote itself
SYNTHETIC: Final = "<synthetic>"
#: what of a tool's input says most about it, the best first
_TELLING: Final = ("file_path", "notebook_path", "command", "pattern", "url", "query", "path")
_TARGET_LENGTH: Final = 200

_FIRST_SERVER_ERROR: Final = 500


@dataclass(slots=True)
class Record:
    """What one leg has said so far."""

    meter: StreamMeter
    clock: Clock
    #: the last one; several can come, and the last has the sums
    result: ResultMessage | None = None
    num_turns: int = 0
    duration_ms: int = 0
    #: seconds from request to end of answer; the program's own figure is the whole session's
    api_seconds: float = 0.0
    _requested_at: float | None = None
    last_words: str = ""
    limit: LimitReported | None = None
    #: the program is between two turns: nothing would be lost if it stopped now
    resting: bool = False
    _background: bool = False
    #: work in the background is over, and the turn that hears of it has not ended yet
    _owed: bool = False
    _state: str = ""

    @property
    def finished(self) -> bool:
        """A result is here, and no further turn is owed by work in the background."""
        failed = self.result is not None and self.result.is_error
        return self.resting and (failed or not (self._background or self.owed_a_turn))

    @property
    def owed_a_turn(self) -> bool:
        return self.resting and not self._background and (self._owed or self._state == "running")

    def read(self, message: Message) -> Iterator[AgentEvent]:
        match message:
            case StreamEvent(event=event, parent_tool_use_id=thread):
                yield from _if_any(self.meter.feed(event, thread))
                if thread is None and event.get("type") == "message_stop":
                    self._answered()
            case AssistantMessage():
                self.resting = False
                yield from self._answer(message)
            case ResultMessage():
                self._end_turn(message)
            case RateLimitEvent():
                self.limit = _limit(message)
                yield self.limit
            case SystemMessage(subtype="init"):
                self.resting = False
            case SystemMessage(subtype="status", data={"status": "requesting"}):
                self._requested_at = self.clock.monotonic()
            case SystemMessage(subtype="session_state_changed", data=data):
                self._state = str(data.get("state"))
            case SystemMessage(subtype="background_tasks_changed", data=data):
                self._owed |= self._background and not data.get("tasks")
                self._background = bool(data.get("tasks"))

    def _answer(self, message: AssistantMessage) -> Iterator[AgentEvent]:
        if message.model != SYNTHETIC:
            seen = json.dumps([vars(block) for block in message.content], default=str)
            yield from _if_any(
                self.meter.mention(message.message_id, message.model, message.usage, seen)
            )
        for block in message.content:
            match block:
                case TextBlock(text=text) if text.strip():
                    self.last_words = text
                    yield Said(text)
                case ToolUseBlock(name=name, input=given):
                    yield ToolUsed(name, target_of(given))

    def _answered(self) -> None:
        if self._requested_at is not None:
            self.api_seconds += self.clock.monotonic() - self._requested_at
            self._requested_at = None

    def _end_turn(self, result: ResultMessage) -> None:
        self._answered()
        self.result = result
        self.num_turns += result.num_turns
        self.duration_ms += result.duration_ms
        self.resting = True
        self._owed = False

    def outcome(self, ending: Ending) -> AgentOutcome:
        result = self.result
        return AgentOutcome(
            ending,
            text=self.text,
            session_id=result.session_id if result else None,
            reported_total=_amount(result.total_cost_usd) if result else None,
            metered=self.meter.metered,
            models=self.models,
            num_turns=self.num_turns,
            duration_ms=self.duration_ms,
            duration_api_ms=round(self.api_seconds * 1000),
            resets_at=self.limit.resets_at if self.limit and ending is Ending.LIMIT else None,
            denials=self.denials,
        )

    @property
    def text(self) -> str:
        said = self.result.result if self.result else None
        return said or self.last_words

    @property
    def models(self) -> tuple[ModelUsage, ...]:
        reported = self.result.model_usage if self.result else None
        if not reported:
            return self.meter.models
        return tuple(_model_usage(model, usage) for model, usage in reported.items())

    @property
    def denials(self) -> tuple[str, ...]:
        refused = (self.result.permission_denials if self.result else None) or ()
        return tuple(
            f"{each['tool_name']} {target_of(each['tool_input'])}".strip() for each in refused
        )


def ending_of(result: ResultMessage) -> Ending:  # noqa: PLR0911 - one line a case
    """From the program's record alone; its subtype says "success" even of a failed API call."""
    if (result.terminal_reason or "").startswith("aborted_"):
        return Ending.STOPPED
    by_subtype = _BY_SUBTYPE.get(result.subtype)
    if by_subtype:
        return by_subtype
    if not result.is_error:
        return Ending.FINISHED
    status = result.api_error_status
    if status is None:
        return _without_status(result)
    if status >= _FIRST_SERVER_ERROR:
        return Ending.TRANSIENT
    if _NO_CREDIT in (result.result or ""):
        return Ending.AUTH
    return _BY_STATUS.get(status, Ending.FAILED)


_BY_SUBTYPE: Final[Mapping[str, Ending]] = {
    "error_max_turns": Ending.MAX_TURNS,
    "error_max_budget_usd": Ending.MAX_COST,
}
_BY_STATUS: Final[Mapping[int, Ending]] = {
    401: Ending.AUTH,
    402: Ending.AUTH,  # no credit: like a refused key, a matter for a person
    403: Ending.AUTH,
    408: Ending.TRANSIENT,
    429: Ending.LIMIT,
}
NO_SESSION: Final = "No conversation found with session ID"
_NO_CREDIT: Final = "Credit balance is too low"
_PROGRAM_CRASHED: Final = "session_crash"


def _without_status(result: ResultMessage) -> Ending:
    told = " ".join([*(result.errors or ()), result.result or ""])
    if NO_SESSION in told:
        return Ending.NO_SESSION
    if _PROGRAM_CRASHED in told:
        return Ending.CRASHED
    return Ending.TRANSIENT if result.terminal_reason == "api_error" else Ending.FAILED


def target_of(given: Mapping[str, Any]) -> str:
    """One line that says what a tool is used on."""
    texts = [given[name] for name in _TELLING if isinstance(given.get(name), str)]
    texts += [value for value in given.values() if isinstance(value, str)]
    first = next((line for text in texts[:1] for line in text.splitlines() if line.strip()), "")
    return first.strip()[:_TARGET_LENGTH]


def error_of(result: ResultMessage) -> str:
    return "; ".join(result.errors or ()) or result.result or result.subtype


def _limit(event: RateLimitEvent) -> LimitReported:
    info = event.rate_limit_info
    resets_at = datetime.fromtimestamp(info.resets_at, UTC) if info.resets_at else None
    return LimitReported(info.rate_limit_type or "", info.status, resets_at, info.utilization)


def _model_usage(model: str, usage: Mapping[str, Any]) -> ModelUsage:
    return ModelUsage(
        model,
        _amount(usage.get("costUSD")) or Nano(0),
        input_tokens=usage.get("inputTokens", 0),
        output_tokens=usage.get("outputTokens", 0),
        cache_read_tokens=usage.get("cacheReadInputTokens", 0),
        cache_write_tokens=usage.get("cacheCreationInputTokens", 0),
    )


def _amount(dollars: object) -> Nano | None:
    """None for what cannot be a cost; the caller then charges what was metered."""
    if dollars is None:
        return None
    try:
        return to_nano(dollars)
    except BadAmount as bad:
        log.warning("agent.cost_refused", problem=str(bad))
        return None


def _if_any(event: AgentEvent | None) -> Iterable[AgentEvent]:
    return () if event is None else (event,)
