"""The environment an agent program gets: what is named here, and nothing of the daemon's own."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from execution.agent import Terms
from execution.strays import MARKER, marker

#: what the agent may know of the daemon's environment; a `*` stands for the rest of a name
INHERITED: Final = ("PATH", "LANG", "LC_*", "TZ", "TERM")

#: no traffic but to the model, nothing that asks a person
QUIET: Final[Mapping[str, str]] = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_DISABLE_FEEDBACK_SURVEY": "1",
    "CLAUDE_CODE_DISABLE_TERMINAL_TITLE": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_BUG_COMMAND": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_GROWTHBOOK": "1",
    "DISABLE_TELEMETRY": "1",
    "GIT_EDITOR": "true",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "PAGER": "cat",
}

#: given by environment, these go before every file an agent or a repository may write
GIT_CONFIG: Final[Mapping[str, str]] = {
    "user.name": "Sleepless agent",
    "user.email": "agent@sleepless.invalid",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "commit.gpgsign": "false",
    "tag.gpgsign": "false",
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "safe.directory": "*",
}

#: share of the idle limit after which the program breaks off a tool by itself: the agent then
#: hears of it, which is better than a run that counts as hung
_TOOL_SHARE: Final = 0.9
_TOOL_DEFAULT_MS: Final = 120_000
_TOOL_LONGEST_MS: Final = 600_000


@dataclass(frozen=True, slots=True)
class Access:
    """How the program reaches the model; the key stands in no log and no argument list."""

    key: str | None
    base_url: str | None
    max_retries: int


def agent_environment(
    terms: Terms, access: Access, instance: str, extra: Mapping[str, str]
) -> dict[str, str]:
    """`extra` has the last word."""
    return {
        **QUIET,
        **_git_config(),
        **_places(terms.session_dir),
        **_access(access),
        **_tool_limits(terms.idle_seconds),
        "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1",  # tells when no further turn is owed
        MARKER: marker(terms.run_id, instance),
        **({"IS_SANDBOX": "1"} if os.geteuid() == 0 else {}),  # it refuses to work as root else
        **extra,
    }


def allowed_names(environment: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*INHERITED, *environment, *_SET_BY_THE_SDK}))


_SET_BY_THE_SDK: Final = (
    "CLAUDE_AGENT_SDK_VERSION",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_SDK_READS_SESSION_STATE",
    "PWD",
)


def _places(session_dir: Path) -> dict[str, str]:
    return {
        "HOME": str(session_dir / "home"),
        "CLAUDE_CONFIG_DIR": str(session_dir),
        "CLAUDE_CODE_TMPDIR": str(session_dir / "tmp"),
    }


def _access(access: Access) -> dict[str, str]:
    given = {
        "ANTHROPIC_API_KEY": access.key,
        "ANTHROPIC_BASE_URL": access.base_url,
        "CLAUDE_CODE_MAX_RETRIES": str(access.max_retries),
    }
    return {name: value for name, value in given.items() if value is not None}


def _tool_limits(idle_seconds: float) -> dict[str, str]:
    longest = min(_TOOL_LONGEST_MS, int(idle_seconds * 1000 * _TOOL_SHARE))
    return {
        "BASH_DEFAULT_TIMEOUT_MS": str(min(_TOOL_DEFAULT_MS, longest)),
        "BASH_MAX_TIMEOUT_MS": str(longest),
    }


def _git_config() -> dict[str, str]:
    pairs = {
        name: value
        for number, (key, setting) in enumerate(GIT_CONFIG.items())
        for name, value in (
            (f"GIT_CONFIG_KEY_{number}", key),
            (f"GIT_CONFIG_VALUE_{number}", setting),
        )
    }
    return {"GIT_CONFIG_COUNT": str(len(GIT_CONFIG)), **pairs}
