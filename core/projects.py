"""Projects: what a name means, and that two names may mean the same."""

from collections.abc import Sequence
from datetime import datetime

from slugify import slugify
from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from core.errors import BadProjectName, ProjectNotFound
from core.models import Project, ProjectStatus, Task

#: a slug is a folder name and a key; longer names are mistakes
MAX_SLUG = 64

_NAME = select(Project.name).where(Project.id == bindparam("slug"))


def slug_of(name: str) -> str:
    """`My App`, `my-app` and `MY_APP` are all my-app. Raises BadProjectName."""
    slug: str = slugify(name)
    if not slug:
        raise BadProjectName(name=name, problem="nothing is left of it as a folder name; use a-z")
    if len(slug) > MAX_SLUG:
        problem = f"as a folder name it has {len(slug)} characters; {MAX_SLUG} is the most"
        raise BadProjectName(name=name, problem=problem)
    return slug


def ensure(connection: Connection, slug: str, name: str, now: datetime) -> str | None:
    """Create the project on first use; answer the name it already goes by when that differs."""
    known: str | None = connection.scalar(_NAME, {"slug": slug})
    if known is None:
        connection.execute(
            insert(Project).values(id=slug, name=name, created_at=now, updated_at=now)
        )
        return None
    return None if _alike(known, name, slug) else known


def slug_of_known(session: Session, name: str) -> str:
    """The slug of a project that exists. Raises BadProjectName and ProjectNotFound."""
    slug = slug_of(name)
    if session.scalar(select(Project.id).where(Project.id == slug)) is None:
        raise ProjectNotFound(project_id=slug)
    return slug


def lately_used(session: Session, limit: int) -> Sequence[Project]:
    """Projects that take tasks, the one with the newest task first."""
    newest = select(func.max(Task.id)).where(Task.project_id == Project.id).scalar_subquery()
    wanted = select(Project).where(Project.status == ProjectStatus.ACTIVE)
    # NULLS LAST, in the words of both databases
    turn = (func.coalesce(newest, 0).desc(), Project.id)
    return session.scalars(wanted.order_by(*turn).limit(limit)).all()


def known_as(session: Session, slug: str, name: str) -> str | None:
    """The name a project already goes by, when `name` would be taken for another one."""
    known: str | None = session.scalar(select(Project.name).where(Project.id == slug))
    return None if known is None or _alike(known, name, slug) else known


def _alike(known: str, name: str, slug: str) -> bool:
    """Naming a project by its slug, or in other letter case, is no confusion of two projects."""
    return name == slug or name.casefold() == known.casefold() or known == slug


def remember_session(
    connection: Connection, slug: str, session_id: str | None, now: datetime
) -> None:
    connection.execute(
        update(Project).where(Project.id == slug).values(session_id=session_id, updated_at=now)
    )
