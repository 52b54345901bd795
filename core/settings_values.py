"""The kinds of value a setting may have; each says what it takes when given something else."""

import re
from datetime import time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from core.errors import BadAmount
from core.money import to_nano


def _exact(value: Any) -> Any:
    """A float means what was written (its repr), not its binary neighbour; a bool is no number."""
    if isinstance(value, bool):
        raise ValueError("it should be a number.")  # noqa: TRY004 - pydantic turns only ValueErrors into its report
    return repr(value) if isinstance(value, float) else value


def _dollars(value: Any) -> Decimal:
    """Dollars that come out exact in nano-dollars; core.money has the last word."""
    try:
        nano = to_nano(value.strip() if isinstance(value, str) else value)
    except BadAmount as error:
        raise ValueError(_with_advice(error.facts["problem"])) from None
    dollars = Decimal(repr(value) if isinstance(value, float) else value)
    if dollars != Decimal(nano).scaleb(-9):
        raise ValueError("it is finer than a nano-dollar; give at most nine decimals.")
    return dollars


def _with_advice(problem: str) -> str:
    return f"{problem}." if "give" in problem else f"{problem}; give dollars, for example 10.00."


def _percent(value: Any) -> Decimal:
    try:
        percent = Decimal(_exact(value))
    except (InvalidOperation, TypeError, ValueError):
        percent = Decimal("NaN")
    if not (percent.is_finite() and 0 <= percent <= 100):  # noqa: PLR2004 - the whole is 100
        raise ValueError("it should be a percentage from 0 to 100, for example 90 or 33.3.")
    return percent


def _wall_time(value: Any) -> time:
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError('it should be a time of day "HH:MM", for example "20:00".')
    return time.fromisoformat(value)


def _zone_name(value: str) -> str:
    try:
        ZoneInfo(value)
    except (LookupError, ValueError, OSError):
        near = [zone for zone in available_timezones() if zone.lower() == value.lower()]
        meant = f"did you mean {near[0]}?" if near else "for example Europe/Berlin or UTC."
        raise ValueError(f"there is no such time zone; give an IANA name, {meant}") from None
    return value


def _database_url(value: str) -> str:
    file = value.removeprefix("sqlite:///")
    if file != value and file and not file.startswith(":memory:"):
        return value
    if value.startswith("postgresql+psycopg://"):
        return value
    raise ValueError(
        "it should be sqlite:///<file> (a file, since other processes read it too) or "
        "postgresql+psycopg://<user>@<host>/<database>."
    )


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("it is empty; give a value, or leave the key out.")
    return value.strip()


def _path(value: Any) -> Any:
    return Path(_text(value)).expanduser() if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    """`U1,U2` from the environment, a list from the file."""
    if not isinstance(value, str):
        return value
    items = (item.strip().strip("\"'") for item in value.strip().strip("[]").split(","))
    return [item for item in items if item]


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _matching(pattern: str, advice: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(advice)
        return value

    return AfterValidator(check)


Dollars = Annotated[Decimal, BeforeValidator(_dollars)]
Percent = Annotated[Decimal, BeforeValidator(_percent)]

WallTime = Annotated[time, BeforeValidator(_wall_time)]
ZoneName = Annotated[str, AfterValidator(_zone_name)]

Count = Annotated[int, BeforeValidator(_exact), Field(ge=1)]
CountFromZero = Annotated[int, BeforeValidator(_exact), Field(ge=0)]
ParallelTasks = Annotated[int, BeforeValidator(_exact), Field(ge=1, le=64)]
Port = Annotated[int, BeforeValidator(_exact), Field(ge=0, le=65535)]
WholeSeconds = Annotated[int, BeforeValidator(_exact), Field(ge=1)]
Seconds = Annotated[float, BeforeValidator(_exact), Field(gt=0, allow_inf_nan=False)]

Text = Annotated[str, AfterValidator(_text)]
Word = Annotated[Text, _matching(r"[^\s-]\S*", "it should be one word that starts with no dash.")]
Command = Text | None
Directory = Annotated[Path, BeforeValidator(_path)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]

Slug = Annotated[
    str,
    _matching(
        r"[a-z0-9]+(-[a-z0-9]+)*",
        "it should be a project's slug: small letters and digits, with single dashes between.",
    ),
]
Member = Annotated[str, _matching(r"[UW][A-Z0-9]+", "it should be a member ID such as U012ABCDEF.")]
Channel = Annotated[
    str, _matching(r"[CDG][A-Z0-9]+", "it should be a channel ID such as C012ABCDEF.")
]
Members = Annotated[tuple[Member, ...], NoDecode, BeforeValidator(_listed)]
Channels = Annotated[tuple[Channel, ...], NoDecode, BeforeValidator(_listed)]
