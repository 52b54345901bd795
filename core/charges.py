"""What a run is charged: once, whatever way it ends. Rules are numbered as in docs/budget.md."""

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.orm import Session

from core import events, ledger
from core.errors import BadAmount
from core.events import Subject
from core.models import CostSource, Hold, HoldState, UsageMetric, UsageModel
from core.money import ZERO, Nano, canonical, to_nano

#: a reported and a metered cost that differ by more than this are an event, percent
TOLERATED_DISAGREEMENT = 2


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """Tokens and money of one model; input excludes what came from or went to the cache."""

    model: str
    cost_nano: Nano
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What is known of a run's cost. Each figure may be missing; rule 7 says what then."""

    #: the total the agent reported for its whole session, in dollars as it came
    session_total_usd: object | None = None
    session_id: str | None = None
    metered: Nano = ZERO
    #: False: no agent program was started, so nothing can have been spent
    agent_started: bool = True
    duration_ms: int = 0
    duration_api_ms: int = 0
    num_turns: int = 0
    models: tuple[ModelUsage, ...] = ()
    rehearsal: bool = False


@dataclass(frozen=True, slots=True)
class Charge:
    """A cost, where the figure is from, and the session total that the next run starts at."""

    cost: Nano
    source: CostSource
    session_total: Nano | None = None
    unread: str | None = None


def charge(connection: Connection, run: Any, usage: Usage, now: datetime) -> Charge:
    """Write the one charge of a run and end its hold; a second call finds the first one's row and
    changes nothing (rule 6).
    """
    known = connection.execute(
        select(
            UsageMetric.cost_nano, UsageMetric.cost_source, UsageMetric.session_total_nano
        ).where(UsageMetric.run_id == run.id)
    ).one_or_none()
    if known is not None:
        return Charge(Nano(known.cost_nano or 0), known.cost_source, known.session_total_nano)
    held = connection.execute(
        select(Hold.amount_nano, Hold.admitted_at).where(
            Hold.run_id == run.id, Hold.state == HoldState.HELD
        )
    ).one_or_none()
    cost = price(connection, usage, Nano(held.amount_nano if held else 0))
    owner = {
        "task_id": run.task_id,
        "run_id": run.id,
        "project_id": run.project_id,
        "model": run.model,
        "correlation_id": run.correlation_id,
    }
    _write_usage(connection, owner, usage, cost, (held.admitted_at if held else None, now))
    ledger.close_hold(connection, run.id, cost.cost, now)
    _tell_oddities(connection, run, usage, cost, now)
    return cost


def book(
    connection: Connection, task_id: int, project_id: str | None, usage: Usage, now: datetime
) -> Charge:
    """A cost without a run, as it is told. Raises BadAmount when it is no amount."""
    cost = Charge(to_nano(usage.session_total_usd), CostSource.REPORTED)
    owner = {"task_id": task_id, "run_id": None, "project_id": project_id}
    _write_usage(connection, owner, usage, cost, (None, now))
    return cost


def price(connection: Connection | Session, usage: Usage, held: Nano) -> Charge:
    """Rules 7 and 8: the difference on a resumed session; else what was metered; else the hold."""
    if not usage.agent_started:
        return Charge(ZERO, CostSource.NONE)
    unknown = (usage.metered, CostSource.METERED) if usage.metered else (held, CostSource.HOLD)
    if usage.session_total_usd is None:
        return Charge(*unknown)
    try:
        total = to_nano(usage.session_total_usd)
    except BadAmount:
        # "the hold is charged instead" (Money): a nonsense figure taints the meter's as well
        return Charge(held, CostSource.HOLD, unread=str(usage.session_total_usd))
    before = _session_so_far(connection, usage.session_id)
    if before.unreported:
        return _after_a_silent_run(total, before, usage)
    if total < before.reported:  # not a running total after all: never charge less than was seen
        return Charge(Nano(max(total, usage.metered)), CostSource.REPORTED, total)
    return Charge(Nano(total - before.reported), CostSource.REPORTED, total)


