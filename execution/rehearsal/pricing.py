"""What a scripted call costs, and which tokens cost a given amount."""

from dataclasses import replace

from core.money import Nano
from execution.prices import cost_of
from execution.rehearsal.playbook import Spends, Tokens

#: prices have tiers by the size of the prompt; a made-up prompt stays far below the first
_LARGEST_INPUT = 50_000
#: so many tokens are priced to learn the price of one: a single one may cost a broken nano
_SAMPLE = 1000


def price_of(model: str, tokens: Tokens) -> Nano:
    """Raises UnknownPrice for a model that no table knows."""
    return cost_of(
        model,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write,
    )


def tokens_for(model: str, spends: Spends) -> Tokens:
    """Tokens as they are; an amount as tokens that cost it, to within one cached token's price."""
    if isinstance(spends, Tokens):
        price_of(model, spends)
        return spends
    return _tokens_worth(model, spends)


def _tokens_worth(model: str, worth: int) -> Tokens:
    """Half in input, up to a size; the rest in output, and the crumbs in cache reads."""
    price_in = _price_of_one(model, Tokens(input=_SAMPLE, output=0))
    price_out = _price_of_one(model, Tokens(output=_SAMPLE))
    price_read = _price_of_one(model, Tokens(cache_read=_SAMPLE, output=0))
    given = min(_LARGEST_INPUT, worth // 2 // price_in)
    said, crumbs = divmod(worth - given * price_in, price_out)
    return Tokens(input=given, output=said, cache_read=crumbs // price_read)


def _price_of_one(model: str, sample: Tokens) -> int:
    return price_of(model, sample) // _SAMPLE


def clamped(tokens: Tokens, max_tokens: int) -> Tokens:
    return replace(tokens, output=min(tokens.output, max_tokens))
