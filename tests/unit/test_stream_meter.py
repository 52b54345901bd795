"""Each call is counted once, as it ends or as it is cut off."""

from typing import Any

from execution.agent import CallBegun, CallMetered
from execution.prices import cost_of
from execution.stream_meter import StreamMeter

MODEL = "claude-sonnet-5-5"


def start(call: str, model: str = MODEL, tokens: int = 1000) -> dict[str, Any]:
    usage = {"input_tokens": tokens, "output_tokens": 1}
    return {"type": "message_start", "message": {"id": call, "model": model, "usage": usage}}


def text(words: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "delta": {"type": "text_delta", "text": words}}


def end(tokens: int) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {}, "usage": {"output_tokens": tokens}}


STOP = {"type": "message_stop"}


def test_a_call_is_told_when_it_begins_and_counted_when_it_ends() -> None:
    meter = StreamMeter(MODEL)
    answers = [meter.feed(event) for event in (start("a"), text("hi"), end(50), STOP)]
    price = cost_of(MODEL, input_tokens=1000, output_tokens=50)
    known_at_once = cost_of(MODEL, input_tokens=1000, output_tokens=1)
    assert answers[:3] == [CallBegun(known_at_once), None, None]
    assert isinstance(answers[3], CallMetered)
    assert (answers[3].usage.cost_nano, answers[3].spent, meter.metered) == (price, price, price)


def test_a_repeated_call_is_counted_once() -> None:
    meter = StreamMeter(MODEL)
    for event in (start("a"), end(50), STOP) * 2:
        meter.feed(event)
    assert meter.metered == cost_of(MODEL, input_tokens=1000, output_tokens=50)


def test_a_call_cut_off_is_counted_with_what_was_seen() -> None:
    meter = StreamMeter(MODEL)
    meter.feed(start("a"))
    meter.feed(text("x" * 99))
    assert meter.metered == cost_of(MODEL, input_tokens=1000, output_tokens=50)
    assert [usage.output_tokens for usage in meter.models] == [50]


def test_threads_do_not_mix() -> None:
    meter = StreamMeter(MODEL)
    meter.feed(start("main"))
    meter.feed(start("sub", tokens=10), "task-1")
    meter.feed(end(7), "task-1")
    answer = meter.feed(STOP, "task-1")
    assert isinstance(answer, CallMetered)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (10, 7)


def test_an_answer_that_is_not_streamed_grows_with_its_parts() -> None:
    meter = StreamMeter(MODEL)
    usage = {"input_tokens": 1000, "output_tokens": 1}
    first = meter.mention("a", MODEL, usage, "x" * 20)
    second = meter.mention("a", MODEL, usage, "x" * 20)
    assert first is not None
    assert second is not None
    assert first.spent == cost_of(MODEL, input_tokens=1000, output_tokens=10)
    assert second.spent == cost_of(MODEL, input_tokens=1000, output_tokens=20) == meter.metered


def test_a_streamed_answer_is_not_counted_by_its_parts() -> None:
    meter = StreamMeter(MODEL)
    usage = {"input_tokens": 1000, "output_tokens": 1}
    meter.feed(start("a"))
    assert meter.mention("a", MODEL, usage, "x" * 20) is None
    meter.feed(STOP)
    assert meter.mention("a", MODEL, usage, "x" * 20) is None


def test_a_model_nobody_knows_costs_what_the_runs_model_costs() -> None:
    meter = StreamMeter(MODEL)
    for event in (start("a", model="claude-nobody-9"), end(50), STOP):
        meter.feed(event)
    assert meter.metered == cost_of(MODEL, input_tokens=1000, output_tokens=50)
    assert [usage.model for usage in meter.models] == ["claude-nobody-9"]


def test_models_are_summed_apart() -> None:
    meter = StreamMeter(MODEL)
    for call, model in (("a", MODEL), ("b", "claude-haiku-5-5"), ("c", MODEL)):
        for event in (start(call, model), end(5), STOP):
            meter.feed(event)
    summed = {usage.model: usage.input_tokens for usage in meter.models}
    assert summed == {MODEL: 2000, "claude-haiku-5-5": 1000}
    assert sum(usage.cost_nano for usage in meter.models) == meter.metered
