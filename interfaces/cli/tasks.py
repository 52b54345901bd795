"""`sleepless tasks`: what there is, how it stands, and the few things one may do to it."""

from typing import Any

import click

from core import admission
from core.errors import NoLog
from core.models import Task, TaskPriority, TaskStatus
from core.money import Nano, canonical, shown_exactly
from core.projects import slug_of_known
from core.task_queue import Cancellation, Page
from core.why import Why, why
from interfaces.cli.failures import no_such_command
from interfaces.cli.invocation import Invocation, who_asks
from interfaces.cli.objects import iso, run_object, task_object
from interfaces.cli.output import say, say_json, say_table
from interfaces.cli.values import DOLLARS, TASK_ID, json_option
from interfaces.moments import say_moment
from interfaces.plain import one_line
from interfaces.run_log import RunLogs


class Tasks(click.Group):
    """`sleepless tasks` alone, or with options, lists."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_for_help = args[:1] and args[0] in ctx.help_option_names
        if not asks_for_help and (not args or args[0].startswith("-")):
            args = ["list", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands:
            raise no_such_command(args[0], list(self.commands), ctx)
        return super().resolve_command(ctx, args)


@click.group("tasks", cls=Tasks)
def tasks() -> None:
    """List, explain, cancel and retry tasks.

    Without a command, or with options alone: list.
    """


@tasks.command("list")
@click.option(
    "--status",
    type=click.Choice([status.value for status in TaskStatus]),
    help="Only those in this state.",
)
@click.option("--project", metavar="NAME", help="Only those of this project.")
@click.option(
    "--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many."
)
@click.option("--before", type=TASK_ID, metavar="ID", help="Go on below this id.")
@json_option
@click.pass_obj
def list_(invocation: Invocation, /, as_json: bool, **wanted: Any) -> None:  # noqa: FBT001 - click's signature
    """List tasks, the newest first."""
    with invocation.queue() as queue:
        if wanted["project"] is not None:
            with queue.database.read() as session:
                wanted["project"] = slug_of_known(session, wanted["project"])
        status = wanted["status"] and TaskStatus(wanted["status"])
        page = queue.list_tasks(status, wanted["project"], wanted["limit"], wanted["before"])
    if as_json:
        found = [task_object(task) for task in page.tasks]
        say_json({"tasks": found, "total": page.total, "next_before": page.next_before})
    else:
        _say_page(invocation, page)


def _say_page(invocation: Invocation, page: Page) -> None:
    rows = [
        (
            task.id,
            task.status.value,
            task.wait_reason.value if task.wait_reason else "",
            task.priority.value,
            task.project_id,
            one_line(task.description),
        )
        for task in page.tasks
    ]
    head = ("id", "status", "waits for", "priority", "project", "task")
    say_table(head, rows, terminal=invocation.terminal)
    if page.next_before is not None:
        click.echo(f"{len(rows)} of {page.total}; go on with --before {page.next_before}", err=True)


@tasks.command("show")
@click.argument("task_id", metavar="ID", type=TASK_ID)
@json_option
@click.pass_obj
def show(invocation: Invocation, task_id: int, as_json: bool) -> None:  # noqa: FBT001
    """Show a task with its runs and what it cost."""
    with invocation.queue() as queue:
        task, runs = queue.get_task(task_id), queue.runs_of(task_id)
        with queue.database.read() as session:
            spent = admission.spent_on(session, task_id)
        found = why(queue, invocation.policy, invocation.slots, task_id)
    if as_json:
        runs_ = [run_object(run) for run in runs]
        say_json({**task_object(task), "spent_usd": canonical(spent), "runs": runs_})
        return
    _say_task(invocation, task, spent, found)
    rows = [
        (
            run.number,
            run.outcome.value if run.outcome else f"{run.phase.value} now",
            say_moment(run.started_at),
            run.branch,
            run.merge_sha and run.merge_sha[:12],
            one_line(run.error_message or run.output or ""),
        )
        for run in runs
    ]
    if rows:
        say("")
        head = ("run", "outcome", "started", "branch", "merged as", "last words")
        say_table(head, rows, terminal=invocation.terminal)


def _say_task(invocation: Invocation, task: Task, spent: Nano, found: Why) -> None:
    zone = invocation.settings.budget.zone
    cap = f" of at most {shown_exactly(task.max_cost_nano)}" if task.max_cost_nano else ""
    facts = {
        f"Task {task.id}": task.status.value.replace("_", " "),
        "Priority": task.priority.value,
        "Project": task.project_id and f"{task.project_id} ({task.project_name})",
        "Model": task.model,
        "Asked by": task.assigned_to,
        "Added": say_moment(task.created_at, zone),
        "Spent": f"{shown_exactly(spent)}{cap}",
        "Why": found.sentence,
        "Earliest start": _earliest(invocation, found),
    }
    for name, value in facts.items():
        if value:
            say(f"{name}: {value}")
    say(f"\n{task.description}")


def _earliest(invocation: Invocation, found: Why) -> str | None:
    """None for what could start at once: there is no news in that."""
    if found.earliest is None or found.earliest <= invocation.time.now():
        return None
    return say_moment(found.earliest, invocation.settings.budget.zone)


@tasks.command("why")
@click.argument("task_id", metavar="ID", type=TASK_ID)
@json_option
@click.pass_obj
def why_(invocation: Invocation, task_id: int, as_json: bool) -> None:  # noqa: FBT001
    """Say why a task does not run now, and when it could."""
    with invocation.queue() as queue:
        found = why(queue, invocation.policy, invocation.slots, task_id)
    if as_json:
        reason = found.reason and found.reason.value
        said = {"reason": reason, "sentence": found.sentence, "earliest": iso(found.earliest)}
        say_json({"id": task_id, "status": found.status.value, **said})
        return
    say(found.sentence)
    earliest = _earliest(invocation, found)
    if earliest:
        say(f"Earliest start: {earliest}")


@tasks.command("log")
@click.argument("task_id", metavar="ID", type=TASK_ID)
@click.option("--follow", is_flag=True, help="Go on until the run is over.")
@json_option
@click.pass_obj
def log(invocation: Invocation, task_id: int, follow: bool, as_json: bool) -> None:  # noqa: FBT001
    """Show what the agent did, run by run."""
    with invocation.queue() as queue:
        queue.get_task(task_id)
        logs = RunLogs(queue, invocation.settings.workspace.root, task_id)
        shown = False
        for line in logs.lines(follow=follow, raw=as_json):
            shown = True
            click.echo(line)
        if not shown:
            raise NoLog(task_id=task_id, problem=logs.missing())


@tasks.command("cancel")
@click.argument("task_id", metavar="ID", type=TASK_ID)
@click.pass_obj
def cancel(invocation: Invocation, task_id: int) -> None:
    """Cancel a task that waits, stop one that runs."""
    with invocation.queue() as queue:
        match queue.cancel_task(task_id, by=who_asks()):
            case Cancellation.CANCELLED:
                say(f"Task {task_id} is cancelled.")
            case Cancellation.STOPPING:
                say(f"Task {task_id} is being stopped; what it did so far stays on its branch.")


@tasks.command("retry")
@click.argument("task_id", metavar="ID", type=TASK_ID)
@click.option("--max-cost", type=DOLLARS, metavar="USD", help="A new cap for all its runs.")
@click.pass_obj
def retry(invocation: Invocation, task_id: int, max_cost: Nano | None) -> None:
    """Queue a failed or cancelled task again; it goes on where it stopped."""
    with invocation.queue() as queue:
        queue.retry_task(task_id, max_cost, by=who_asks())
    say(f"Task {task_id} is queued again.")


@tasks.command("priority")
@click.argument("task_id", metavar="ID", type=TASK_ID)
@click.argument("priority", type=click.Choice([priority.value for priority in TaskPriority]))
@click.pass_obj
def priority_(invocation: Invocation, task_id: int, priority: str) -> None:
    """Move a waiting task before or behind the others: serious or random."""
    with invocation.queue() as queue:
        queue.reprioritise(task_id, TaskPriority(priority), by=who_asks())
    say(f"Task {task_id} is {priority} now.")
