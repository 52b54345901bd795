"""The Claude backend: drives the bundled Claude Code program through its SDK.

The program runs under a warden (warden.py) with an environment of its own. It is stopped by
asking, read to its last word within a time limit, and killed with all its tools when it does not
answer. Measured on claude-agent-sdk 0.2.187 with CLI 2.1.330.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import structlog
from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, Message
from pydantic import SecretStr

from core.clock import Clock, SystemClock
from core.errors import UnknownPrice
from core.money import usd
from core.redaction import redact, without_secrets
from execution import prices
from execution.agent import AgentOutcome, Ending, Started, Terms, Watch
from execution.agent_environment import Access, agent_environment, allowed_names
from execution.claude_messages import NO_SESSION, Record, ending_of, error_of
from execution.claude_program import Program, find_program
from execution.launcher import Launcher, launcher
from execution.strays import kill_strays
from execution.stream_meter import StreamMeter

log = structlog.get_logger(__name__)

#: tools that wait for a person, or for a later day that this process will not see
HEADLESS: Final = (
    "AskUserQuestion",
    "CronCreate",
    "CronDelete",
    "CronList",
    "EnterPlanMode",
    "EnterWorktree",
    "ExitPlanMode",
    "ExitWorktree",
    "ListAgents",
    "ScheduleWakeup",
    "SendMessage",
)
#: the SDK ends a run whose message is longer than its limit, 1 MiB by default; an image is more
MAX_MESSAGE_BYTES: Final = 64 << 20
STDERR_LINES: Final = 20

#: seconds; together they keep a stop within two
ANSWER_SECONDS: Final = 0.9
LEAVE_SECONDS: Final = 0.5
#: a warden needs less for the whole tree; what is there after this is killed one by one
KILL_SECONDS: Final = 3.0
ASK_AGAIN_SECONDS: Final = 0.1
#: when work in the background is over, the next turn begins within a hundredth of this
WAKE_SECONDS: Final = 5.0


class OpenedWorkspace(Protocol):
    @property
    def path(self) -> Path: ...


class OpensWorkspaces(Protocol):
    def open(self, task_id: int, project_id: str | None) -> OpenedWorkspace: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaudeSettings:
    """How the program is reached and known; the same class makes the rehearsal's backend."""

    #: names this installation in the processes of its agents; survives a restart of the daemon
    instance: str
    name: str = "claude"
    api_key: SecretStr | None = None
    base_url: str | None = None
    #: a failed call is repeated by the program this often; what is left is the queue's matter
    max_retries: int = 2
    #: for proxies and certificates, say; goes before all that is set here
    environment: Mapping[str, str] = field(default_factory=dict)

    def access(self) -> Access:
        key = self.api_key.get_secret_value() if self.api_key else None
        return Access(key, self.base_url, self.max_retries)


