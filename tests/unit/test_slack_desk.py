"""The desk: in time with the answer or without it, and empty when it is closed."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog
from slack_bolt.context.ack.async_ack import AsyncAck
from structlog.contextvars import bind_contextvars, get_contextvars

from interfaces.bot import Outcome, Reply
from interfaces.slack.incoming.desk import Desk

DONE = Reply(Outcome.DONE, "Task 1 is queued.")
#: longer than anything takes
PATIENCE = 10.0


@dataclass
class Answer:
    status_code: int


@dataclass
class Respond:
    """A response URL that fails as often as it is told to; says when something arrived."""

    failures: list[Answer | Exception] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, **body: Any) -> Answer:
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return failure
        self.bodies.append(body)
        self.arrived.set()
        return Answer(200)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk(grace_seconds=PATIENCE, pauses=(0, 0))
    yield made
    await made.drain(PATIENCE)


@pytest.fixture
async def hasty() -> AsyncIterator[Desk]:
    """It waits for nothing."""
    made = Desk(grace_seconds=0, pauses=(0, 0))
    yield made
    await made.drain(PATIENCE)


def new_ack() -> AsyncAck:
    return AsyncAck()  # type: ignore[no-untyped-call]


async def done() -> Reply | None:
    return DONE


def answering(ack: AsyncAck) -> Any:
    assert ack.response is not None
    return ack.response.body


async def within(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE):
        await event.wait()


def held(event: asyncio.Event) -> Callable[[], Any]:
    async def work() -> Reply | None:
        await event.wait()
        return DONE

    return work


async def test_an_acknowledgement_carries_the_answer_to_the_letter(desk: Desk) -> None:
    ack, respond = new_ack(), Respond()
    await desk.answer(ack, respond, done)
    assert answering(ack) == "Task 1 is queued."
    assert respond.bodies == []


async def test_what_takes_longer_is_acknowledged_and_answered_later(hasty: Desk) -> None:
    go, ack, respond = asyncio.Event(), new_ack(), Respond()
    await hasty.answer(ack, respond, held(go))
    assert "follows" in answering(ack)
    go.set()
    await within(respond.arrived)
    body = {"text": "Task 1 is queued.", "response_type": "ephemeral", "replace_original": False}
    assert respond.bodies == [body]


async def test_a_click_is_acknowledged_bare_and_answered_apart(desk: Desk) -> None:
    ack, respond = new_ack(), Respond()
    await desk.answer(ack, respond, done, in_ack=False)
    assert answering(ack) == ""
    await within(respond.arrived)
    assert respond.bodies[0]["text"] == "Task 1 is queued."


async def test_silence_is_acknowledged_with_nothing(desk: Desk) -> None:
    async def nothing() -> Reply | None:
        return None

    ack, respond = new_ack(), Respond()
    await desk.answer(ack, respond, nothing)
    assert answering(ack) == ""
    assert respond.bodies == []


async def test_the_same_key_is_worked_on_once_at_a_time(hasty: Desk) -> None:
    begun, go, respond = [], asyncio.Event(), Respond()

    async def work() -> Reply | None:
        begun.append(1)
        await go.wait()
        return DONE

    first, second = new_ack(), new_ack()
    await hasty.answer(first, respond, work, key="trigger:1")
    await hasty.answer(second, respond, work, key="trigger:1")
    assert answering(second) == ""
    go.set()
    await within(respond.arrived)
    assert begun == [1]
    assert len(respond.bodies) == 1


async def test_a_late_answer_is_sent_again_until_it_arrives(hasty: Desk) -> None:
    respond = Respond(failures=[Answer(500), TimeoutError()])
    go, ack = asyncio.Event(), new_ack()
    await hasty.answer(ack, respond, held(go))
    go.set()
    await within(respond.arrived)
    assert len(respond.bodies) == 1


async def test_an_answer_that_never_arrives_leaves_a_line(hasty: Desk) -> None:
    respond = Respond(failures=[Answer(404), Answer(404), Answer(404)])
    go, ack = asyncio.Event(), new_ack()
    with structlog.testing.capture_logs() as lines:
        await hasty.answer(ack, respond, held(go))
        go.set()
        await hasty.drain(PATIENCE)
    assert [line["event"] for line in lines] == ["slack.answer_lost"]
    assert lines[0]["attempts"] == 3
    assert lines[0]["problem"] == "HTTP 404"


async def test_what_fails_in_time_is_raised(desk: Desk) -> None:
    async def work() -> Reply | None:
        raise LookupError("no such thing")

    with pytest.raises(LookupError):
        await desk.answer(new_ack(), Respond(), work)


async def test_what_fails_late_is_apologised_for_and_logged_under_the_same_id(
    hasty: Desk,
) -> None:
    go, respond = asyncio.Event(), Respond()

    async def work() -> Reply | None:
        await go.wait()
        raise LookupError("no such thing")

    bind_contextvars(correlation_id="0abc")
    with structlog.testing.capture_logs() as lines:
        await hasty.answer(new_ack(), respond, work)
        go.set()
        await within(respond.arrived)
    assert "error 0abc" in respond.bodies[0]["text"]
    assert [line["event"] for line in lines] == ["slack.work_failed"]


async def test_a_thread_of_the_desk_knows_whose_request_it_works_on(desk: Desk) -> None:
    bind_contextvars(correlation_id="0abc")
    assert await desk.in_thread(get_contextvars) == {"correlation_id": "0abc"}


async def test_it_works_in_threads_of_its_own(desk: Desk) -> None:
    name = await desk.in_thread(lambda: threading.current_thread().name)
    assert name.startswith("slack")


async def test_draining_waits_for_what_is_under_way_and_for_what_that_begins(hasty: Desk) -> None:
    go, respond = asyncio.Event(), Respond()
    await hasty.answer(new_ack(), respond, held(go))
    draining = asyncio.create_task(hasty.drain(PATIENCE))
    go.set()
    async with asyncio.timeout(PATIENCE):
        await draining
    assert len(respond.bodies) == 1
    assert hasty.under_way == 0


async def test_draining_gives_up_on_what_does_not_end_and_says_so(hasty: Desk) -> None:
    never = asyncio.Event()
    task = hasty.spawn(never.wait(), "never")
    with structlog.testing.capture_logs() as lines:
        await hasty.drain(0)
    assert task.cancelled()
    assert lines[0]["event"] == "slack.drained"
    assert lines[0]["given_up"] == ["never"]


async def test_what_fails_in_the_background_is_logged(hasty: Desk) -> None:
    async def fail() -> None:
        raise LookupError("no such thing")

    with structlog.testing.capture_logs() as lines:
        hasty.spawn(fail(), "failing")
        await hasty.drain(PATIENCE)
    assert lines[0]["event"] == "slack.work_failed"
    assert lines[0]["name"] == "failing"
