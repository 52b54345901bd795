"""What a person finds on their home page: the night, the money, the queue, their own choices.

Pure reading, and no sentence that counts minutes: the same state makes the same page.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import ledger, line, people
from core.credit_detail import rehearsed
from core.ledger import Standing
from core.models import Person, Project, ProjectStatus, Task, TaskStatus
from core.money import Nano
from core.night_report import Listed, last_night, views
from core.people import Habits
from core.policy import BudgetPolicy
from core.quiet_night import Conditions
from core.windows import Period, Window, next_window, utc_day

#: as many as a menu may hold, and one for "none"
MOST_PROJECTS = 99


@dataclass(frozen=True, slots=True)
class Reader:
    user: str
    #: may change what others asked for
    is_admin: bool
    person: Person | None
    habits: Habits


@dataclass(frozen=True, slots=True)
class HomeView:
    reader: Reader
    standing: Standing
    #: when the daily cap counts from zero again
    day_ends_at: datetime
    #: a rehearsed charge counts in `standing`
    standing_rehearsed: bool
    #: the night that is on, or the next one, and what it may cost
    tonight: Window
    tonight_quota: Nano
    #: why nothing is started although the daemon runs
    idle_because: str | None
    needs_you: Listed
    running: Listed
    queued: Listed
    last_night: Window
    #: what ended in the last night
    ended: Listed
    #: slug and name; the newest first, and always the reader's own choice
    projects: Sequence[tuple[str, str]]


def home_view(session: Session, reader: Reader, given: Conditions, now: datetime) -> HomeView:
    policy = given.policy
    where, night = ledger.standing(session, policy, now), last_night(policy, now)
    tonight = _tonight(where.window, policy)

    def listed(order: Sequence[Any], *wanted: Any) -> Listed:
        total = session.scalar(select(func.count()).select_from(Task).where(*wanted)) or 0
        return Listed(views(session, given, wanted, now, order), total)

    mine_first = Task.assigned_to.is_not_distinct_from(reader.user).desc()
    over = Task.status.in_((TaskStatus.COMPLETED, TaskStatus.FAILED))
    by_night = (over, Task.completed_at >= night.starts_at, Task.completed_at < night.ends_at)
    return HomeView(
        reader=reader,
        standing=where,
        day_ends_at=utc_day(now)[1],
        standing_rehearsed=rehearsed(session, where.window, now),
        tonight=tonight,
        tonight_quota=policy.quota(Period.NIGHT),
        idle_because=given.idle_because,
        needs_you=listed((mine_first, Task.id), Task.status == TaskStatus.IN_REVIEW),
        running=listed((Task.started_at, Task.id), Task.status == TaskStatus.IN_PROGRESS),
        queued=listed(
            (Task.wait_reason.is_not(None), *line.TURN), Task.status == TaskStatus.PENDING
        ),
        last_night=night,
        ended=listed((Task.completed_at.desc(), Task.id.desc()), *by_night),
        projects=_projects(session, reader.person),
    )


def reader_of(session: Session, user: str, admins: Collection[str], habits: Habits) -> Reader:
    return Reader(user, user in admins, people.find(session, user), habits)


def _tonight(window: Window, policy: BudgetPolicy) -> Window:
    return window if window.period is Period.NIGHT else next_window(window, policy.hours)


def _projects(session: Session, person: Person | None) -> Sequence[tuple[str, str]]:
    chosen = person.default_project if person else None
    kept = select(Project.id, Project.name).where(Project.status != ProjectStatus.ARCHIVED)
    first = (Project.id.is_not_distinct_from(chosen).desc(), Project.updated_at.desc(), Project.id)
    return [
        (slug, name) for slug, name in session.execute(kept.order_by(*first).limit(MOST_PROJECTS))
    ]
