"""A task's card, and what its thread is told when it ends: from a view to blocks, and nothing else.

The card is edited in place, so it shows the present and no history; it is short, because vertical
space is what a conversation has least of. The thread gets what deserves a ping: the result, or what
failed and what to do about it. The same view makes the same bytes: times are Slack's date tokens,
and no sentence counts minutes.
"""

from dataclasses import dataclass, field

from core.models import Task, TaskStatus, WaitReason
from core.task_view import TaskView
from interfaces.slack.rendering import blocks, endings, facts, words
from interfaces.slack.rendering.blocks import Block
from interfaces.slack.rendering.buttons_of import buttons_of
from interfaces.slack.rendering.states import State, state_of

__all__ = ["Rendered", "card", "failure", "result"]

#: times of a running task: the day is said by what stands around it
_TIME = "{time}"


@dataclass(frozen=True, slots=True)
class Rendered:
    #: one line: the notification, and what a screen reader reads
    text: str
    blocks: list[Block] = field(default_factory=list)


def card(view: TaskView) -> Rendered:
    """At most four blocks, buttons included."""
    made = [blocks.section(_headline(view), "task:state")]
    if view.run is not None:
        made.append(blocks.context(facts.steps_line(view.run), "task:steps"))
    made.append(blocks.context(facts.facts_line(view), "task:facts"))
    if buttons := buttons_of(view):
        made.append(blocks.actions(buttons, "task:actions"))
    return Rendered(_spoken(view), made)


def result(view: TaskView) -> Rendered:
    """For the thread of a task that is done: who asked is pinged, the agent has the word."""
    output = view.run.output if view.run else None
    return _ending(view, endings.last_words(output or ""))


def failure(view: TaskView) -> Rendered:
    """For the thread of a task that failed: what, the end of what was printed, what to do."""
    return _ending(view, endings.what_went_wrong(view))


def _ending(view: TaskView, body: list[Block]) -> Rendered:
    ping = facts.mention_of(view.task)
    lead = f"{ping} " if ping else ""
    head = blocks.section(f"{lead}{_headline(view)}", "task:ending")
    foot = blocks.context(facts.cost_line(view), "task:facts")
    return Rendered(f"{lead}{_spoken(view)}", [head, *body, foot])


def _headline(view: TaskView) -> str:
    state = _state(view)
    detail = _detail(view)
    return f"{state.icon} *{facts.title_of(view.task)}*\n*{state.word}*{detail}"


def _spoken(view: TaskView) -> str:
    state = _state(view)
    marker = "REHEARSAL: " if view.rehearsal else ""
    cost = f", {facts.cost_of(view)}" if view.spent else ""
    title = facts.title_of(view.task)
    return f"{state.icon} {marker}{state.word}: {title} (#{view.task.id}{cost})"


def _state(view: TaskView) -> State:
    return state_of(view.task, view.run, view.why.reason if view.why else None)


def _detail(view: TaskView) -> str:
    """What follows the state's word."""
    match view.task.status:
        case TaskStatus.PENDING:
            return _waiting(view)
        case TaskStatus.IN_PROGRESS:
            return f" since {words.moment(view.run.started_at, _TIME)}" if view.run else ""
        case TaskStatus.FAILED:
            return f"  ·  {facts.error_line(view.task)}"
        case TaskStatus.CANCELLED:
            return _cancelled(view.task)
        case TaskStatus.IN_REVIEW | TaskStatus.COMPLETED:
            outcome = facts.outcome_line(view)
            return f"  ·  {outcome}" if outcome else ""


def _waiting(view: TaskView) -> str:
    why = view.why
    if why is None:
        return ""
    sentence = facts.line_of(why.sentence, facts.ERROR_CHARS)
    # without a reason the earliest start is the moment of the look, and no fact about the task
    if why.reason is None or why.earliest is None:
        return f"  ·  {sentence}"
    word = "Next look" if why.reason is WaitReason.BACKEND_DOWN else "Earliest start"
    return f"  ·  {sentence} {word}: {words.moment(why.earliest)}."


def _cancelled(task: Task) -> str:
    return f" {words.moment(task.completed_at)}" if task.completed_at else ""
