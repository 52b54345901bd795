"""Who uses the chat: their zone, what they chose, and when they are to be told of the night.

Every function that writes belongs inside a write transaction.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.orm import Session

from core.models import Person, Project
from core.pictures import picture
from core.windows import instant_of


@dataclass(frozen=True, slots=True)
class Habits:
    """What stands in for what a person has not chosen or nobody knows."""

    digest_at: time
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Due:
    """When a person's next digest comes, and which of their days it is for."""

    at: datetime
    day: date


def find(connection: Connection | Session, user: str) -> Person | None:
    row = connection.execute(select(Person.__table__).where(Person.user_id == user)).one_or_none()
    return None if row is None else picture(Person, row._asdict())


def among(session: Session, users: Collection[str]) -> Sequence[Person]:
    """Those of them who have used the chat."""
    return session.scalars(
        select(Person).where(Person.user_id.in_(users)).order_by(Person.user_id)
    ).all()


def at_home_since(session: Session, since: datetime, users: Collection[str]) -> Sequence[str]:
    """Who has opened the home page lately."""
    lately = (Person.home_opened_at >= since, Person.user_id.in_(users))
    return session.scalars(select(Person.user_id).where(*lately).order_by(Person.user_id)).all()


def remember(
    connection: Connection, user: str, name: str, timezone: str | None, now: datetime
) -> None:
    """What the chat service says of a person; what they chose stays."""
    told = {"name": name, "timezone": timezone, "looked_up_at": now}
    _change(connection, user, now, **told)


def meet(connection: Connection, user: str, now: datetime) -> None:
    """Somebody uses the chat of whom nothing could be found out."""
    _change(connection, user, now)


def opened_home(connection: Connection, user: str, now: datetime) -> None:
    _change(connection, user, now, home_opened_at=now)


def choose_project(connection: Connection, user: str, slug: str | None, now: datetime) -> bool:
    """The project of their tasks that name none; False: there is no such project."""
    known = slug is None or connection.scalar(select(Project.id).where(Project.id == slug))
    if known:
        _change(connection, user, now, default_project=slug)
    return bool(known)


def choose_hour(connection: Connection, user: str, at: time, now: datetime) -> None:
    _change(connection, user, now, digest_at=f"{at:%H:%M}")


def want_digest(
    connection: Connection, user: str, habits: Habits, now: datetime, *, wanted: bool
) -> None:
    """Who asks for it after today's hour is told from tomorrow on, not that very moment."""
    _change(connection, user, now)
    person = find(connection, user)
    assert person is not None  # noqa: S101 - it was written the line before
    changed: dict[str, object] = {"digest_wanted": wanted}
    due = next_digest(person, habits, now)
    if wanted and not person.digest_wanted and due.at <= now:
        changed["digested_on"] = due.day.isoformat()
    _change(connection, user, now, **changed)


def note_digest(connection: Connection, user: str, day: date, now: datetime) -> None:
    _change(connection, user, now, digested_on=day.isoformat())


def zone_of(person: Person | None, default: ZoneInfo) -> ZoneInfo:
    """A name that is no zone, or not one that this machine knows, gives the default."""
    if person is None or not person.timezone:
        return default
    try:
        return ZoneInfo(person.timezone)
    except (LookupError, ValueError, OSError):
        return default


def hour_of(person: Person, habits: Habits) -> time:
    try:
        return time.fromisoformat(person.digest_at) if person.digest_at else habits.digest_at
    except ValueError:
        return habits.digest_at


def due_on(day: date, person: Person, habits: Habits) -> datetime:
    """The instant of their hour on a day of theirs: the first of two in autumn, the first valid
    one after a spring gap.
    """
    return instant_of(datetime.combine(day, hour_of(person, habits)), zone_of(person, habits.zone))


def next_digest(person: Person, habits: Habits, now: datetime) -> Due:
    """Today's, also when its hour has passed unnoticed; else tomorrow's. Who came after today's
    hour is told from tomorrow on.
    """
    today = now.astimezone(zone_of(person, habits.zone)).date()
    told = date.fromisoformat(person.digested_on) if person.digested_on else date.min
    due = due_on(today, person, habits)
    if told < today and person.created_at <= due:
        return Due(due, today)
    tomorrow = max(today, told) + timedelta(days=1)  # who has flown west was told of "tomorrow"
    return Due(due_on(tomorrow, person, habits), tomorrow)


def _change(connection: Connection, user: str, now: datetime, **values: object) -> None:
    """Into their row, which is there from the first time on; the caller writes alone."""
    known = connection.execute(
        update(Person).where(Person.user_id == user).values(updated_at=now, **values)
    )
    if not known.rowcount:
        fresh = {"user_id": user, "name": user, "digest_wanted": True, "created_at": now}
        connection.execute(insert(Person).values({**fresh, "updated_at": now, **values}))
