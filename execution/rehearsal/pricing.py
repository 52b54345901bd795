"""What a scripted call costs, and which tokens cost a given amount."""

from dataclasses import replace

from genai_prices import Usage, calc_price

from core.errors import UnknownPrice
from core.money import Nano, to_nano
from execution.rehearsal.playbook import Spends, Tokens

#: prices have tiers by the size of the prompt; a made-up prompt stays far below the first
_LARGEST_INPUT = 50_000


def price_of(model: str, tokens: Tokens) -> Nano:
    """Raises UnknownPrice for a model that no table knows."""
    return _cost_of(model, tokens)


def tokens_for(model: str, spends: Spends) -> Tokens:
    """Tokens as they are; an amount as tokens that cost it, to within one cached token's price."""
    if isinstance(spends, Tokens):
        price_of(model, spends)
        return spends
    return _tokens_worth(model, spends)


def _tokens_worth(model: str, worth: int) -> Tokens:
    """Most in input, like a real call of a long conversation; the rest in output, the crumbs in
    cache reads.
    """
    a_thousand = 1000
    price_in = price_of(model, Tokens(input=a_thousand, output=0)) // a_thousand
    price_out = price_of(model, Tokens(output=a_thousand)) // a_thousand
    price_read = price_of(model, Tokens(cache_read=a_thousand, output=0)) // a_thousand
    tokens = Tokens(output=0)
    tokens = replace(tokens, input=min(_LARGEST_INPUT, worth // 2 // price_in))
    left = worth - tokens.input * price_in
    tokens = replace(tokens, output=left // price_out)
    left -= tokens.output * price_out
    return replace(tokens, cache_read=left // price_read)


def _cost_of(model: str, tokens: Tokens) -> Nano:
    usage = Usage(
        input_tokens=tokens.input + tokens.cache_read + tokens.cache_write,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write,
        output_tokens=tokens.output,
    )
    try:
        return to_nano(calc_price(usage, model, provider_id="anthropic").total_price)
    except LookupError:
        raise UnknownPrice(model=model) from None


def clamped(tokens: Tokens, max_tokens: int) -> Tokens:
    return replace(tokens, output=min(tokens.output, max_tokens))
