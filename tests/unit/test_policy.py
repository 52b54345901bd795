from dataclasses import replace
from datetime import time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadAmount, ConfigError
from core.money import MAX_NANO, Nano, to_nano
from core.policy import BudgetPolicy
from core.settings import BudgetSettings
from core.windows import Hours, Period

NIGHT, DAYTIME = Period.NIGHT, Period.DAYTIME


def policy(daily: float = 10.0, percent: float = 90.0) -> BudgetPolicy:
    return BudgetPolicy.from_dollars(daily, percent, (20, 8))


def test_nine_tenths_of_the_day_belong_to_the_night() -> None:
    assert policy().quota(NIGHT) == to_nano(9)
    assert policy().quota(DAYTIME) == to_nano(1)


def test_twice_the_budget_is_twice_each_share() -> None:
    assert policy(20.0).quota(NIGHT) == to_nano(18)
    assert policy(20.0).quota(DAYTIME) == to_nano(2)


def test_the_night_is_floored_and_the_day_has_the_rest() -> None:
    cent = policy(0.01, 33.3)

    assert cent.quota(NIGHT) == 3_330_000
    assert cent.quota(DAYTIME) == 6_670_000
    assert policy(0.000000001, 99.9).quota(NIGHT) == 0
    assert policy(0.000000001, 99.9).quota(DAYTIME) == 1


@settings(deadline=None, derandomize=True)
@given(st.integers(0, MAX_NANO), st.decimals(0, 100, places=6))
def test_the_parts_are_always_the_whole(daily: int, percent: Decimal) -> None:
    shares = replace(policy(), daily=Nano(daily), night_percent=percent)

    assert shares.quota(NIGHT) + shares.quota(DAYTIME) == daily
    assert 0 <= shares.quota(NIGHT) <= daily * percent / 100


@pytest.mark.parametrize(("percent", "night", "day"), [(0, 0, 10), (100, 10, 0)])
def test_all_or_nothing_by_night_is_legal(percent: float, night: int, day: int) -> None:
    assert policy(percent=percent).quota(NIGHT) == to_nano(night)
    assert policy(percent=percent).quota(DAYTIME) == to_nano(day)


@pytest.mark.parametrize("percent", [-1, 101, 100.000001, float("nan"), float("inf")])
def test_a_share_that_is_no_share_is_refused(percent: float) -> None:
    with pytest.raises(ConfigError, match=r"night_quota_percent is .*: give a percentage from 0"):
        policy(percent=percent)


@pytest.mark.parametrize("dollars", [-1.0, float("nan"), float("inf"), 1_000_001.0])
def test_a_budget_that_is_no_amount_is_refused(dollars: float) -> None:
    with pytest.raises(BadAmount):
        policy(dollars)


def test_windows_that_can_never_start_a_task_are_named() -> None:
    assert policy().starved() == []
    assert policy(4.99).starved() == [DAYTIME]
    assert policy(0.40).starved() == [NIGHT, DAYTIME]
    assert policy(5.0).starved() == []


def test_the_configuration_becomes_a_policy_unchanged() -> None:
    configured = BudgetSettings.model_validate(
        {
            "daily_budget_usd": 20,
            "night_quota_percent": 75,
            "night_start": "22:30",
            "night_end": "06:00",
            "timezone": "Europe/Berlin",
            "estimated_cost_usd": "0.25",
            "daily_cap": False,
        }
    )

    assert BudgetPolicy.of(configured) == BudgetPolicy(
        daily=to_nano(20),
        night_percent=Decimal(75),
        hours=Hours(time(22, 30), time(6), ZoneInfo("Europe/Berlin")),
        estimate=to_nano("0.25"),
        daily_cap=False,
    )
