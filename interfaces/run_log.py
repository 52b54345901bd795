"""A task's run logs, read while they may still be written."""

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any, Final

from core.models import Run
from core.money import shown_exactly
from core.task_queue import TaskQueue
from interfaces.plain import harmless

#: seconds between two looks at a log that is followed
_LOOK_AGAIN: Final = 0.25


class RunLogs:
    """The logs of all runs of one task, in order."""

    def __init__(self, queue: TaskQueue, workspace_root: Path, task_id: int) -> None:
        self._queue = queue
        self._folder = workspace_root / ".sleepless" / "logs"
        self._task_id = task_id

    def lines(self, *, follow: bool, raw: bool) -> Iterator[str]:
        """Ready to be printed: as they are in the file when `raw`, else in words for people."""
        for run in self._queue.runs_of(self._task_id):
            entries = self._entries(run, follow=follow)
            if raw:
                yield from (line for line, _ in entries)
            else:
                yield from _in_words(run, entries)

    def missing(self) -> str:
        runs = self._queue.runs_of(self._task_id)
        if not runs:
            return "it has not run yet; `sleepless tasks why` says what it waits for."
        return f"there is nothing of run {runs[-1].id} in {self._folder}."

    def _entries(self, run: Run, *, follow: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        tail = _Tail(self._folder / f"run_{run.id}.jsonl")
        look_again = Event()
        while follow and run.outcome is None:
            yield from tail.read()
            look_again.wait(_LOOK_AGAIN)
            run = next(other for other in self._queue.runs_of(self._task_id) if other.id == run.id)
        yield from tail.read()


class _Tail:
    """Whole lines only: the last one may be half written, now or by a process that was killed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        if not self._path.is_file():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                text = line.decode(errors="replace").rstrip("\n")
                entry = _parsed(text)
                if entry is not None:
                    yield text, entry


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(text)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _in_words(run: Run, entries: Iterator[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    first = True
    for _, entry in entries:
        if first:
            yield f"Run {run.number} ({run.outcome.value if run.outcome else 'open'})"
            first = False
        yield harmless(f"{str(entry.get('at', ''))[11:19]:8}  {words(entry)}")


def words(entry: dict[str, Any]) -> str:
    """One entry for people; what is not known by kind is shown as it is."""
    match entry:
        case {"kind": "started", "session_id": session_id}:
            return f"started  session {session_id}"
        case {"kind": "tool", "name": name, "target": target}:
            return f"{name}  {target}"
        case {"kind": "said", "text": text}:
            return str(text).replace("\n", "\n          ")
        case {"kind": "call", "usage": dict(usage), "spent": int(spent)}:
            return f"call     {_tokens(usage)}, {shown_exactly(spent)} so far"
        case {"kind": "limit", "status": status, "resets_at": resets_at}:
            resets = f", resets {resets_at}" if resets_at else ""
            return f"limit    {status}{resets}"
    known = ("at", "kind")
    facts = " ".join(f"{name}={value}" for name, value in entry.items() if name not in known)
    return f"{entry.get('kind', '?')!s:8} {facts}".rstrip()


def _tokens(usage: dict[str, Any]) -> str:
    counts = [f"{name.removesuffix('_tokens').replace('_', ' ')} {count}"
              for name, count in usage.items() if name.endswith("_tokens") and count]  # fmt: skip
    return f"{usage.get('model', '')} {', '.join(counts) or 'no tokens'}".strip()
