"""Logs and diffs, put into a task's thread as files."""

from collections import deque
from collections.abc import Iterable
from typing import Final

from core import outbox
from core.errors import NoDiff, NoLog
from core.models import MessageKind
from core.outbox import Letter
from interfaces.bot_values import Outcome, Reply, Request, Surroundings
from interfaces.bot_words import title
from interfaces.run_log import RunLogs

#: bytes of a log's end, and of a diff's beginning
LOG_LIMIT: Final = 200_000
DIFF_LIMIT: Final = 800_000


def send_log(given: Surroundings, task_id: int, request: Request) -> Reply:
    """Raises TaskNotFound and NoLog."""
    task = given.queue.get_task(task_id)
    logs = RunLogs(given.queue, given.settings.workspace.root, task_id)
    content = _end_of(logs.lines(follow=False, raw=False))
    if not content:
        ran = task.lease_epoch > 0
        problem = (
            "nothing of its runs was kept." if ran else f"it has not run yet; `/why {task_id}`."
        )
        raise NoLog(task_id=task_id, problem=problem)
    file = {
        "name": f"task-{task_id}.log",
        "title": f"Log of task {task_id}: {title(task)}",
        "content": content,
        "snippet_type": "text",
    }
    return _send(given, task_id, f"log:{request.key}", file, request)


def send_diff(given: Surroundings, task_id: int, request: Request) -> Reply:
    """Raises TaskNotFound and NoDiff."""
    task = given.queue.get_task(task_id)
    runs = given.queue.runs_of(task_id)
    diff = given.diff_of(runs[-1]) if runs else None
    if not diff:
        problem = (
            "nothing has been changed yet." if runs else f"it has not run yet; `/why {task_id}`."
        )
        raise NoDiff(task_id=task_id, problem=problem)
    file = {
        "name": f"task-{task_id}.diff",
        "title": f"Changes of task {task_id}: {title(task)}",
        "content": _beginning_of(diff),
        "snippet_type": "diff",
    }
    return _send(given, task_id, f"diff:{request.key}", file, request)


def _send(
    given: Surroundings, task_id: int, key: str, file: dict[str, str], request: Request
) -> Reply:
    """Below the task's card, or, where it has none, where it was asked for."""
    payload = {"text": file["title"], "file": file}
    with given.queue.database.write(wakes=True) as connection:
        card = outbox.card_of(connection, task_id)
        if card is None:
            here = request.channel, task_id, None, request.thread_ts
            letter = Letter(key, MessageKind.FILE, *here, payload)
        else:
            below = card.channel, task_id, card.id, None
            letter = Letter(key, MessageKind.FILE, *below, payload)
        outbox.put(connection, letter, given.queue.clock.now())
    where = "into its thread" if card else "here"
    return Reply(Outcome.DONE, f"{file['title']} is on its way {where}.", task_id)


def _end_of(lines: Iterable[str]) -> str:
    kept: deque[str] = deque()
    size, cut = 0, False
    for line in lines:
        kept.append(line)
        size += len(line.encode()) + 1
        while size > LOG_LIMIT and len(kept) > 1:
            size -= len(kept.popleft().encode()) + 1
            cut = True
    text = "\n".join(kept).encode()[-LOG_LIMIT:].decode(errors="ignore")
    return f"… what was before is left out\n{text}" if cut or size > LOG_LIMIT else text


def _beginning_of(diff: str) -> str:
    whole = diff.encode()
    if len(whole) <= DIFF_LIMIT:
        return diff
    text = whole[:DIFF_LIMIT].decode(errors="ignore")
    return f"{text}\n… {len(whole) - DIFF_LIMIT:,} more bytes are left out; see the task's branch\n"
