"""A run's own log: one JSON object a line, for `sleepless tasks log` and for whoever debugs."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from core.clock import Clock
from core.redaction import without_secrets
from execution.agent import (
    AgentEvent,
    CallBegun,
    CallMetered,
    LimitReported,
    Said,
    Started,
    ToolUsed,
)

_KINDS: dict[type, str] = {
    Started: "started",
    CallBegun: "call_begun",
    CallMetered: "call",
    ToolUsed: "tool",
    Said: "said",
    LimitReported: "limit",
}


def log_path(workspace_root: Path, run_id: int) -> Path:
    return workspace_root / ".sleepless" / "logs" / f"run_{run_id}.jsonl"


class RunLog:
    """Appends and flushes line by line, so that a kill loses nothing that was seen."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        path.parent.mkdir(parents=True, exist_ok=True)
        # readable by its owner alone: it quotes the repository and the model
        self._file: TextIO = open(  # noqa: SIM115 - pathlib's has no opener; close() closes it
            # half a character in a model's words must not end its run
            path,
            "a",
            encoding="utf-8",
            errors="backslashreplace",
            opener=_private,
        )

    def close(self) -> None:
        self._file.close()

    def event(self, event: AgentEvent) -> None:
        self.write(_KINDS[type(event)], **asdict(event))

    def write(self, kind: str, **facts: Any) -> None:
        line = {"at": self._clock.now().isoformat(), "kind": kind, **facts}
        self._file.write(without_secrets(json.dumps(line, ensure_ascii=False, default=str)) + "\n")
        self._file.flush()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
