"""The budget as its users see it: quota, what remains, whether a task may start."""

from decimal import Decimal

import structlog

from core import ledger
from core.admission import Refused
from core.clock import Clock, SystemClock
from core.database import Database
from core.ledger import Standing
from core.money import Nano, shown, to_nano, usd
from core.policy import BudgetPolicy

log = structlog.get_logger(__name__)


class BudgetManager:
    """Reads the rows every time it is asked: a charge written by anybody counts at once."""

    def __init__(
        self, database: Database, policy: BudgetPolicy, clock: Clock | None = None
    ) -> None:
        self.database = database
        self.policy = policy
        self.clock = clock or SystemClock()

    def standing(self) -> Standing:
        with self.database.read() as session:
            return ledger.standing(session, self.policy, self.clock.now())

    def get_current_quota(self) -> Decimal:
        """Dollars of the window that is open now."""
        return usd(self.standing().quota)

    def get_remaining_budget(self) -> Decimal:
        """Dollars of the window not yet charged; holds are not subtracted (rule 10)."""
        return usd(self.standing().remaining)

    def get_today_usage(self) -> Decimal:
        """Dollars charged since midnight UTC, in whichever window."""
        return usd(self.standing().today)

    def is_budget_available(self, estimated_cost: Decimal | float | None = None) -> bool:
        """Would a task of this estimate (dollars; the policy's by default) be admitted now?"""
        wanted = self.policy.estimate if estimated_cost is None else to_nano(estimated_cost)
        return self.standing().headroom >= wanted

    def grow(self, run_id: int, target: Nano) -> Nano:
        """Raise a run's hold towards `target`; answers what it holds now (rule 5)."""
        with self.database.write() as connection:
            return ledger.grow(connection, self.policy, run_id, target, self.clock.now())

    def warn_of_starved_windows(self) -> None:
        for period in self.policy.starved():
            log.warning(
                "budget.quota_below_estimate",
                window=period.value,
                quota=shown(self.policy.quota(period)),
                estimate=shown(self.policy.estimate),
                advice="no task can start in this window; raise budget.daily_budget_usd or lower"
                " budget.estimated_cost_usd",
            )


def announce_exhaustion(refusal: Refused) -> None:
    """S2's exact words, once a window."""
    log.warning(
        f"Budget exhausted for {refusal.standing.window.period.value} period"  # noqa: G004 - a text that scripts grep for
        f" (remaining: {shown(refusal.standing.spendable)}). Skipping task scheduling."
    )
