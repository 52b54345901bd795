"""What a run has come to, from the end of its work to its settlement, and how a row tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from core.charges import ModelUsage, Usage
from core.models import Run, RunOutcome
from core.money import Nano, canonical, usd
from core.settlement import Settled
from execution.work import Worked

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """What is known when it comes to settling; grows from verb to verb."""

    outcome: RunOutcome
    worked: Worked
    error_class: str | None = None
    error: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def failed(self, outcome: RunOutcome, error: str, **facts: Any) -> "Result":
        return replace(
            self,
            outcome=outcome,
            error_class=outcome.value,
            error=error,
            facts={**self.facts, **facts},
        )

    def told(self, **facts: Any) -> "Result":
        return replace(self, facts={**self.facts, **facts})


def usage_so_far(run: Run) -> Usage:
    """What the run's row knows of its cost; rule 7 says what is charged for what is missing."""
    total = run.reported_total_nano
    return Usage(
        session_total_usd=None if total is None else usd(total),
        session_id=run.session_id,
        metered=Nano(run.metered_nano),
        agent_started=run.pid is not None,
        duration_ms=run.duration_ms,
        duration_api_ms=run.duration_api_ms,
        num_turns=run.num_turns,
        models=tuple(ModelUsage(**model) for model in run.models or ()),
        rehearsal=run.backend == "rehearsal",
    )


def worked_before(run: Run) -> Worked:
    """The work as the run's row tells of it."""
    return Worked(
        run.foreseen_outcome or RunOutcome.CRASHED,
        usage_so_far(run),
        run.output or "",
        run.session_id,
        run.error_class,
        run.error_message,
    )


def result_of(worked: Worked) -> Result:
    return Result(worked.outcome, worked, worked.error_class, worked.error)


def announce_end(
    outcome: RunOutcome, usage: Usage, settled: Settled, *, error: str | None, **facts: Any
) -> None:
    """The canonical line: one a run, with everything about it."""
    log.info(
        "run.finished",
        outcome=outcome.value,
        status=settled.consequence.status.value,
        cost=canonical(settled.charge.cost),
        cost_source=settled.charge.source.value,
        turns=usage.num_turns,
        seconds=round(usage.duration_ms / 1000, 1),
        files=len(facts.get("files_changed") or ()),
        merge=facts.get("merge_sha"),
        error=error,
    )
