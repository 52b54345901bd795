"""What the budget allows: limits as integers, hours as wall times."""

from dataclasses import dataclass
from datetime import time
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from core.errors import ConfigError
from core.money import Nano, to_nano
from core.windows import Hours, Period

if TYPE_CHECKING:
    from core.settings import BudgetSettings

#: what a task is assumed to cost before it has shown what it does cost
DEFAULT_ESTIMATE = Nano(500_000_000)


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """Raises ConfigError for a share outside 0..100 %."""

    daily: Nano
    #: percent of `daily` that belongs to the night
    night_percent: Decimal
    hours: Hours
    #: asked for at admission
    estimate: Nano = DEFAULT_ESTIMATE
    #: also keep each calendar day (UTC) within `daily`
    daily_cap: bool = True

    def __post_init__(self) -> None:
        share = self.night_percent
        if not (share.is_finite() and 0 <= share <= 100):  # noqa: PLR2004 - percent
            raise ConfigError(
                where="budget.night_quota_percent",
                value=str(self.night_percent),
                problem="give a percentage from 0 to 100",
            )

    @classmethod
    def of(cls, budget: "BudgetSettings") -> Self:
        return cls(
            daily=budget.daily_budget,
            night_percent=budget.night_quota_percent,
            hours=Hours(budget.night_start, budget.night_end, ZoneInfo(budget.timezone)),
            estimate=budget.estimated_cost,
            daily_cap=budget.daily_cap,
        )

    @classmethod
    def from_dollars(cls, daily_usd: float, night_percent: float, night: tuple[int, int]) -> Self:
        """S2's own parameters: dollars, percent, and the night's first and last hour in UTC."""
        return cls(
            daily=to_nano(daily_usd),
            night_percent=Decimal(repr(night_percent)),
            hours=Hours(time(night[0]), time(night[1]), ZoneInfo("UTC")),
        )

    def quota(self, period: Period) -> Nano:
        """The night's share is floored and the day gets the rest: the parts make the whole."""
        night = int((self.daily * self.night_percent / 100).to_integral_value(rounding=ROUND_FLOOR))
        return Nano(night if period is Period.NIGHT else self.daily - night)

    def starved(self) -> list[Period]:
        """The windows in which no task could ever start, because the quota is below the
        estimate (docs/budget.md, rule 12).
        """
        return [period for period in Period if self.quota(period) < self.estimate]
