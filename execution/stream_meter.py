"""Counts what each call to the model costs, from the stream of the Messages API itself.

A call's input is known when its answer begins, its output when it ends. A call that is cut off in
between is counted with its whole input and with what was seen of its output, at two bytes a
token: more than the provider will have sold, so that a killed run is never booked too cheap.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from core.charges import ModelUsage
from core.errors import UnknownPrice
from core.money import Nano
from execution.agent import CallBegun, CallMetered
from execution.prices import cost_of_usage

log = structlog.get_logger(__name__)

#: real text has three to four bytes a token
BYTES_PER_TOKEN: Final = 2


@dataclass(slots=True)
class _Call:
    model: str
    usage: dict[str, Any]
    seen_bytes: int = 0


class StreamMeter:
    """The calls of one leg; each is counted once, whatever else repeats its id."""

    def __init__(self, model: str) -> None:
        #: its price stands in for that of a model nobody knows
        self._model = model
        self._running: dict[str, _Call] = {}
        #: parts of answers that are not streamed to us
        self._unseen: dict[str, _Call] = {}
        self._settled: dict[str, ModelUsage] = {}
        self._spent = 0
        #: the answer that a thread is in the middle of: the main one, or that of a sub-agent
        self._current: dict[str | None, str] = {}

    def feed(
        self, event: Mapping[str, Any], thread: str | None = None
    ) -> CallBegun | CallMetered | None:
        """One event of the stream; answers when a call begins and when it is complete."""
        match event:
            case {"type": "message_start", "message": message}:
                return self._start(message, thread)
            case {"type": "content_block_delta", "delta": delta}:
                self._see(delta, thread)
            case {"type": "message_delta", "usage": usage}:
                self._update(usage, thread)
            case {"type": "message_stop"}:
                return self._stop(thread)
        return None

    def mention(
        self, call_id: str | None, model: str, usage: Mapping[str, Any] | None, seen: str
    ) -> CallMetered | None:
        """A part of an answer; counted when its stream is not shown, as with sub-agents.

        The usage it comes with is that of its beginning, so it is counted like a call that was
        cut off after the parts seen.
        """
        streamed = call_id in self._running or call_id in self._settled
        if not call_id or not usage or (streamed and call_id not in self._unseen):
            return None
        call = self._unseen.setdefault(call_id, _Call(model, dict(usage)))
        call.seen_bytes += len(seen.encode())
        return self._settle(call_id, call.model, _bounded(call))

    @property
    def metered(self) -> Nano:
        """All calls, those that were cut off included."""
        return Nano(self._spent + sum(usage.cost_nano for usage in self._cut_off()))

    @property
    def models(self) -> tuple[ModelUsage, ...]:
        sums: dict[str, ModelUsage] = {}
        for usage in (*self._settled.values(), *self._cut_off()):
            sums[usage.model] = _sum(sums.get(usage.model), usage)
        return tuple(sums.values())

    def _start(self, message: Mapping[str, Any], thread: str | None) -> CallBegun | None:
        call_id = str(message.get("id", ""))
        self._current[thread] = call_id
        if call_id in self._settled:
            return None
        model = str(message.get("model") or self._model)
        self._running[call_id] = _Call(model, dict(message.get("usage") or {}))
        return CallBegun(self.metered)

    def _see(self, delta: Mapping[str, Any], thread: str | None) -> None:
        if call := self._running.get(self._current.get(thread, "")):
            texts = (text for key, text in delta.items() if key != "type" and isinstance(text, str))
            call.seen_bytes += sum(len(text.encode()) for text in texts)

    def _update(self, usage: Mapping[str, Any], thread: str | None) -> None:
        """These figures are cumulative and override those of the start, key by key."""
        if call := self._running.get(self._current.get(thread, "")):
            call.usage |= {name: value for name, value in usage.items() if value is not None}

    def _stop(self, thread: str | None) -> CallMetered | None:
        call_id = self._current.pop(thread, "")
        call = self._running.pop(call_id, None)
        return self._settle(call_id, call.model, call.usage) if call else None

    def _settle(self, call_id: str, model: str, usage: Mapping[str, Any]) -> CallMetered:
        before = self._settled.get(call_id)
        settled = self._settled[call_id] = self._usage(model, usage)
        self._spent += settled.cost_nano - (before.cost_nano if before else 0)
        return CallMetered(settled, Nano(self._spent))

    def _cut_off(self) -> list[ModelUsage]:
        return [self._usage(call.model, _bounded(call)) for call in self._running.values()]

    def _usage(self, model: str, usage: Mapping[str, Any]) -> ModelUsage:
        return ModelUsage(
            model,
            self._cost(model, usage),
            input_tokens=usage.get("input_tokens") or 0,
            output_tokens=usage.get("output_tokens") or 0,
            cache_read_tokens=usage.get("cache_read_input_tokens") or 0,
            cache_write_tokens=usage.get("cache_creation_input_tokens") or 0,
        )

    def _cost(self, model: str, usage: Mapping[str, Any]) -> Nano:
        try:
            return cost_of_usage(model, usage)
        except UnknownPrice:
            log.warning("model.price_missing", model=model, priced_as=self._model)
            return cost_of_usage(self._model, usage)


def _bounded(call: _Call) -> dict[str, Any]:
    seen = -(-call.seen_bytes // BYTES_PER_TOKEN)
    return call.usage | {"output_tokens": max(call.usage.get("output_tokens") or 0, seen)}


def _sum(one: ModelUsage | None, other: ModelUsage) -> ModelUsage:
    if one is None:
        return other
    return replace(
        one,
        cost_nano=Nano(one.cost_nano + other.cost_nano),
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cache_read_tokens=one.cache_read_tokens + other.cache_read_tokens,
        cache_write_tokens=one.cache_write_tokens + other.cache_write_tokens,
    )
