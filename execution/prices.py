"""What a call to a model costs, from a price table that came with the installation.

The table is the offline snapshot of genai-prices; nothing is looked up on the network. Prices have
tiers by the size of one prompt, so they hold for a single call only: a million tokens summed over
many calls would be priced like one huge prompt, at about twice the price.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from core.errors import UnknownPrice
from core.money import Nano, to_nano

if TYPE_CHECKING:
    from genai_prices import Usage

#: what the bundled program makes of its short names (measured on CLI 2.1.330)
ALIASES: Final[Mapping[str, str]] = {
    "default": "claude-opus-5-5",
    "opus": "claude-opus-5-5",
    "sonnet": "claude-sonnet-5-5",
    "haiku": "claude-haiku-5-5",
}
#: asks for the long context window; the price is the model's own
_LONG_CONTEXT: Final = "[1m]"


def cost_of(
    model: str,
    *,
    input_tokens: int,
    output_tokens: int,
    cache_read_tokens: int = 0,
    cache_write_tokens: int = 0,
) -> Nano:
    """The price of ONE call; input excludes what came from or went to the cache.

    Cache writes are priced as those of five minutes. Raises UnknownPrice.
    """
    from genai_prices import Usage  # costs 0.2 s, which `--help` must not pay

    usage = Usage(
        input_tokens=input_tokens + cache_read_tokens + cache_write_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=cache_read_tokens,
        cache_write_tokens=cache_write_tokens,
    )
    return _price(usage, model)


def cost_of_usage(model: str, usage: Mapping[str, Any]) -> Nano:
    """The price of ONE call from the `usage` that the Messages API itself reported.

    Tells cache writes of an hour (twice the input price) from those of five minutes, and knows web
    searches. Raises UnknownPrice.
    """
    from genai_prices import extract_usage

    reported = {name: value for name, value in usage.items() if value is not None}
    extracted = extract_usage(
        {"usage": {"input_tokens": 0, "output_tokens": 0} | reported}, provider_id="anthropic"
    )
    return _price(extracted.usage, model)


def known(model: str) -> bool:
    """Has the model a price? Without one nothing may be spent on it."""
    try:
        cost_of(model, input_tokens=1, output_tokens=1)
    except UnknownPrice:
        return False
    return True


def full_name(model: str) -> str:
    """The name a price is listed under."""
    bare = model.removesuffix(_LONG_CONTEXT)
    return ALIASES.get(bare, bare)


def _price(usage: "Usage", model: str) -> Nano:
    from genai_prices import calc_price

    name = full_name(model)
    provider = "anthropic" if name.startswith("claude") else None
    try:
        return to_nano(calc_price(usage, name, provider_id=provider).total_price)
    except LookupError:
        raise UnknownPrice(model=model) from None
