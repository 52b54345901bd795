"""Sentences that several of the bot's replies share, and errors in the words of a chat."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from core.errors import MovedOn, NotYours, SleeplessError
from core.models import Task, TaskStatus, WaitReason
from core.task_view import TaskView
from core.why import Why
from interfaces.bot_values import Outcome, Reply
from interfaces.grammar import Hint
from interfaces.moments import say_moment
from interfaces.plain import harmless, one_line

#: as much of a text as tells which task is meant
_TITLE: Final = 100
#: what core advises for a shell, and what does the same here
_IN_CHAT: Final = {
    "`sleepless costs --by project`": "`/costs`",
    "`sleepless tasks` lists": "`/tasks` lists",
    "give a higher --max-cost.": (
        "queue it anew with a higher one, or raise it in a shell:"
        " `sleepless tasks retry ID --max-cost USD`."
    ),
}


def title(task: Task) -> str:
    """The first words of a task's text."""
    return one_line(task.description.strip().partition("\n")[0], _TITLE)


def said(status: TaskStatus) -> str:
    return status.value.replace("_", " ")


def in_chat(error: SleeplessError) -> str:
    message = error.message
    for shell, chat in _IN_CHAT.items():
        message = message.replace(shell, chat)
    return harmless(message)


def reply_to(error: SleeplessError) -> Reply | None:
    """None: nothing that who asked could do about it."""
    task_id = error.facts.get("task_id")
    task_id = task_id if isinstance(task_id, int) else None
    match error:
        case MovedOn():
            return Reply(Outcome.STALE, in_chat(error), task_id)
        case NotYours():
            return Reply(Outcome.REFUSED, in_chat(error), task_id)
        case _ if error.exit_code > 1:
            return Reply(Outcome.HINT, in_chat(error), task_id)
    return None


def reply_to_hint(hint: Hint) -> Reply:
    if hint.corrected is None:
        return Reply(Outcome.HINT, harmless(hint.problem))
    corrected = harmless(hint.corrected)
    quoted = corrected if "`" in corrected or "\n" in corrected else f"`{corrected}`"
    return Reply(Outcome.HINT, f"{harmless(hint.problem)}\nTry: {quoted}")


def waits(found: Why | None, now: datetime, zone: ZoneInfo) -> list[str]:
    """Why a waiting task does not start at once, and when it could; nothing when it could."""
    if found is None or found.status is not TaskStatus.PENDING:
        return []
    later = found.earliest if found.earliest and found.earliest > now else None
    match found.reason:
        case None if found.earliest:
            return []
        case WaitReason.BUDGET:
            when = f", next check {say_moment(later, zone)}" if later else ""
            return [f"Queued — waits for budget{when}.", found.sentence]
        case WaitReason.NOT_BEFORE if later:
            return [f"It waits for its time: not before {say_moment(later, zone)}."]
    earliest = [f"Earliest start: {say_moment(later, zone)}."] if later else []
    return [harmless(found.sentence), *earliest]


def waits_of(view: TaskView, zone: ZoneInfo) -> list[str]:
    return waits(view.why, view.now, zone)


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 run`, `2 runs`"""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def lasted(milliseconds: int) -> str:
    """`840 ms`, `12 s`, `3 min 5 s`, `2 h 4 min`"""
    seconds = milliseconds // 1000
    if seconds == 0:
        return f"{milliseconds} ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes_rest = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_rest} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds} s"
