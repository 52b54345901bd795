"""The desk: answers within the grace, finishes in the background, and can be emptied.

Slack waits three seconds for an acknowledgement and then tells the person that the app is broken.
So work that touches the database runs in a thread of the desk's own, and what is not done within
the grace is acknowledged at once and answered through the response URL.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

import aiohttp
import structlog
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.errors import SlackClientError

from interfaces.bot_values import Reply
from interfaces.slack.incoming.answers import apology, body_of, later

log = structlog.get_logger(__name__)

P = ParamSpec("P")
Result = TypeVar("Result")

Work = Callable[[], Awaitable[Reply | None]]
#: bolt's `respond`, or anything that is called like it and raises when it fails
Respond = Callable[..., Awaitable[Any]]

#: seconds until an acknowledgement leaves without its answer; half of what Slack waits
GRACE: Final = 1.5
#: seconds between attempts at an answer that did not arrive
PAUSES: Final = (0.5, 2.0, 8.0)
_LOST: Final = (aiohttp.ClientError, TimeoutError, OSError, SlackClientError)
_OK: Final = 200


class Desk:
    """Everything the front end has under way; its threads are its own, so that a locked database
    cannot keep the daemon from its heartbeat.
    """

    def __init__(
        self, grace_seconds: float = GRACE, threads: int = 4, pauses: Sequence[float] = PAUSES
    ) -> None:
        self._grace = grace_seconds
        self._pauses = pauses
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="slack")
        self._tasks: set[asyncio.Task[Any]] = set()
        self._keys: set[str] = set()

    async def in_thread(
        self, function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs
    ) -> Result:
        """With the caller's context, so that its log lines carry the request's facts."""
        run = contextvars.copy_context().run
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: run(function, *args, **kwargs))

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str) -> "asyncio.Task[Any]":
        """In the background, until it is done or the desk is emptied; a failure is logged."""
        task = self._track(coroutine, name)
        task.add_done_callback(_tell_failure)
        return task

    def spawn_result(
        self, coroutine: Coroutine[Any, Any, Result], name: str
    ) -> "asyncio.Task[Result]":
        """As `spawn`, for somebody who takes the result, or what is raised, himself."""
        return self._track(coroutine, name)

    async def answer(
        self,
        ack: AsyncAck,
        respond: Respond | None,
        work: Work,
        *,
        key: str | None = None,
        in_ack: bool = True,
    ) -> None:
        """Acknowledge with what `work` answers, or within the grace without it.

        A late answer goes through `respond`; `in_ack=False` sends every answer there, for clicks,
        whose acknowledgement carries none. None from `work` is silence. The same `key` while it is
        worked on is acknowledged and done once. What `work` raises within the grace is raised
        here; later it becomes an apology.
        """
        if key in self._keys:
            await ack()
            return
        task = self._begin(key, work)
        await asyncio.wait({task}, timeout=self._grace)
        if not task.done():
            self.spawn(self._answer_late(task, respond), "slack-late-answer")
            await ack(**(later() if in_ack and respond else {}))
        elif in_ack:
            await ack(**body_of(task.result()))
        else:
            self.say_apart(respond, body_of(task.result()))
            await ack()

    async def drain(self, seconds: float) -> None:
        """Wait for what is under way, give up on the rest, and close. Nothing begins afterwards."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self._tasks and (left := deadline - asyncio.get_running_loop().time()) > 0:
            # what ends may begin something: a late answer
            await asyncio.wait(set(self._tasks), timeout=left)
        given_up = set(self._tasks)
        for task in given_up:
            task.cancel()
        if given_up:
            log.warning("slack.drained", given_up=sorted(task.get_name() for task in given_up))
            await asyncio.gather(*given_up, return_exceptions=True)
        # not waited for: a thread may hang on a locked database for half a minute
        self._executor.shutdown(wait=False, cancel_futures=True)

    @property
    def under_way(self) -> int:
        return len(self._tasks)

    def _begin(self, key: str | None, work: Work) -> "asyncio.Task[Reply | None]":
        async def run() -> Reply | None:
            return await work()

        task = self._track(run(), "slack-work")
        if key is not None:
            self._keys.add(key)
            task.add_done_callback(lambda _: self._keys.discard(key))
        return task

    def _track(self, coroutine: Coroutine[Any, Any, Result], name: str) -> "asyncio.Task[Result]":
        task = asyncio.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def say_apart(self, respond: Respond | None, body: dict[str, Any]) -> None:
        """In the background, again and again until it arrives or is given up."""
        if body and respond:
            self.spawn(self._send(respond, body), "slack-answer")

    async def _answer_late(
        self, task: "asyncio.Task[Reply | None]", respond: Respond | None
    ) -> None:
        try:
            body = body_of(await task)
        except Exception:
            log.exception("slack.work_failed")
            body = apology()
        if body and respond:
            await self._send(respond, body)

    async def _send(self, respond: Respond, body: dict[str, Any]) -> None:
        """Through the response URL, which is good for half an hour."""
        problem = ""
        for pause in (*self._pauses, None):
            try:
                answer = await respond(**body, response_type="ephemeral", replace_original=False)
                problem = f"HTTP {getattr(answer, 'status_code', _OK)}"
                if problem == f"HTTP {_OK}":
                    return
            except _LOST as error:
                problem = type(error).__name__
            if pause is not None:
                await asyncio.sleep(pause)
        log.error("slack.answer_lost", problem=problem, attempts=len(self._pauses) + 1)


def _tell_failure(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("slack.work_failed", name=task.get_name(), exc_info=error)
