"""Every command there is, once: the help, the app's manifest and the tests read this table."""

from dataclasses import dataclass
from typing import Final

from interfaces.grammar import Verb, slash


@dataclass(frozen=True, slots=True)
class Described:
    """`usage` is what stands behind the command; `example` is a whole one."""

    usage: str
    summary: str
    example: str


COMMANDS: Final = {
    Verb.TASK: Described(
        "TEXT [--project=NAME --random --max-cost=USD --model=NAME --after=ID --at=TIME]",
        "Queue a task; without a text a form opens.",
        "/task Implement user authentication --project=my-app",
    ),
    Verb.THINK: Described(
        "TEXT [--project=NAME …]",
        "Queue a thought: it is done when nothing serious waits.",
        "/think Compare three ways to cache the search --project=my-app",
    ),
    Verb.STATUS: Described("[ID]", "What runs and what waits, or one task.", "/tasks 42"),
    Verb.RESULTS: Described(
        "[ID]", "What came of a task, or of the last five that ended.", "/results 42"
    ),
    Verb.WHY: Described(
        "ID", "Why a task does not run now, and when it could.", "/why 42"
    ),
    Verb.PRIORITY: Described(
        "ID serious|random", "Move a waiting task before or behind the others.",
        "/priority 15 serious",
    ),
    Verb.CANCEL: Described("ID", "Cancel a task that waits, stop one that runs.", "/cancel 5"),
    Verb.RETRY: Described(
        "ID", "Queue a failed or cancelled task again; it goes on where it stopped.", "/retry 42"
    ),
    Verb.CREDITS: Described(
        "[detail]", "What is left of the budget; with detail: limits, holds and when they change.",
        "/credits detail",
    ),
    Verb.COSTS: Described(
        "[PROJECT]", "What was spent by project, or by day and model of one.", "/costs my-app"
    ),
    Verb.HEALTH: Described("", "How the daemon is.", "/health"),
    Verb.METRICS: Described(
        "", "What became of tasks lately, how long runs took and what they cost.", "/metrics"
    ),
}  # fmt: skip


def help_text() -> str:
    lines = [f"{each.example}\n    {each.summary}" for each in COMMANDS.values()]
    return "\n".join(["What you can say, by example:", *lines, *_BESIDES])


def help_for(verb: Verb) -> str:
    described = COMMANDS[verb]
    usage = f"{slash(verb)} {described.usage}".rstrip()
    return f"{usage}\n{described.summary}\nFor example: {described.example}"


_BESIDES: Final = (
    "A reply in a task's thread is told to its agent; one that begins with “aside:” is not.",
    "“mute” in the thread keeps everything but the card out of it, “unmute” lets it in again.",
)
