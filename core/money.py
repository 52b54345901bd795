"""Money is an integer of nano-dollars; a float enters once, here, and is never computed with.

Source of the rules: docs/budget.md, "Money".
"""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import NewType

from core.errors import BadAmount

#: nano-dollars: 1 USD = 1_000_000_000
Nano = NewType("Nano", int)

NANO_PER_USD = 1_000_000_000
NANO_PER_CENT = 10_000_000
#: above this a single cost is absurd and refused (docs/budget.md)
MAX_NANO = 1_000_000 * NANO_PER_USD

ZERO = Nano(0)


def to_nano(amount: object) -> Nano:
    """Dollars as a number or text → nano-dollars, half-even.

    Raises BadAmount for anything that is not a finite amount between 0 and $1,000,000.
    """
    dollars = _as_decimal(amount)
    if not dollars.is_finite():
        raise BadAmount(value=amount, problem="it is not finite")
    if dollars < 0:
        raise BadAmount(value=amount, problem="it is negative")
    nano = int((dollars * NANO_PER_USD).to_integral_value(rounding=ROUND_HALF_EVEN))
    if nano > MAX_NANO:
        raise BadAmount(value=amount, problem="it is more than $1,000,000")
    return Nano(nano)


def _as_decimal(amount: object) -> Decimal:
    if isinstance(amount, bool) or not isinstance(amount, int | float | str | Decimal):
        raise BadAmount(value=amount, problem="give dollars, for example 0.50")
    try:
        # repr, not the float itself: 0.1 means what was written, not its binary neighbour
        return Decimal(repr(amount) if isinstance(amount, float) else amount)
    except InvalidOperation:
        raise BadAmount(value=amount, problem="give dollars, for example 0.50") from None


def usd(nano: int) -> Decimal:
    """Exact dollars."""
    return Decimal(nano) / NANO_PER_USD


def canonical(nano: int) -> str:
    """The stored text: `0.072102000`."""
    return f"{nano // NANO_PER_USD}.{nano % NANO_PER_USD:09d}"


def shown(nano: int) -> str:
    """`$0.49` for $0.499999: floored, so that what is shown as enough is enough."""
    cents = nano // NANO_PER_CENT
    return f"${cents // 100:,}.{cents % 100:02d}"


def shown_exactly(nano: int) -> str:
    """At least four decimals and no trailing zeros beyond them: `$0.0721`, `$0.000000030`."""
    whole, fraction = canonical(nano).split(".")
    return f"${int(whole):,}.{fraction.rstrip('0').ljust(4, '0')}"
