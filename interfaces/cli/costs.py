"""`sleepless costs`: what was spent, and on what."""

import click

from core.money import canonical, shown_exactly
from core.projects import slug_of_known
from core.spending import By, Share, Spending, spending
from interfaces.cli.invocation import Invocation
from interfaces.cli.output import note, say, say_json, say_table
from interfaces.cli.values import json_option

_NOBODY = {By.PROJECT: "(no project)", By.MODEL: "(unknown)", By.USER: "(unknown)", By.DAY: ""}


@click.command("costs")
@click.option(
    "--by",
    type=click.Choice([by.value for by in By]),
    default=By.PROJECT.value,
    show_default=True,
    help="What to sum up by; days are UTC days.",
)
@click.option("--project", metavar="NAME", help="Only what this project cost.")
@json_option
@click.pass_obj
def costs(invocation: Invocation, by: str, project: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Show what was spent, and on what."""
    with invocation.queue() as queue, queue.database.read() as session:
        slug = None if project is None else slug_of_known(session, project)
        found = spending(session, By(by), slug)
    if as_json:
        _say_json(By(by), found)
    else:
        _say_shares(invocation, By(by), found)


def _say_json(by: By, found: Spending) -> None:
    rows = [
        {
            by.value: share.key,
            "cost_usd": canonical(share.cost),
            "charges": share.charges,
            "tasks": share.tasks,
            "unread": share.unread,
            "rehearsal": share.rehearsal,
        }
        for share in found.shares
    ]
    totals = {"total_usd": canonical(found.total), "rehearsal_usd": canonical(found.rehearsed)}
    say_json({"by": by.value, "rows": rows, **totals})


def _say_shares(invocation: Invocation, by: By, found: Spending) -> None:
    rows = [_row(by, share) for share in found.shares]
    say_table((by.value, "cost", "charges", "tasks", ""), rows, terminal=invocation.terminal)
    say(f"Total: {shown_exactly(found.total)}")
    if found.rehearsed:
        say(f"REHEARSAL: {shown_exactly(found.rehearsed)} more, never paid")
    if found.unread:
        note(f"{found.unread} charges have no readable cost and count as nothing here")


def _row(by: By, share: Share) -> tuple[object, ...]:
    mark = "REHEARSAL" if share.rehearsal else ""
    key = _NOBODY[by] if share.key is None else share.key
    return key, shown_exactly(share.cost), share.charges, share.tasks, mark
