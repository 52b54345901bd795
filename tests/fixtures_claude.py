"""The real program against the scripted model: what the tests of the Claude backend share."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from core.money import to_nano
from execution.agent import AgentEvent, AgentOutcome, Session, StopSignal, Terms, Watch
from execution.claude_code_executor import ClaudeCodeExecutor, ClaudeSettings
from execution.rehearsal.model_server import ScriptedModel
from execution.rehearsal.playbook import Answer, Play, ToolCall, bash, read
from execution.strays import strays
from execution.workspaces import Workspaces

#: what no directive can say
PLAYS = (
    Play(
        "sub-agent",
        "delegate",
        (
            Answer(
                "Asking somebody else.",
                (
                    ToolCall(
                        "Task",
                        {
                            "description": "look",
                            "prompt": "INQUIRY: find it",
                            "subagent_type": "general-purpose",
                        },
                    ),
                ),
            ),
            Answer("They are at it."),
            Answer("They found it."),
        ),
    ),
    Play("inquiry", "INQUIRY", (Answer("Looking.", (bash("true"),)), Answer("Found."))),
    Play(
        "background",
        "background",
        (
            Answer(
                "Starting it.",
                (
                    ToolCall(
                        "Bash",
                        {
                            "command": "cat gate; touch heard",
                            "description": "wait",
                            "run_in_background": True,
                        },
                    ),
                ),
            ),
            Answer("It runs."),
            Answer("It is over."),
        ),
    ),
    Play("picture", "picture", (Answer("Looking.", (read("big.png"),)), Answer("Seen."))),
)

#: outlives its shell, its session and everything polite
STUBBORN = "nohup setsid sh -c 'trap : TERM HUP INT; while :; do sleep 60; done' >/dev/null 2>&1 &"

KEY = "sk-ant-rehearsed-key-000000000000"


@dataclass
class Bench:
    """One executor, one scripted model, one working tree, and all that was reported."""

    model: ScriptedModel
    executor: ClaudeCodeExecutor
    terms: Terms
    instance: str
    events: list[AgentEvent] = field(default_factory=list)
    stop: StopSignal = field(default_factory=StopSignal)
    _reported: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self, text: str, **changes: Any) -> AgentOutcome:
        terms = replace(self.terms, **changes)
        watch = Watch(self.report, self.stop)
        return await self.executor.execute_task(7, text, terms=terms, watch=watch)

    async def resume(self, text: str, outcome: AgentOutcome, **changes: Any) -> AgentOutcome:
        assert outcome.session_id is not None
        session = Session(outcome.session_id, outcome.reported_total or outcome.metered)
        return await self.run(text, session=session, **changes)

    async def report(self, event: AgentEvent) -> None:
        async with self._reported:
            self.events.append(event)
            self._reported.notify_all()

    async def until(self, kind: type[AgentEvent], count: int = 1) -> None:
        async with self._reported:
            await self._reported.wait_for(lambda: len(self.seen(kind)) >= count)

    def gate(self, name: str) -> Path:
        """A pipe in the tree: opening it waits until the other side opens it, too."""
        path = self.terms.cwd / name
        os.mkfifo(path)
        return path

    def seen(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def alive(self) -> list[psutil.Process]:
        return strays(self.instance)


def terms_in(place: Path) -> Terms:
    (place / "tree").mkdir(exist_ok=True)
    return Terms(
        cwd=place / "tree",
        session_dir=place / "session",
        model="claude-sonnet-5-5",
        max_cost=to_nano(5),
        max_turns=50,
        timeout_seconds=40,
        idle_seconds=30,
        brief="Work alone; nobody answers.",
        run_id=3,
    )


def executor_for(url: str, place: Path, instance: str, key: str = KEY) -> ClaudeCodeExecutor:
    settings = ClaudeSettings(
        instance=instance, name="rehearsal", api_key=SecretStr(key), base_url=url, max_retries=1
    )
    return ClaudeCodeExecutor(settings, Workspaces(place / "workspace"))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """Fails the test that leaves a process behind."""
    instance = f"bench-{tmp_path.name}"
    async with ScriptedModel(PLAYS) as model:
        made = Bench(
            model, executor_for(model.url, tmp_path, instance), terms_in(tmp_path), instance
        )
        yield made
    assert made.alive() == []


DAEMON = """
import asyncio, sys
from pathlib import Path
from execution.agent import Watch
from fixtures_claude import executor_for, terms_in

async def heard(event): ...

async def main(url, place, instance, text):
    executor = executor_for(url, place, instance)
    await executor.execute_task(7, text, terms=terms_in(place), watch=Watch(heard))

asyncio.run(main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]))
"""


@contextmanager
def beyond_the_daemon(bench: Bench, text: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own that runs the task in the bench's tree, and can be killed."""
    place = bench.terms.cwd.parent
    command = [sys.executable, "-c", DAEMON, bench.model.url, str(place), bench.instance, text]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment) as daemon:
        try:
            yield daemon
        finally:
            daemon.kill()
