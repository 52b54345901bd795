"""What was spent on what: sums of charges, in integers, exact to the nano-dollar."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, String, cast, func, literal, select, union_all
from sqlalchemy.orm import Session

from core.models import Task, UsageMetric, UsageModel
from core.money import Nano


class By(StrEnum):
    PROJECT = "project"
    MODEL = "model"
    DAY = "day"  # UTC, as budgets count
    USER = "user"


@dataclass(frozen=True, slots=True)
class Share:
    """What one project (model, day, user) cost; rehearsed charges are a share of their own."""

    #: None: charges that belong to none
    key: str | None
    cost: Nano
    charges: int
    tasks: int
    rehearsal: bool
    #: charges whose cost an older database or an agent wrote as no amount; they count as nothing
    unread: int


@dataclass(frozen=True, slots=True)
class Spending:
    shares: Sequence[Share]

    @property
    def total(self) -> Nano:
        """Of real charges."""
        return Nano(sum(share.cost for share in self.shares if not share.rehearsal))

    @property
    def rehearsed(self) -> Nano:
        return Nano(sum(share.cost for share in self.shares if share.rehearsal))

    @property
    def unread(self) -> int:
        return sum(share.unread for share in self.shares)


def spending(session: Session, by: By, project_id: str | None = None) -> Spending:
    """The dearest first; days the newest first."""
    query = _QUERIES[by]()
    if project_id is not None:
        query = query.where(UsageMetric.project_id == project_id)
    shares = [_share(row) for row in session.execute(query)]
    if by is By.DAY:
        shares.sort(key=lambda share: share.rehearsal)
        return Spending(sorted(shares, key=lambda share: share.key or "", reverse=True))
    return Spending(
        sorted(shares, key=lambda share: (share.rehearsal, -share.cost, share.key or ""))
    )


def _share(row: Row[Any]) -> Share:
    key = None if row.key is None else str(row.key)
    counts = int(row.charges), int(row.tasks), bool(row.rehearsal), int(row.unread)
    return Share(key, Nano(int(row.cost or 0)), *counts)


def _sums(key: Any, cost: Any) -> Select[Any]:
    return select(
        key.label("key"),
        func.sum(cost).label("cost"),
        func.count(UsageMetric.id.distinct()).label("charges"),
        func.count(UsageMetric.task_id.distinct()).label("tasks"),
        UsageMetric.rehearsal.label("rehearsal"),
        (func.count(UsageMetric.id) - func.count(cost)).label("unread"),
    ).group_by(key, UsageMetric.rehearsal)


def _by_project() -> Select[Any]:
    return _sums(UsageMetric.project_id, UsageMetric.cost_nano)


def _by_day() -> Select[Any]:
    day = cast(func.date(UsageMetric.created_at), String)
    return _sums(day, UsageMetric.cost_nano)


def _by_user() -> Select[Any]:
    sums = _sums(Task.assigned_to, UsageMetric.cost_nano)
    return sums.select_from(UsageMetric).outerjoin(Task, Task.id == UsageMetric.task_id)


def _by_model() -> Select[Any]:
    """Per model as reported; what the models' rows leave of a charge belongs to the run's model,
    so that the shares always sum up to the charges.
    """
    told = (
        select(UsageModel.usage_id, func.sum(UsageModel.cost_nano).label("cost"))
        .group_by(UsageModel.usage_id)
        .subquery()
    )
    rest = (
        select(
            UsageMetric.id.label("usage_id"),
            UsageMetric.model.label("model"),
            (UsageMetric.cost_nano - func.coalesce(told.c.cost, literal(0))).label("cost"),
        )
        .outerjoin(told, told.c.usage_id == UsageMetric.id)
        .where(
            told.c.usage_id.is_(None)
            | (UsageMetric.cost_nano != func.coalesce(told.c.cost, literal(0)))
        )
    )
    own = select(UsageModel.usage_id, UsageModel.model, UsageModel.cost_nano.label("cost"))
    parts = union_all(own, rest).subquery()
    return _sums(parts.c.model, parts.c.cost).join(parts, parts.c.usage_id == UsageMetric.id)


_QUERIES: dict[By, Callable[[], Select[Any]]] = {
    By.PROJECT: _by_project,
    By.MODEL: _by_model,
    By.DAY: _by_day,
    By.USER: _by_user,
}
