"""The daemon: wires everything, owns no rule. `python daemon.py` is `sleepless up`.

Stop order is the reverse of start order, on one stack: the wake-ups close first, then the model of
a rehearsal, then the database, and the lock on it goes last, so that no second daemon can begin
before the first has written its last word. Runs end before any of that.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from core import failpoints, leases, line, sd_notify, version
from core.admission import Admitted, Refused, Worker
from core.budget import BudgetManager
from core.clock import SystemClock
from core.database import Database
from core.errors import SleeplessError
from core.health import Chat, DaemonFacts, Health, health_of
from core.leases import Claim
from core.logs import configure_logging
from core.migrate import migrate
from core.models import Task
from core.ownership import Ownership
from core.policy import BudgetPolicy
from core.scheduler import SmartScheduler, default_worker
from core.schedules import EdgeTicks
from core.settings import Credentials, Settings, load_settings, take_credentials
from core.states import Patience
from core.task_queue import TaskQueue
from core.termination import Termination
from core.wakeup import DatagramListener
from execution.agent import StopReason
from execution.assignment import Crew
from execution.crew import hire, idle_because
from execution.git import require_git
from execution.lifeline import Rescue, rescue
from execution.record import Store, facts_of
from execution.run_diff import diff_of
from execution.slots import Slots
from interfaces.bot_values import Surroundings
from interfaces.slack.connecting.tokens import off_because

if TYPE_CHECKING:
    from interfaces.slack.front_end import SlackFrontEnd

log = structlog.get_logger("daemon")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a running daemon is made of."""

    settings: Settings
    store: Store
    scheduler: SmartScheduler
    crew: Crew
    #: why nothing is dispatched although the daemon runs; None: all is well
    idle_because: str | None


