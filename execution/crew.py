"""Who does the work of a daemon: the agent program, its trees, and whether it may begin at all."""

import asyncio
import hashlib
from contextlib import AsyncExitStack

from pydantic import SecretStr

from core.settings import Credentials, Settings
from execution import prices
from execution.agent import AgentBackend
from execution.assignment import Crew
from execution.claude_code_executor import ClaudeCodeExecutor, ClaudeSettings
from execution.workspaces import Workspaces


async def hire(settings: Settings, credentials: Credentials, stack: AsyncExitStack) -> Crew:
    """What has to be stopped later is on the stack."""
    workspaces = Workspaces(settings.workspace.root)
    instance = _instance(settings)
    if settings.agent.backend == "rehearsal":
        access = await _scripted(instance, stack)
    else:
        access = ClaudeSettings(
            instance=instance,
            api_key=credentials.anthropic_api_key,
            base_url=credentials.anthropic_base_url,
        )
    backend: AgentBackend = ClaudeCodeExecutor(access, workspaces)
    return Crew(settings, workspaces, backend, instance)


async def idle_because(settings: Settings, credentials: Credentials) -> str | None:
    """Why nothing may be started although the daemon runs; None: all is well."""
    if settings.agent.backend == "claude" and credentials.anthropic_api_key is None:
        return (
            "ANTHROPIC_API_KEY is not set: tasks are queued and wait; set it and restart, or try"
            " agent.backend: rehearsal"
        )
    if not await asyncio.to_thread(prices.known, settings.agent.model):
        return f"agent.model {settings.agent.model} has no known price: nothing may be spent on it"
    return None


async def _scripted(instance: str, stack: AsyncExitStack) -> ClaudeSettings:
    """The real program; its model is a script on loopback."""
    # a web server, which nobody else has to wait for
    from execution.rehearsal.model_server import ScriptedModel

    model = await stack.enter_async_context(ScriptedModel())
    key = SecretStr("rehearsal-needs-no-key")
    return ClaudeSettings(instance=instance, name="rehearsal", api_key=key, base_url=model.url)


def _instance(settings: Settings) -> str:
    """The same at every start for the same workspace, so that a new daemon knows the old one's
    processes.
    """
    root = str(settings.workspace.root.resolve())
    return hashlib.sha256(root.encode()).hexdigest()[:16]