@dataclass(frozen=True, slots=True)
class _SoFar:
    """A conversation's charges before this run: its last reported total, and what later runs were
    charged that ended without a report.
    """

    reported: Nano = ZERO
    unreported: Nano = ZERO


def _after_a_silent_run(total: Nano, before: _SoFar, usage: Usage) -> Charge:
    """Measured: after a kill the program's total holds the answered calls of the killed run, which
    are charged already, but not the call it was killed in. So this run's own meter is better.
    """
    rest = max(0, total - before.reported - before.unreported)
    return Charge(Nano(usage.metered or rest), CostSource.METERED, total)


def _session_so_far(connection: Connection | Session, session_id: str | None) -> _SoFar:
    if session_id is None:
        return _SoFar()
    mine = UsageMetric.session_id == session_id
    last = connection.execute(
        select(UsageMetric.id, UsageMetric.session_total_nano)
        .where(mine, UsageMetric.session_total_nano.is_not(None))
        .order_by(UsageMetric.id.desc())
        .limit(1)
    ).one_or_none()
    silent = connection.scalar(
        select(func.coalesce(func.sum(UsageMetric.cost_nano), 0)).where(
            mine, UsageMetric.id > (last.id if last else 0)
        )
    )
    return _SoFar(Nano(last.session_total_nano if last else 0), Nano(int(silent or 0)))


def _write_usage(
    connection: Connection,
    owner: dict[str, Any],
    usage: Usage,
    cost: Charge,
    times: tuple[datetime | None, datetime],
) -> None:
    result = connection.execute(
        insert(UsageMetric).values(
            **owner,
            total_cost_usd=canonical(cost.cost),
            cost_nano=cost.cost,
            cost_source=cost.source,
            duration_ms=usage.duration_ms,
            duration_api_ms=usage.duration_api_ms,
            num_turns=usage.num_turns,
            admitted_at=times[0],
            created_at=times[1],
            session_id=usage.session_id,
            session_total_nano=cost.session_total,
            unread_cost=cost.unread,
            rehearsal=usage.rehearsal,
        )
    )
    usage_id = (result.inserted_primary_key or (0,))[0]
    models = _own_share(connection, usage)
    if models:
        rows = [{"usage_id": usage_id, **asdict(model)} for model in models]
        connection.execute(insert(UsageModel), rows)


def _own_share(connection: Connection, usage: Usage) -> list[ModelUsage]:
    """Per model, what this run added: reported figures count from the conversation's beginning."""
    if usage.session_total_usd is None or usage.session_id is None:
        return list(usage.models)
    columns = [each.name for each in fields(ModelUsage) if each.name != "model"]
    sums = (func.sum(getattr(UsageModel, name)).label(name) for name in columns)
    earlier = connection.execute(
        select(UsageModel.model, *sums)
        .join(UsageMetric, UsageMetric.id == UsageModel.usage_id)
        .where(UsageMetric.session_id == usage.session_id)
        .group_by(UsageModel.model)
    )
    before = {row.model: row._asdict() for row in earlier}
    return [_less(model, before.get(model.model, {}), columns) for model in usage.models]


def _less(model: ModelUsage, before: dict[str, Any], columns: list[str]) -> ModelUsage:
    rest = {name: max(0, getattr(model, name) - int(before.get(name) or 0)) for name in columns}
    return replace(model, **rest)


def _tell_oddities(
    connection: Connection, run: Any, usage: Usage, cost: Charge, now: datetime
) -> None:
    subject = Subject(run.task_id, run.id, run.project_id, run.correlation_id)
    if cost.unread is not None:
        facts = {"reported": cost.unread, "charged_nano": cost.cost}
        events.append(connection, "charge.unread", subject, now, **facts)
    elif cost.source is CostSource.REPORTED and usage.metered:
        gap = abs(cost.cost - usage.metered)
        if gap * 100 > TOLERATED_DISAGREEMENT * max(cost.cost, usage.metered):
            facts = {"reported_nano": cost.cost, "metered_nano": usage.metered}
            events.append(connection, "charge.disagreed", subject, now, **facts)