class SleeplessDaemon:
    """Keeps the slots full, the leases fresh and the promises kept, until it is told to drain."""

    def __init__(self, parts: Parts, on_change: Callable[[], None]) -> None:
        """`on_change`: whoever shows what happens has something new to show."""
        self._parts = parts
        self._on_change = on_change
        self._awake = asyncio.Event()
        self._draining = asyncio.Event()
        self._slots = Slots(parts.store, parts.crew, self.wake)
        self._queue = parts.scheduler.task_queue

    def wake(self) -> None:
        self._awake.set()

    def drain(self) -> None:
        """Start nothing more, stop runs at their turn, keep their sessions."""
        if not self._draining.is_set():
            log.info("daemon.draining", running=self._slots.busy)
            sd_notify.notify("STOPPING=1", f"STATUS=stopping {self._slots.busy} runs at their turn")
        self._draining.set()
        self._slots.drain()
        self.wake()

    async def run(self, found: Rescue) -> None:
        """Until drained. Whatever dies in here takes the daemon down, loudly; systemd restarts."""
        async with asyncio.TaskGroup() as runs:
            for claim in found.to_take_up:
                taken_up = self._take_up(claim)
                runs.create_task(taken_up, name=f"run-{claim.run_id}")
            async with asyncio.TaskGroup() as duties:
                keepers = [
                    duties.create_task(self._renew_leases(), name="heartbeat"),
                    duties.create_task(self._feed_watchdog(), name="watchdog"),
                ]
                await self._dispatch(runs)
                await self._until_slots_are_empty()
                for keeper in keepers:
                    keeper.cancel()

    async def _dispatch(self, runs: asyncio.TaskGroup) -> None:
        while not self._draining.is_set():
            self._awake.clear()
            looked_at = self._parts.store.clock.now()
            await self._obey_cancellations()
            while not self._draining.is_set() and (admitted := await self._admit()):
                task = await asyncio.to_thread(self._queue.get_task, admitted.task_id)
                runs.create_task(self._execute_task(task, admitted), name=f"task-{task.id}")
                self._on_change()
            await self._sleep(looked_at)

    async def _admit(self) -> Admitted | None:
        """One claimed task with its hold, or None when nothing may start."""
        parts = self._parts
        if parts.idle_because or self._slots.busy >= parts.scheduler.max_parallel_tasks:
            return None
        match await asyncio.to_thread(parts.scheduler.admit_next):
            case Admitted() as admitted:
                failpoints.reached("run.claimed")
                return admitted
            case Refused(until=until):
                sd_notify.notify(f"STATUS=waiting for budget until {until}")
        return None

    def _execute_task(self, task: Task, admitted: Admitted) -> Coroutine[Any, Any, None]:
        """One run of a claimed task: workspace, agent, verification, landing, and its charge."""
        claim = Claim(admitted.task_id, admitted.run_id, admitted.epoch)
        return self._in_context("run.started", task, claim, self._slots.execute(claim))

    async def _take_up(self, claim: Claim) -> None:
        """The rest of a run whose work was done when its daemon died."""
        work = self._slots.take_up(claim)
        task = await asyncio.to_thread(self._queue.get_task, claim.task_id)
        await self._in_context("run.taken_up", task, claim, work)

    @staticmethod
    async def _in_context(
        event: str, task: Task, claim: Claim, work: Coroutine[Any, Any, None]
    ) -> None:
        """One correlation id from the request to the charge, on every line."""
        with structlog.contextvars.bound_contextvars(**facts_of(task, claim.run_id)):
            log.info(event, priority=task.priority.value)
            await work

    async def _obey_cancellations(self) -> None:
        worker = self._parts.scheduler.worker.name
        for task_id in await asyncio.to_thread(self._cancel_wishes, worker):
            self._slots.stop(task_id, StopReason.CANCELLED)

    def _cancel_wishes(self, worker: str) -> list[int]:
        with self._parts.store.database.read() as session:
            return list(leases.cancel_wishes(session.connection(), worker))

    async def _sleep(self, looked_at: datetime) -> None:
        """Until something rings, the next waiting task's time comes, or the safety poll's turn."""
        seconds = await asyncio.to_thread(self._until_due, looked_at)
        try:
            async with asyncio.timeout(seconds):
                await self._awake.wait()
        except TimeoutError:
            return

    def _until_due(self, looked_at: datetime) -> float:
        """What was due when the queue was looked at waits for a slot or for money, not for us."""
        store, longest = self._parts.store, self._parts.settings.scheduler.safety_poll_seconds
        with store.database.read() as session:
            due = line.next_due(session, looked_at)
        if due is None:
            return longest
        return min(longest, max(0.0, (due - store.clock.now()).total_seconds()))

    async def _until_slots_are_empty(self) -> None:
        while self._slots.busy:
            self._awake.clear()
            await self._awake.wait()

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(self._parts.settings.scheduler.heartbeat_seconds)
            asked_for = self._slots.claims
            self._slots.stop_lost(asked_for, await asyncio.to_thread(self._renew))

    def _renew(self) -> frozenset[tuple[int, int]]:
        worker = self._parts.scheduler.worker
        with self._parts.store.database.write() as connection:
            return leases.renew(
                connection, worker.name, worker.lease, self._parts.store.clock.now()
            )

    async def _feed_watchdog(self) -> None:
        every = sd_notify.watchdog_seconds()
        while every is not None:
            sd_notify.notify("WATCHDOG=1")
            await asyncio.sleep(every)


async def serve(settings: Settings, credentials: Credentials) -> int:
    """Build everything, rescue what was left, say READY, work until told to stop; the exit code."""
    async with AsyncExitStack() as stack:
        parts = await _build(settings, credentials, stack)
        chat = _chat(parts, credentials)
        daemon = SleeplessDaemon(parts, chat.wake if chat else _nobody)
        termination = Termination(daemon.drain)
        stack.enter_context(termination)
        found = await rescue(parts.store, parts.crew, parts.scheduler.worker)

        def wake() -> None:
            daemon.wake()
            if chat:
                chat.wake()

        await _start(_listener(parts.store.database, wake), stack)
        policy = parts.scheduler.budget_manager.policy
        await _start(EdgeTicks(policy.hours, lambda _: wake()), stack)
        if chat:
            await _start(chat, stack)
        _say_hello(parts, credentials)
        await termination.stoppable(daemon.run(found))
    log.info("daemon.stopped")
    return termination.exit_code


