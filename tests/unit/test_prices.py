"""Prices are those of the table, exact to the nano-dollar, and asked for call by call."""

import pytest

from core.errors import UnknownPrice
from core.money import to_nano
from execution.prices import cost_of, cost_of_usage, full_name, known

MILLION = 1_000_000


def test_a_call_costs_what_the_list_says() -> None:
    cost = cost_of("claude-sonnet-5-5", input_tokens=1000, output_tokens=1000)
    assert cost == to_nano("0.012")


def test_the_cache_has_prices_of_its_own() -> None:
    """The program's own figure for the same usage is 0.02403."""
    cost = cost_of(
        "claude-sonnet-4-5",
        input_tokens=10,
        output_tokens=100,
        cache_read_tokens=50_000,
        cache_write_tokens=2_000,
    )
    assert cost == to_nano("0.02403")


def test_a_single_cached_token_is_no_rounding_error() -> None:
    assert cost_of("claude-haiku-5-5", input_tokens=0, output_tokens=0, cache_read_tokens=1) > 0


def test_a_thousand_small_calls_cost_less_than_one_huge_one() -> None:
    small = cost_of("claude-sonnet-4-5", input_tokens=1000, output_tokens=0)
    huge = cost_of("claude-sonnet-4-5", input_tokens=MILLION, output_tokens=0)
    assert 1000 * small < huge


@pytest.mark.parametrize("alias", ["opus", "sonnet", "haiku", "default", "claude-sonnet-5-5[1m]"])
def test_a_short_name_costs_what_its_model_costs(alias: str) -> None:
    assert known(alias)
    assert cost_of(alias, input_tokens=7, output_tokens=7) == cost_of(
        full_name(alias), input_tokens=7, output_tokens=7
    )


@pytest.mark.parametrize("model", ["", "nonsense", "claude-nobody-9"])
def test_a_model_without_a_price_is_said_so(model: str) -> None:
    assert not known(model)
    with pytest.raises(UnknownPrice, match="no known price"):
        cost_of(model, input_tokens=1, output_tokens=1)


def test_what_the_api_reports_is_priced_to_its_details() -> None:
    """10 input, 100 output, 50,000 read, 500 written for five minutes and 1,500 for an hour, and
    three searches at a cent.
    """
    usage = {
        "input_tokens": 10,
        "output_tokens": 100,
        "cache_read_input_tokens": 50_000,
        "cache_creation_input_tokens": 2_000,
        "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 1_500},
        "server_tool_use": {"web_search_requests": 3},
        "service_tier": None,
    }
    assert cost_of_usage("claude-sonnet-4-5", usage) == to_nano("0.057405")


@pytest.mark.parametrize("usage", [{}, {"input_tokens": None}, {"output_tokens": 0}])
def test_no_usage_costs_nothing(usage: dict[str, object]) -> None:
    assert cost_of_usage("claude-sonnet-5-5", usage) == 0
