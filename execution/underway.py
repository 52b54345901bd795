"""What a workspace is in the middle of, on disk before it happens: a run that was killed is
picked up by the next one, which must know whose work lies in the tree.
"""

import json
import os
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class Phase(StrEnum):
    #: the tree is on its way to the branch or back: what lies in it may be half one, half other
    MOVING = "moving"
    #: the tree holds the work of the task
    WORKING = "working"


@dataclass(frozen=True, slots=True)
class Underway:
    task_id: int
    branch: str
    #: where main was; only landing may move it
    base_sha: str
    phase: Phase
    #: the merge that is about to become main
    landing: str | None = None
    #: where somebody else had moved main to, before it was taken back
    taken_back: str | None = None


class UnderwayFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Underway | None:
        try:
            facts: dict[str, Any] = json.loads(self._path.read_text())
            return Underway(**facts | {"phase": Phase(facts["phase"])})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            # a power cut; HEAD still names the branch
            log.warning("workspace.underway_unreadable", path=str(self._path), error=str(error))
            return None

    def write(self, underway: Underway) -> Underway:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(asdict(underway)))
        fresh.replace(self._path)
        return underway

    def change(self, underway: Underway, **facts: Any) -> Underway:
        return self.write(replace(underway, **facts))

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)