async def _build(settings: Settings, credentials: Credentials, stack: AsyncExitStack) -> Parts:
    require_git()
    clock = SystemClock()
    database = Database(settings.database.url)
    stack.enter_context(Ownership(database, settings.workspace.root))
    stack.enter_context(database)
    await asyncio.to_thread(migrate, database)
    policy = BudgetPolicy.of(settings.budget)
    store = Store(
        database,
        BudgetManager(database, policy, clock),
        Patience(settings.scheduler.max_attempts, settings.scheduler.max_crashes),
        clock,
    )
    scheduler = SmartScheduler(
        TaskQueue(database, clock),
        settings.scheduler.max_parallel_tasks,
        policy=policy,
        worker=_worker(settings),
        clock=clock,
    )
    crew = await hire(settings, credentials, stack)
    return Parts(settings, store, scheduler, crew, await idle_because(settings, credentials))


def _worker(settings: Settings) -> Worker:
    return replace(
        default_worker(),
        lease=timedelta(seconds=settings.scheduler.lease_seconds),
        backend=settings.agent.backend,
        model=settings.agent.model,
    )


def _chat(parts: Parts, credentials: Credentials) -> "SlackFrontEnd | None":
    """Without tokens there is none, and nobody waits for its library."""
    if off_because(credentials):
        return None
    from interfaces.slack.front_end import SlackFrontEnd

    store, scheduler, settings = parts.store, parts.scheduler, parts.settings
    facts = DaemonFacts(
        version=version.current(),
        started_at=store.clock.now(),
        slots=scheduler.max_parallel_tasks,
        backend=settings.agent.backend,
        model=settings.agent.model,
        idle_because=parts.idle_because,
    )
    queue, policy = scheduler.task_queue, scheduler.budget_manager.policy
    chat: SlackFrontEnd | None = None

    def health() -> Health:
        return health_of(queue, policy, facts, chat.chat if chat else Chat())

    diffs = partial(diff_of, parts.crew.workspaces)
    chat = SlackFrontEnd(credentials, Surroundings(queue, policy, settings, diffs, health))
    return chat


def _nobody() -> None:
    """Nobody shows what happens."""


def _listener(database: Database, on_wake: Callable[[], None]) -> Any:
    if database.path is not None:
        return DatagramListener(database.path, on_wake)
    # its driver costs a tenth of a second, which SQLite has no use for
    from core.notify_listener import NotifyListener

    return NotifyListener(database.url.render_as_string(hide_password=False), on_wake)


async def _start(service: Any, stack: AsyncExitStack) -> None:
    """Who starts a thing registers its stop, at once."""
    await service.start()
    stack.push_async_callback(service.stop)


def _say_hello(parts: Parts, credentials: Credentials) -> None:
    parts.store.budget.warn_of_starved_windows()
    if because := off_because(credentials):
        half_given = credentials.slack_bot_token or credentials.slack_app_token
        level = logging.WARNING if half_given else logging.INFO
        log.log(level, "slack.off", because=because, advice="the command line does everything")
    if parts.idle_because:
        log.warning("dispatch.off", because=parts.idle_because)
    if parts.settings.agent.backend == "rehearsal":
        log.warning("rehearsal.on", advice="REHEARSAL: the model is a script and no money is spent")
    log.info(
        "daemon.ready",
        pid=os.getpid(),
        slots=parts.settings.scheduler.max_parallel_tasks,
        database=str(parts.store.database.path or parts.store.database.url.database),
    )
    sd_notify.notify("READY=1", f"STATUS={parts.idle_because or 'ready'}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sleepless up", description="Run the Sleepless daemon.")
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: ./config.yaml")
    arguments = parser.parse_args(argv)
    try:
        settings = load_settings(arguments.config)
        configure_logging(settings.logging)
        return asyncio.run(serve(settings, take_credentials(os.environ)))
    except SleeplessError as error:
        sys.stderr.write(f"sleepless: {error}\n")
        return error.exit_code
    except Exception:
        log.exception("daemon.died")
        return 1


if __name__ == "__main__":
    sys.exit(main())
