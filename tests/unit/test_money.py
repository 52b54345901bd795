from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadAmount
from core.money import (
    MAX_NANO,
    Nano,
    canonical,
    shown,
    shown_exactly,
    to_nano,
    usd,
)

nanos = st.integers(min_value=0, max_value=MAX_NANO).map(Nano)


@pytest.mark.parametrize(
    ("amount", "nano"),
    [
        (0, 0),
        (10, 10_000_000_000),
        (0.1, 100_000_000),
        ("0.0721", 72_100_000),
        (Decimal("0.072102"), 72_102_000),
        (1e-05, 10_000),
        ("1e-05", 10_000),
        (3e-8, 30),
        (1_000_000, MAX_NANO),
        (-0.0, 0),
    ],
)
def test_an_amount_means_what_was_written(amount: object, nano: int) -> None:
    assert to_nano(amount) == nano


@pytest.mark.parametrize(
    ("amount", "nano"),
    [("0.0000000005", 0), ("0.0000000015", 2), ("0.0000000025", 2), ("0.00000000251", 3)],
)
def test_half_a_nano_dollar_goes_to_the_even_neighbour(amount: str, nano: int) -> None:
    assert to_nano(amount) == nano


@pytest.mark.parametrize(
    ("amount", "problem"),
    [
        (float("nan"), "it is not finite"),
        (float("inf"), "it is not finite"),
        ("-Infinity", "it is not finite"),
        (-0.01, "it is negative"),
        ("1000000.000000001", "it is more than $1,000,000"),
        (True, "give dollars, for example 0.50"),
        (None, "give dollars, for example 0.50"),
        ("", "give dollars, for example 0.50"),
        ("ten", "give dollars, for example 0.50"),
        ([1], "give dollars, for example 0.50"),
    ],
)
def test_what_is_no_amount_is_refused_with_the_value(amount: object, problem: str) -> None:
    with pytest.raises(BadAmount) as refusal:
        to_nano(amount)
    assert str(refusal.value) == f"{amount!r} is not an amount of money: {problem}"


def test_five_small_charges_are_exactly_half_a_dollar() -> None:
    assert sum(map(to_nano, (0.17, 0.12, 0.07, 0.10, 0.04))) == to_nano("0.50")


@given(nanos)
def test_the_stored_text_brings_the_same_amount_back(nano: Nano) -> None:
    assert to_nano(canonical(nano)) == nano
    assert to_nano(usd(nano)) == nano


@given(nanos)
def test_what_is_shown_is_never_more_than_there_is(nano: Nano) -> None:
    cents = Decimal(shown(nano).replace("$", "").replace(",", ""))
    assert usd(nano) - Decimal("0.01") < cents <= usd(nano)


@given(nanos)
def test_what_is_shown_exactly_is_exact(nano: Nano) -> None:
    assert to_nano(shown_exactly(nano).replace("$", "").replace(",", "")) == nano


@pytest.mark.parametrize(
    ("nano", "text", "exact"),
    [
        (0, "$0.00", "$0.0000"),
        (499_999_000, "$0.49", "$0.499999"),
        (500_000_000, "$0.50", "$0.5000"),
        (72_100_000, "$0.07", "$0.0721"),
        (30, "$0.00", "$0.000000030"),
        (1_234_567_890_000_000, "$1,234,567.89", "$1,234,567.8900"),
    ],
)
def test_amounts_are_shown_floored_to_cents_or_whole(nano: int, text: str, exact: str) -> None:
    assert shown(nano) == text
    # the exact form drops zeros from the right, but keeps four decimals
    assert shown_exactly(nano).rstrip("0") == exact.rstrip("0")


def test_the_stored_text_has_nine_decimals() -> None:
    assert canonical(72_102_000) == "0.072102000"
    assert canonical(12_000_000_001) == "12.000000001"
