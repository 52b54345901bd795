"""The real daemon as a process of its own, on a database of its own, with a scripted model."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from core.database import Database
from core.migrate import migrate
from core.task_queue import TaskQueue

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
#: a task that the scripted model answers with one call
CHORE = "Water the plants [rehearse: text Done.]"
SETTINGS = {
    "agent": {"backend": "rehearsal"},
    "scheduler": {"max_parallel_tasks": 3},
    "budget": {"daily_budget_usd": 1000, "night_quota_percent": 50},
    "logging": {"format": "json"},
}

Found = TypeVar("Found")


@dataclass
class Daemon:
    process: subprocess.Popen[str]
    database: Database
    queue: TaskQueue
    lines: list[dict[str, Any]] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def listen(self) -> None:
        """Take what the daemon says, until it ends."""
        assert self.process.stderr
        for line in self.process.stderr:
            with self.news:
                self.lines.append(json.loads(line) if line.startswith("{") else {"text": line})
                self.news.notify_all()
        with self.news:
            self.news.notify_all()

    def wait(self, look: Callable[[], Found | None]) -> Found:
        """Look again whenever the daemon has said something."""
        found: list[Found] = []

        def seen() -> bool:
            answer = look()
            found.extend([] if answer is None else [answer])
            return bool(found)

        with self.news:
            self.news.wait_for(lambda: seen() or self.process.poll() is not None, PATIENCE)
        assert found, f"the daemon did not come so far: {self.lines[-5:]}"
        return found[0]

    def said(self, event: str, **facts: Any) -> dict[str, Any]:
        """The line of an event that has these facts."""
        return self.wait(lambda: self._line({"event": event, **facts}))

    def _line(self, wanted: dict[str, Any]) -> dict[str, Any] | None:
        return next((line for line in self.lines if wanted.items() <= line.items()), None)


@contextmanager
def daemon() -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory(prefix="sleepless-bench-") as folder:
        place = Path(folder)
        (place / "config.yaml").write_text(json.dumps(SETTINGS))  # JSON is YAML
        with Database(f"sqlite:///{place / 'sleepless_agent.db'}") as database:
            migrate(database)
            with _process(place) as process:
                running = Daemon(process, database, TaskQueue(database))
                listener = threading.Thread(target=running.listen)
                listener.start()
                try:
                    running.said("daemon.ready")
                    yield running
                finally:
                    process.terminate()
                    process.wait(PATIENCE)
                    listener.join()


@contextmanager
def _process(place: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(ROOT / "daemon.py"), "--config", "config.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=place, env=environment, text=True, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()
