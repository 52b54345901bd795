"""The middle of the message that ends a task: the agent's last words, or what went wrong."""

from typing import Final

from core.models import TaskStatus
from core.task_view import TaskView
from interfaces.slack.rendering import blocks, facts, words
from interfaces.slack.rendering.blocks import Block, units

#: of what a program printed, the end says why it stopped
_TAIL_LINES: Final = 20
_TAIL_LINE_CHARS: Final = 200
#: leaves room for the fence and its surroundings in a section
_TAIL_UNITS: Final = 2_600
#: leaves room for what Slack may add when it converts
_OUTPUT_UNITS: Final = 11_500


def last_words(output: str) -> list[Block]:
    """The result as the model wrote it: Markdown that pings nobody."""
    said = facts.readable(output[: 2 * _OUTPUT_UNITS]).strip()
    if not said:
        return []
    whole = words.neutralise(said)
    shown = _within(whole, _OUTPUT_UNITS)
    made = [blocks.markdown(shown, "task:result")]
    if shown != whole or len(output) > 2 * _OUTPUT_UNITS:
        made.append(blocks.context("It says more: *View log* shows all of it.", "task:clipped"))
    return made


def _within(text: str, limit: int) -> str:
    """The start of it, ended at a line if one ends near, counted as Slack counts."""
    if units(text) <= limit:
        return text
    start = text.encode("utf-16-le")[: 2 * limit].decode("utf-16-le", errors="ignore")
    line_end = start.rfind("\n", len(start) // 2)
    return (start[:line_end] if line_end > 0 else start).rstrip() + " …"


def what_went_wrong(view: TaskView) -> list[Block]:
    """The end of what was printed, and what to do next."""
    printed = tail_of(_printed(view))
    made = [blocks.section(printed, "task:output")] if printed else []
    return [*made, blocks.section(_what_next(view), "task:next")]


def _printed(view: TaskView) -> str:
    """What the check said; else an error of more lines than the headline has room for."""
    checked = view.run.verify_output if view.run and view.run.verified is False else None
    error = view.task.error_message or ""
    long = "\n" in error.strip() or len(error) > facts.ERROR_CHARS
    return checked or (error if long else "")


def tail_of(printed: str) -> str:
    """Its last lines in a code fence that they cannot close; nothing for nothing."""
    # far more than is shown: a program may have printed one endless line
    end = facts.readable(printed[-(_TAIL_LINES * _TAIL_LINE_CHARS * 4) :]).strip("\n")
    lines = [_fenced(line) for line in end.split("\n")[-_TAIL_LINES:]]
    while lines and units("\n".join(lines)) > _TAIL_UNITS:
        lines = lines[1:]
    return "```\n" + "\n".join(lines) + "\n```" if any(lines) else ""


def _fenced(line: str) -> str:
    return words.escape(facts.shortened(line.rstrip(), _TAIL_LINE_CHARS).replace("```", "'''"))


def _what_next(view: TaskView) -> str:
    task = view.task
    if task.status is not TaskStatus.FAILED:
        return f"`/results {task.id}` says more."
    more = f"`/results {task.id}` says more, *View log* everything."
    if task.max_cost_nano is not None and view.spent >= task.max_cost_nano:
        raise_it = f"`sleepless tasks retry {task.id} --max-cost USD`"
        return f"It has used up what it may cost; {raise_it} gives it more. {more}"
    if view.run and facts.has_work(view.run):
        return f"Its work is kept: *Retry* on the card goes on from there. {more}"
    return f"*Retry* on the card tries it again. {more}"
