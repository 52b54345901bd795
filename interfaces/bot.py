"""The bot: what a person says or presses in a chat becomes a change in the queue and a reply.

It knows nothing of the chat service, waits for nobody, and belongs in a thread: every method is a
few short transactions. All its texts are plain; who shows them escapes them. Who may talk to it at
all is decided before it is asked; who may change a task is decided here.
"""

from collections.abc import Callable

import structlog

from core.errors import SleeplessError
from core.models import Task, TaskPriority
from interfaces import (
    bot_changes,
    bot_figures,
    bot_files,
    bot_looks,
    bot_orders,
    bot_threads,
    bot_words,
)
from interfaces.bot_commands import COMMANDS, help_for, help_text
from interfaces.bot_values import Action, Outcome, Reply, Request, Seen, Surroundings
from interfaces.grammar import Command, Hint, Order, Verb, parse, parse_said

__all__ = [
    "COMMANDS",
    "Action",
    "Bot",
    "Outcome",
    "Reply",
    "Request",
    "Seen",
    "Surroundings",
]

log = structlog.get_logger(__name__)


class Bot:
    """Foreseen mistakes are replies that say what to do; whatever else goes wrong is raised."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._given = surroundings

    def command(self, verb: Verb, text: str, request: Request) -> Reply:
        """A slash command."""
        return self._follow(parse(verb, text), request)

    def said(self, text: str, request: Request) -> Reply:
        """A mention, or a direct message."""
        return self._follow(parse_said(text), request)

    def submit(self, order: Order, request: Request) -> Reply:
        """The form."""
        return _answered(lambda: self._add(order, TaskPriority.SERIOUS, request))

    def instruct(self, task_id: int, text: str, request: Request) -> Reply:
        """A reply in a task's thread."""
        return _answered(lambda: bot_threads.instruct(self._given, task_id, text, request))

    def press(self, action: Action, seen: Seen, request: Request) -> Reply:
        """A button. What would change a task that has moved on changes nothing."""
        return _answered(lambda: self._pressed(action, seen, request))

    def help(self) -> str:
        return help_text()

    def _follow(self, read: Command | Hint, request: Request) -> Reply:
        if isinstance(read, Hint):
            return bot_words.reply_to_hint(read)
        return _answered(lambda: self._obey(read, request))

    def _obey(self, command: Command, request: Request) -> Reply:
        match command:
            case Command(Verb.TASK | Verb.THINK, order=None):
                return Reply(Outcome.FORM, bot_orders.ASK_FOR_A_TEXT)
            case Command(Verb.TASK, order=Order() as order):
                return self._add(order, TaskPriority.SERIOUS, request)
            case Command(Verb.THINK, order=Order() as order):
                return self._add(order, TaskPriority.RANDOM, request)
            case Command(task_id=int(task_id)):
                return self._about(task_id, command, request)
        return self._in_general(command, request)

    def _about(self, task_id: int, command: Command, request: Request) -> Reply:
        given = self._given
        match command:
            case Command(Verb.PRIORITY, priority=TaskPriority() as priority):
                return bot_changes.reprioritise(given, task_id, priority, request)
            case Command(Verb.CANCEL):
                return bot_changes.cancel(given, task_id, request)
            case Command(Verb.RETRY):
                return bot_changes.retry(given, task_id, request)
            case Command(Verb.RESULTS):
                return bot_looks.results(given, task_id)
            case Command(Verb.WHY):
                return bot_looks.why(given, task_id, request)
        return bot_looks.task_status(given, task_id, request)

    def _in_general(self, command: Command, request: Request) -> Reply:
        given, word = self._given, command.word
        known: dict[Verb, Callable[[], Reply]] = {
            Verb.STATUS: lambda: bot_looks.queue_status(given, request),
            Verb.RESULTS: lambda: bot_looks.last_results(given, request),
            Verb.CREDITS: lambda: bot_figures.credits_(given, detail=word == "detail"),
            Verb.COSTS: lambda: bot_figures.costs(given, word),
            Verb.HEALTH: lambda: bot_figures.health(given, request),
            Verb.METRICS: lambda: bot_figures.metrics(given),
        }
        return known.get(command.verb, lambda: Reply(Outcome.DONE, self._help_with(word)))()

    def _add(self, order: Order, priority: TaskPriority, request: Request) -> Reply:
        name = order.project or request.default_project
        task = self._create_task(order, order.priority or priority, request, project_name=name)
        return bot_orders.reply_created(self._given, task, order, request, order.project)

    def _create_task(
        self,
        order: Order,
        priority: TaskPriority,
        request: Request,
        project_name: str | None = None,
    ) -> Task:
        return bot_orders.create(self._given, order, priority, request, project_name)

    def _pressed(self, action: Action, seen: Seen, request: Request) -> Reply:
        given, task_id = self._given, seen.task_id
        match action:
            case Action.START_NOW:
                return bot_changes.start_now(given, seen, request)
            case Action.CANCEL | Action.STOP:
                return bot_changes.cancel(given, task_id, request, seen)
            case Action.RETRY:
                return bot_changes.retry(given, task_id, request, seen)
            case Action.LOG:
                return bot_files.send_log(given, task_id, request)
            case Action.DIFF:
                return bot_files.send_diff(given, task_id, request)
            case Action.MUTE | Action.UNMUTE:
                muted = action is Action.MUTE
                return bot_threads.mute(given, task_id, request, muted=muted)

    def _help_with(self, word: str | None) -> str:
        try:
            return help_for(Verb(word or ""))
        except (ValueError, KeyError):
            return self.help()


def _answered(work: Callable[[], Reply]) -> Reply:
    try:
        return work()
    except SleeplessError as error:
        reply = bot_words.reply_to(error)
        if reply is None:
            raise
        if reply.outcome is Outcome.REFUSED:
            log.info("slack.refused", task_id=reply.task_id, because=error.code)
        return reply