class ClaudeCodeExecutor:
    """Must be used from the main thread's event loop: agents die with the thread that started
    them.
    """

    def __init__(
        self,
        settings: ClaudeSettings,
        workspaces: OpensWorkspaces,
        clock: Clock | None = None,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._workspaces = workspaces
        self._clock = clock or SystemClock()
        if settings.api_key:
            redact(settings.api_key.get_secret_value())

    def create_task_workspace(self, task_id: int, project_id: str | None = None) -> Path:
        """The folder this task is worked on in: its project's, shared, or one of its own."""
        return self._workspaces.open(task_id, project_id).path

    async def execute_task(
        self,
        task_id: int,
        description: str,
        project_id: str | None = None,
        project_name: str | None = None,  # noqa: ARG002 - the protocol's
        *,
        terms: Terms,
        watch: Watch,
    ) -> AgentOutcome:
        """See AgentBackend. Raises UnknownPrice and AgentUnavailable before anything starts."""
        program = self.check()
        if not await asyncio.to_thread(prices.known, terms.model):
            raise UnknownPrice(model=terms.model)
        if terms.max_cost <= 0:
            return AgentOutcome(Ending.MAX_COST, error="nothing may be spent")
        if watch.stop.reason:
            return AgentOutcome(Ending.STOPPED)
        log.debug("agent.starting", task_id=task_id, project_id=project_id, cwd=str(terms.cwd))
        environment = agent_environment(
            terms, self._settings.access(), self._settings.instance, self._settings.environment
        )
        _make_places(terms)
        with launcher(
            terms.session_dir / "legs", program.path, allowed_names(environment)
        ) as started_by:
            leg = _Leg(description, terms, watch, self._clock, started_by, self._settings.instance)
            return await leg.run(_options(terms, environment, started_by, leg.hear))

    def check(self) -> Program:
        """Where the program lies and which it is; starts nothing. Raises AgentUnavailable."""
        return find_program()


def _make_places(terms: Terms) -> None:
    for place in (terms.session_dir, terms.session_dir / "home", terms.session_dir / "tmp"):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    _brief_file(terms).write_text(terms.brief, encoding="utf-8")


def _brief_file(terms: Terms) -> Path:
    """In a file, for a single argument has a limit of 128 KiB and `ps` shows it to everybody."""
    return terms.session_dir / "brief.md"


def _options(
    terms: Terms,
    environment: dict[str, str],
    started_by: Launcher,
    hear: Callable[[str], None],
) -> ClaudeAgentOptions:
    resumed = terms.session.id if terms.session else None
    return ClaudeAgentOptions(
        cli_path=started_by.path,
        cwd=terms.cwd,
        env=environment,
        stderr=hear,
        model=terms.model,
        system_prompt={"type": "preset", "preset": "claude_code"},
        extra_args={"append-system-prompt-file": str(_brief_file(terms))},
        setting_sources=[],  # settings of an untrusted tree could run hooks
        strict_mcp_config=True,
        permission_mode="bypassPermissions",
        disallowed_tools=list(HEADLESS),
        verbatim_prompts=True,  # no @file, no /command in a task's text
        include_partial_messages=True,
        max_buffer_size=MAX_MESSAGE_BYTES,
        max_turns=terms.max_turns,
        max_budget_usd=float(usd(terms.max_cost)),
        resume=resumed,
        session_id=None if resumed else str(uuid.uuid4()),
    )


class _ProgramError(Exception):
    """The program, or the SDK on its behalf, failed."""


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the SDK raises bare Exceptions too
        raise _ProgramError(str(error)) from error


class _Leg:
    """One life of the program, from its start until its whole tree is gone."""

    def __init__(
        self,
        prompt: str,
        terms: Terms,
        watch: Watch,
        clock: Clock,
        started_by: Launcher,
        instance: str,
    ) -> None:
        self._prompt = prompt
        self._terms = terms
        self._watch = watch
        self._clock = clock
        self._started_by = started_by
        self._instance = instance
        self._record = Record(StreamMeter(terms.model), clock)
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        self._begun = self._heard = clock.monotonic()
        self._prompted = self._interrupted = False
        self._failure = ""

    def hear(self, line: str) -> None:
        self._stderr.append(line)

    async def run(self, options: ClaudeAgentOptions) -> AgentOutcome:
        client = ClaudeSDKClient(options)
        session_id = options.resume or options.session_id or ""
        conversation = asyncio.create_task(self._converse(client, session_id))
        try:
            cut_short = await self._supervise(conversation)
            if cut_short and self._prompted and not self._record.resting:
                await self._interrupt(client, conversation)
        finally:
            await _undisturbed(self._leave(client, conversation))
        _raise_foreign(conversation)
        return self._outcome(cut_short, session_id)

    async def _converse(self, client: ClaudeSDKClient, session_id: str) -> None:
        """Ends with the program's work; a failing report is the caller's and passes through."""
        try:
            with _translated():
                await client.connect()
            await self._report_start(session_id)
            with _translated():
                self._prompted = True
                await client.query(self._prompt)
            async for message in _messages(client):
                self._heard = self._clock.monotonic()
                for event in self._record.read(message):
                    await self._watch.report(event)
                if self._record.finished or (self._interrupted and self._record.resting):
                    return
            self._failure = "the program ended without a result"
        except _ProgramError as error:
            self._failure = str(error)

    async def _report_start(self, session_id: str) -> None:
        warden = self._started_by.warden()
        if warden is None:
            raise _ProgramError("the program was gone at once")
        await self._watch.report(Started(session_id, warden.pid, warden.started_at))

    async def _supervise(self, conversation: asyncio.Task[None]) -> Ending | None:
        """Why the program has to be cut short; None when it came to its own end."""
        asked = asyncio.create_task(self._watch.stop.asked())
        try:
            while not conversation.done():
                if overdue := self._overdue():
                    return overdue
                await asyncio.wait(
                    {conversation, asked},
                    timeout=self._patience(),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if asked.done() and not conversation.done():
                    return Ending.STOPPED
            return None
        finally:
            asked.cancel()

    def _patience(self) -> float:
        now = self._clock.monotonic()
        silent = self._terms.idle_seconds
        if self._record.owed_a_turn:
            silent = min(silent, WAKE_SECONDS)
        until = min(self._begun + self._terms.timeout_seconds, self._heard + silent)
        return max(0.0, until - now)

    def _overdue(self) -> Ending | None:
        if self._patience() > 0:
            return None
        if self._record.result and self._record.resting:
            return Ending.FINISHED  # only something in the background goes on, and says nothing
        silent = self._clock.monotonic() - self._heard >= self._terms.idle_seconds
        return Ending.IDLE if silent else Ending.TIMED_OUT

    async def _interrupt(self, client: ClaudeSDKClient, conversation: asyncio.Task[None]) -> None:
        self._interrupted = True
        interrupting = asyncio.create_task(client.interrupt())
        try:
            await asyncio.wait({conversation}, timeout=ANSWER_SECONDS)
        finally:
            interrupting.cancel()
            await asyncio.gather(interrupting, return_exceptions=True)

    async def _leave(self, client: ClaudeSDKClient, conversation: asyncio.Task[None]) -> None:
        """Afterwards nothing of the program is alive, whatever state it was in."""
        if not conversation.done():
            conversation.cancel()
            await self._insist(conversation)
        farewell = asyncio.create_task(client.disconnect())
        if self._record.resting:
            await asyncio.wait({farewell}, timeout=LEAVE_SECONDS)
        await self._insist(farewell)
        if strays := await asyncio.to_thread(kill_strays, self._instance, self._terms.run_id):
            log.warning("agent.strays_killed", run_id=self._terms.run_id, pids=strays)
        await asyncio.gather(farewell, return_exceptions=True)

    async def _insist(self, task: asyncio.Task[None]) -> None:
        """Kill the program until the task that waits for its end is done."""
        until = self._clock.monotonic() + KILL_SECONDS
        while not task.done() and self._clock.monotonic() < until:
            self._started_by.terminate()
            await asyncio.wait({task}, timeout=ASK_AGAIN_SECONDS)

    def _outcome(self, cut_short: Ending | None, session_id: str) -> AgentOutcome:
        ending = self._ending(cut_short)
        outcome = self._record.outcome(ending)
        return replace(
            outcome,
            session_id=outcome.session_id or session_id,
            duration_ms=outcome.duration_ms or self._elapsed_ms(),
            error="" if ending in (Ending.FINISHED, Ending.STOPPED) else self._error(),
        )

    def _ending(self, cut_short: Ending | None) -> Ending:
        result = self._record.result
        if cut_short in (None, Ending.FINISHED):
            return ending_of(result) if result else self._ending_without_result()
        answered = self._interrupted and self._record.resting
        if answered and result and ending_of(result) is Ending.FINISHED:
            return Ending.FINISHED  # it was just about to
        return cut_short

    def _ending_without_result(self) -> Ending:
        return Ending.NO_SESSION if NO_SESSION in " ".join(self._stderr) else Ending.CRASHED

    def _elapsed_ms(self) -> int:
        return round((self._clock.monotonic() - self._begun) * 1000)

    def _error(self) -> str:
        result = self._record.result
        told = [error_of(result)] if result and result.is_error else []
        return without_secrets("\n".join([*told, *filter(None, [self._failure]), *self._stderr]))


async def _messages(client: ClaudeSDKClient) -> AsyncIterator[Message]:
    with _translated():
        async for message in client.receive_messages():
            yield message


async def _undisturbed(work: Coroutine[Any, Any, None]) -> None:
    """Let bounded work come to its end although the caller is cancelled, then pass that on."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled:
        raise cancelled


def _raise_foreign(conversation: asyncio.Task[None]) -> None:
    """What the caller's own report raised is the caller's business."""
    if not conversation.cancelled():
        conversation.result()
