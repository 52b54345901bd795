"""What there is to say of a task, line by line, in mrkdwn that is ready to be shown.

Whatever people, models and programs wrote goes through `line_of` or `code_of`: one line, no longer
than told, nothing in it that Slack would take for a mention. Nothing here depends on what time it
is, so that the same state makes the same bytes.
"""

import re
import unicodedata
from datetime import timedelta
from typing import Final

from core.models import Run, Task, TaskStatus
from core.money import NANO_PER_CENT, shown, shown_exactly
from core.task_view import TaskView
from interfaces.slack.rendering import words
from interfaces.slack.rendering.states import steps_of

#: what a person's ID looks like; everything else that may have asked is only a name
_PERSON: Final = re.compile(r"[UW][A-Z0-9]{2,30}", re.ASCII)
_NAME_CHARS: Final = 60
TITLE_CHARS: Final = 120
ERROR_CHARS: Final = 300
_NAMED_FILES: Final = 3
_SHA_CHARS: Final = 7
_SEPARATOR: Final = "  ·  "
#: bidirectional overrides: with them a file's name could turn round what we say after it
_TURNING: Final = frozenset(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c\u200e\u200f"
)


def readable(text: str) -> str:
    """Without what no message can carry: halves of characters, control characters, overrides."""
    whole = text.encode(errors="replace").decode()
    return "".join(each for each in whole if _may_stand(each))


def _may_stand(character: str) -> bool:
    if character in _TURNING:
        return False
    return character in "\n\t" or unicodedata.category(character) != "Cc"


def line_of(text: str, limit: int) -> str:
    """One line of somebody else's words, escaped."""
    start = text[: 4 * limit]  # of a long text the rest does not matter
    return words.escape(shortened(" ".join(readable(start).split()), limit))


def shortened(line: str, limit: int) -> str:
    """(`words.clipped` is for texts: it closes code blocks, on a line of their own.)"""
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def code_of(text: str, limit: int = _NAME_CHARS) -> str:
    """A name in a code span that it cannot leave."""
    name = line_of(text.replace("`", "'"), limit)
    return f"`{name}`" if name else "`?`"


def title_of(task: Task) -> str:
    """The first line that says something; an asterisk would end the bold it stands in."""
    lines = (line_of(line, TITLE_CHARS) for line in task.description.splitlines())
    return next((line for line in lines if line), f"Task {task.id}").replace("*", "\u2217")


def mention_of(task: Task) -> str | None:
    """Pings who asked, if that is a person of the chat."""
    asked = task.assigned_to
    return f"<@{asked}>" if asked and _PERSON.fullmatch(asked) else None


def steps_line(run: Run) -> str:
    return _SEPARATOR.join(f"{mark} {name}" for name, mark in steps_of(run))


def facts_line(view: TaskView) -> str:
    """Whose it is, what it costs, how often it was tried."""
    task = view.task
    who = mention_of(task) or (task.assigned_to and line_of(task.assigned_to, _NAME_CHARS))
    return _joined(
        *_marked(view),
        _project_of(task),
        who,
        task.priority.value,
        cost_of(view),
        *_counts_of(view),
    )


def cost_line(view: TaskView) -> str:
    """The same where whose it is has been said already: a second mention would ping again."""
    return _joined(*_marked(view), _project_of(view.task), cost_of(view), *_counts_of(view))


def _joined(*parts: str | None) -> str:
    return _SEPARATOR.join(filter(None, parts))


def _marked(view: TaskView) -> tuple[str | None, str]:
    return "*REHEARSAL*" if view.rehearsal else None, f"#{view.task.id}"


def _project_of(task: Task) -> str | None:
    name = task.project_name or task.project_id
    return code_of(name) if name else None


def _counts_of(view: TaskView) -> list[str | None]:
    task, turns = view.task, view.run.num_turns if view.run else 0
    return [
        count_of(turns, "turn") if turns else None,
        count_of(task.attempt_count, "attempt") if task.attempt_count > 1 else None,
        count_of(task.crash_count, "crash", "crashes") if task.crash_count else None,
        f"{count_of(view.instructions, 'instruction')} waiting" if view.instructions else None,
    ]


def count_of(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def cost_of(view: TaskView) -> str:
    cap = view.task.max_cost_nano
    return dollars(view.spent) + (f" of at most {dollars(cap)}" if cap else "")


def dollars(nano: int) -> str:
    """In cents, as everywhere; exactly where that would say nothing."""
    return shown_exactly(nano) if 0 < nano < NANO_PER_CENT else shown(nano)


def outcome_line(view: TaskView) -> str:
    """How long it took, what it changed, where that is."""
    run = view.run
    return _joined(duration_of(run), files_of(run), _place_of(run)) if run else ""


def duration_of(run: Run) -> str | None:
    return None if run.ended_at is None else span_of(run.ended_at - run.started_at)


def span_of(span: timedelta) -> str:
    """`42 s`, `4 min 12 s`, `1 h 05 min`."""
    seconds = max(0, round(span.total_seconds()))
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours:,} h {minutes:02d} min"
    return f"{minutes} min {seconds % 60:02d} s" if minutes else f"{seconds} s"


def files_of(run: Run) -> str | None:
    """`5 files: a.py, b.py, c.py and 2 more`; None: nobody has looked yet."""
    files = run.files_changed
    if files is None:
        return None
    if not files:
        return "no file changed"
    rest = len(files) - _NAMED_FILES
    names = ", ".join(code_of(name) for name in files[:_NAMED_FILES])
    return f"{count_of(len(files), 'file')}: {names}" + (f" and {rest:,} more" if rest > 0 else "")


def _place_of(run: Run) -> str | None:
    if run.merge_sha:
        return f"landed as {code_of(run.merge_sha[:_SHA_CHARS])}"
    return f"on {code_of(run.branch)}" if run.branch and has_work(run) else None


def has_work(run: Run) -> bool:
    """There is something to see on its branch, or it has landed."""
    return bool(run.merge_sha) or bool(run.head_sha and run.head_sha != run.base_sha)


def error_line(task: Task) -> str:
    """`refuted: pytest -q says no`, in one line."""
    message = line_of(task.error_message or "", ERROR_CHARS)
    kind = line_of(task.error_class or "", _NAME_CHARS)
    if task.status is TaskStatus.FAILED and not message:
        message = "no message was left"
    return f"{kind}: {message}" if kind and message else message or kind
