"""What may stand behind an option: ids, dollars."""

import re
from typing import Any, Final

import click

from core.errors import BadAmount, TaskNotFound
from core.money import Nano, to_nano

#: the largest integer a database stores
_MAX_ID: Final = 2**63 - 1
#: an exponent may name a number that takes minutes to write out
_AMOUNT: Final = re.compile(r"[-+]?[0-9.]{1,24}|nan|[-+]?inf(inity)?", re.IGNORECASE)


class TaskId(click.ParamType[int]):
    """`7` or `#7`. Raises TaskNotFound for numbers that no task can have."""

    name = "id"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        text = str(value).removeprefix("#")
        if not re.fullmatch(r"[0-9]{1,40}", text, re.ASCII):
            self.fail(f"{value!r} is not a task's id; `sleepless tasks` lists them.", param, ctx)
        if not 1 <= int(text) <= _MAX_ID:
            raise TaskNotFound(task_id=text)
        return int(text)


class Dollars(click.ParamType[Nano]):
    """`2`, `0.50` or `$0.50`. Raises BadAmount."""

    name = "usd"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,  # noqa: ARG002 - click's signature
        ctx: click.Context | None,  # noqa: ARG002
    ) -> Nano:
        if isinstance(value, int):  # click may convert twice
            return Nano(value)
        text = str(value).strip().removeprefix("$")
        if not _AMOUNT.fullmatch(text):
            raise BadAmount(value=value, problem="give dollars, for example 0.50")
        return to_nano(text)


TASK_ID = TaskId()
DOLLARS = Dollars()

json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs.")
