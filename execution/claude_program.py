"""Where the Claude Code program lies and which one it is, without importing its SDK (0.5 s)."""

import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from core.errors import AgentUnavailable

_SDK: Final = "claude_agent_sdk"
_DISTRIBUTION: Final = "claude-agent-sdk"


@dataclass(frozen=True, slots=True)
class Program:
    path: Path
    #: of the program; "unknown" for one that did not come with the SDK
    version: str
    sdk_version: str


def find_program() -> Program:
    """The one that came with the SDK, else `claude` on the PATH; starts nothing.

    Raises AgentUnavailable.
    """
    bundled = _bundled()
    if bundled and bundled.is_file():
        return Program(bundled, _version_beside(bundled), version(_DISTRIBUTION))
    if on_path := shutil.which("claude"):
        return Program(Path(on_path), "unknown", _sdk_version())
    raise AgentUnavailable(
        problem="claude-agent-sdk brought no program for this system and there is no `claude` on "
        "the PATH; install Claude Code."
    )


def _bundled() -> Path | None:
    spec = find_spec(_SDK)
    return Path(spec.origin).with_name("_bundled") / "claude" if spec and spec.origin else None


def _version_beside(program: Path) -> str:
    noted = program.with_name("claude.version")
    words = noted.read_text(encoding="utf-8").split() if noted.is_file() else []
    return words[0] if words else "unknown"


def _sdk_version() -> str:
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        return "none"
