"""`sleepless credits`: S2's reply to the letter, and behind --detail all that lies behind it."""

import click

from core.credit_detail import credit_detail
from core.credits import credit_status
from interfaces.cli.invocation import Invocation
from interfaces.cli.output import say, say_json
from interfaces.cli.values import json_option
from interfaces.credits_text import credits_text, detail_text


@click.command("credits")
@click.option("--detail", is_flag=True, help="Also holds, limits, window edges and estimates.")
@json_option
@click.pass_obj
def credits_(invocation: Invocation, detail: bool, as_json: bool) -> None:  # noqa: FBT001
    """Show what is left of the budget, and the queue."""
    with invocation.queue() as queue:
        status = credit_status(queue, invocation.policy, invocation.slots)
        found = credit_detail(queue, status)
    if as_json:
        say_json(found.as_dict() if detail else {**status.as_dict(), "rehearsal": found.rehearsed})
        return
    say(credits_text(status))
    if detail:
        say(f"\n{detail_text(found)}")
    elif found.rehearsed:
        # the reply itself is fixed to the byte
        click.echo("REHEARSAL: these figures count rehearsed usage.", err=True)
