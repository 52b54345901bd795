"""Tasks in a line each, packed into as few blocks as Slack's limits allow. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from core.models import TaskStatus, WaitReason
from core.night_report import Listed, Spent
from core.task_view import TaskView
from interfaces.slack.rendering import facts, words
from interfaces.slack.rendering.blocks import SECTION_LIMIT, Block, section, units
from interfaces.slack.rendering.states import state_of

REHEARSAL: Final = "*REHEARSAL*"
_REASON_CHARS: Final = 200
_PROJECT_CHARS: Final = 40


def line_of(view: TaskView) -> str:
    """`✅ *Add a login*  ·  #42  ·  `my-app`  ·  $0.42`, and what else there is to say of it."""
    task = view.task
    state = state_of(task, view.run, view.why.reason if view.why else None)
    name = task.project_name or task.project_id
    parts = (
        f"{state.icon} *{facts.title_of(task)}*",
        f"#{task.id}",
        facts.code_of(name, _PROJECT_CHARS) if name else None,
        facts.cost_of(view) if view.run else None,
        REHEARSAL if view.rehearsal else None,
        _further(view),
    )
    return "  ·  ".join(part for part in parts if part) + _reason(view)


def _further(view: TaskView) -> str | None:
    match view.task.status:
        case TaskStatus.COMPLETED:
            return "verified" if view.run and view.run.verified else "not verified"
        case TaskStatus.IN_PROGRESS if view.run and view.run.num_turns:
            return facts.count_of(view.run.num_turns, "turn")
    return None


def _reason(view: TaskView) -> str:
    """On a line of its own: why it failed, or why it waits and until when."""
    if view.task.status is TaskStatus.FAILED:
        error = facts.line_of(view.task.error_message or "", _REASON_CHARS)
        return f"\n{error or 'no message was left'}"
    why = view.why
    if why is None:
        return ""
    sentence = facts.line_of(why.sentence, _REASON_CHARS)
    # without a reason the earliest start is the moment of the look, and no fact about the task
    if why.reason is None or why.earliest is None:
        return f"\n{sentence}"
    word = "Next look" if why.reason is WaitReason.BACKEND_DOWN else "Earliest start"
    return f"\n{sentence} {word}: {words.moment(why.earliest)}."


def packed(lines: Sequence[str], block_id: str) -> Iterator[Block]:
    """As few sections as hold them; a line is never parted, and shorter than a section may be."""
    page: list[str] = []
    number = 0
    for line in lines:
        if page and units("\n".join((*page, line))) > SECTION_LIMIT:
            yield section("\n".join(page), f"{block_id}:{number}")
            page, number = [], number + 1
        page.append(line)
    if page:
        yield section("\n".join(page), f"{block_id}:{number}")


def group(title: str, listed: Listed, block_id: str) -> Iterator[Block]:
    """Nothing for nothing."""
    if not listed.total:
        return
    more = [f"and {listed.more:,} more"] if listed.more > 0 else []
    lines = [f"*{title}* ({listed.total:,})", *(line_of(view) for view in listed.tasks), *more]
    yield from packed(lines, block_id)


def spent(cost: Spent) -> str:
    """`$0.42`, and what was rehearsed apart from it."""
    if not cost.rehearsed:
        return facts.dollars(cost.real)
    rehearsed = f"{facts.dollars(cost.rehearsed)} {REHEARSAL}"
    return f"{facts.dollars(cost.real)} and {rehearsed}" if cost.real else rehearsed
