"""`sleepless task`: its text is kept to the letter, and only our own long options are options."""

import logging
import sys
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, Final

import click

from core import projects
from core.errors import BadTask
from core.models import Task, TaskPriority, TaskStatus
from core.money import Nano
from core.ownership import database_lock, who_owns
from core.task_queue import TaskQueue, Wishes
from core.why import why
from interfaces.cli.failures import FAILED, no_such_option
from interfaces.cli.invocation import Invocation, who_asks
from interfaces.cli.objects import task_object
from interfaces.cli.output import note, say, say_json
from interfaces.cli.values import DOLLARS, TASK_ID, json_option
from interfaces.moments import read_moment, say_moment

if TYPE_CHECKING:
    from datetime import datetime

#: seconds between two looks at a task that `--wait` waits for
_LOOK_AGAIN: Final = 0.25
#: a line with \\b alone keeps the lines below it as they are
_HELP: Final = """Queue a task and print its id.

TEXT is one quoted text, several words, or - for stdin. Only the options below are options: words
with a single dash are text, and so is everything behind --.

\b
  sleepless task Run mkdir -p build/out then compile --project "My App"
  sleepless task -- Add a --verbose flag
  sleepless task - < task.md
"""
_OVER: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})


class TextCommand(click.Command):
    """Words with one dash are text, unknown ones with two are refused, and order is kept: click
    alone would take `mkdir -p build` apart.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options, text = self._sort(ctx, args)
        return super().parse_args(ctx, [*options, "--", *text])

    def _sort(self, ctx: click.Context, args: list[str]) -> tuple[list[str], list[str]]:
        if args == ["-h"]:
            return ["--help"], []
        options: list[str] = []
        text: list[str] = []
        words = iter(args)
        for word in words:
            if word == "--":
                text.extend(words)
            elif word.startswith("--"):
                option = self._option(ctx, word)
                self._refuse_twice(ctx, option, options)
                options.append(_complete(ctx, option, word, words))
            else:
                text.append(word)
        return options, text

    def _option(self, ctx: click.Context, word: str) -> click.Option:
        name = word.partition("=")[0]
        known = {
            opt: param
            for param in self.get_params(ctx)
            if isinstance(param, click.Option)
            for opt in param.opts
            if opt.startswith("--")
        }
        if name in known:
            return known[name]
        error = no_such_option(name.split()[0], sorted(known), ctx)
        advice = ' If it belongs to the text, put it behind --, as in: sleepless task -- "'
        raise click.UsageError(f'{error.message}{advice}{word} …".', ctx)

    def _refuse_twice(self, ctx: click.Context, option: click.Option, so_far: list[str]) -> None:
        name = option.opts[0]
        if not option.multiple and any(given.partition("=")[0] in option.opts for given in so_far):
            problem = f"{name} is given twice; what belongs to the text goes behind --."
            raise click.UsageError(problem, ctx)


def _complete(ctx: click.Context, option: click.Option, word: str, words: Any) -> str:
    """`--name=value` as one word, so that a value can never be taken for something else."""
    name, equals, _ = word.partition("=")
    if option.is_flag or option.name == "help":
        if equals:
            raise click.UsageError(f"{name} takes no value.", ctx)
        return word
    if equals:
        return word
    value = next(words, None)
    if value is None or value.startswith("--"):
        problem = f"{name} needs a value; one that starts with -- is given as {name}=VALUE."
        raise click.UsageError(problem, ctx)
    return f"{name}={value}"


@dataclass(frozen=True, slots=True)
class Order:
    """What was typed."""

    text: tuple[str, ...]
    project: str | None
    priority: str
    max_cost: Nano | None
    model: str | None
    after: tuple[int, ...]
    not_before: str | None
    key: str | None
    wait: bool
    as_json: bool


@click.command("task", cls=TextCommand, short_help="Queue a task.", help=_HELP)
@click.argument("text", nargs=-1, required=True)
@click.option("--project", metavar="NAME", help="Work in this project's workspace.")
@click.option(
    "--priority",
    type=click.Choice([priority.value for priority in TaskPriority]),
    default=TaskPriority.SERIOUS.value,
    help="serious (the default) goes before random.",
)
@click.option("--max-cost", type=DOLLARS, metavar="USD", help="The most it may cost in all.")
@click.option("--model", metavar="MODEL", help="Instead of agent.model.")
@click.option(
    "--after", type=TASK_ID, multiple=True, metavar="ID", help="Start after this task; repeatable."
)
@click.option(
    "--not-before", metavar="TIME", help="2026-11-21T20:00, 20:00 (the next one) or +2h30m."
)
@click.option("--key", metavar="KEY", help="A second call with the same key adds nothing.")
@click.option("--wait", is_flag=True, help="Wait until it is over; exit 1 unless completed.")
@json_option
@click.pass_obj
def task(invocation: Invocation, /, **typed: Any) -> None:
    order = Order(**typed)
    text = _text(order.text)
    with invocation.queue_made() as queue:
        _tell_of_clash(queue, order.project)
        added = queue.add_task(
            text,
            TaskPriority(order.priority),
            project_name=order.project,
            wishes=_wishes(invocation, order),
        )
        if order.as_json and not order.wait:
            say_json(task_object(added))
        elif not order.as_json:
            _say_added(invocation, queue, added)
        if order.wait:
            _wait(invocation, queue, added.id, as_json=order.as_json)


def _text(words: tuple[str, ...]) -> str:
    if words != ("-",):
        return " ".join(words)
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise BadTask(problem="the text on stdin is not UTF-8") from None


def _wishes(invocation: Invocation, order: Order) -> Wishes:
    if order.model is not None and (not order.model.strip() or order.model.startswith("-")):
        raise BadTask(problem=f"{order.model!r} is not the name of a model")
    return Wishes(
        max_cost=order.max_cost,
        model=order.model,
        after=order.after,
        not_before=_not_before(invocation, order.not_before),
        idempotency_key=order.key,
        requested_by=who_asks(),
    )


def _not_before(invocation: Invocation, text: str | None) -> "datetime | None":
    if text is None:
        return None
    zone, now = invocation.settings.budget.zone, invocation.time.now()
    moment = read_moment(text, now, zone)
    if moment <= now:
        note(f"{say_moment(moment, zone)} is over; the task may start at once")
    return moment


def _tell_of_clash(queue: TaskQueue, name: str | None) -> None:
    if name is None:
        return
    # this note is better than core's own warning of the same
    logging.getLogger("core.task_queue").setLevel(logging.ERROR)
    slug = projects.slug_of(name)
    with queue.database.read() as session:
        known = projects.known_as(session, slug, name)
    if known is not None:
        note(f'"{name}" is the project {slug}, known as "{known}"')


def _say_added(invocation: Invocation, queue: TaskQueue, added: Task) -> None:
    """The id alone in a pipe; to people also when and why, if it cannot start at once."""
    if not invocation.terminal:
        click.echo(added.id)
        return
    say(f"Task {added.id} is queued.")
    found = why(queue, invocation.policy, invocation.slots, added.id)
    at_once = found.earliest is not None and found.earliest <= invocation.time.now()
    if not at_once:
        say(found.sentence)
        if found.earliest:
            zone = invocation.settings.budget.zone
            say(f"Earliest start: {say_moment(found.earliest, zone)}")
    if not _daemon_runs(queue):
        say("No daemon is running here; `sleepless up` starts one.")


def _daemon_runs(queue: TaskQueue) -> bool:
    """On PostgreSQL daemons may run anywhere; nothing is said of them."""
    path = queue.database.path
    return path is None or who_owns(database_lock(path)) is not None


def _wait(invocation: Invocation, queue: TaskQueue, task_id: int, *, as_json: bool) -> None:
    if not _daemon_runs(queue):
        note("no daemon is running here, so this waits until one does (`sleepless up`)")
    look_again = Event()
    while (found := queue.get_task(task_id)).status not in _OVER:
        look_again.wait(_LOOK_AGAIN)
    if as_json:
        say_json(task_object(found))
    elif invocation.terminal:
        say(f"Task {task_id} is {found.status.value}. {found.error_message or ''}".rstrip())
    if found.status is not TaskStatus.COMPLETED:
        sys.exit(FAILED)
