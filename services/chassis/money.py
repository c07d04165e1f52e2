"""google.type.Money to and from exact numbers: whole nanos (10^-9 of the unit) or Decimal. Never floats."""

from decimal import Decimal
from typing import Final

from google.type.money_pb2 import Money

from services.chassis.errors import InvalidRequest

CURRENCY: Final = "EUR"
NANOS: Final = 1_000_000_000
# The largest amount: a billion. A BIGINT of nanos holds it, with room for sums.
LARGEST_UNITS: Final = 1_000_000_000


def nanos_of(money: Money, *, field: str = "amount", currency: str = CURRENCY) -> int:
    """The amount in nanos.

    Args:
        money: as it came in a request.
        field: where in the request it was, for the refusal.
        currency: what it must be in, ISO 4217.

    Raises:
        InvalidRequest: another currency, nanos out of range or of another sign than units, or an amount beyond
            ``LARGEST_UNITS``.
    """
    if money.currency_code != currency:
        raise InvalidRequest([(f"{field}.currency_code", f"must be {currency}")])
    if abs(money.nanos) >= NANOS or money.units * money.nanos < 0:
        raise InvalidRequest([(f"{field}.nanos", "must be less than a unit and of the same sign as units")])
    if abs(money.units) >= LARGEST_UNITS:
        raise InvalidRequest([(f"{field}.units", f"must be less than {LARGEST_UNITS}")])
    return int(money.units * NANOS + money.nanos)


def money_of(nanos: int, *, currency: str = CURRENCY) -> Money:
    """An amount of nanos as Money."""
    units, rest = divmod(abs(nanos), NANOS)
    sign = -1 if nanos < 0 else 1
    return Money(currency_code=currency, units=sign * units, nanos=sign * rest)


def decimal_of(money: Money, *, field: str = "amount", currency: str = CURRENCY) -> Decimal:
    """The amount as an exact Decimal, in units of the currency; raises as ``nanos_of`` does."""
    return Decimal(nanos_of(money, field=field, currency=currency)).scaleb(-9)


def money_of_decimal(amount: Decimal, *, currency: str = CURRENCY) -> Money:
    """An exact amount as Money.

    Raises:
        ValueError: the amount is finer than a nano; round it by a rule of the domain first.
    """
    nanos = amount.scaleb(9)
    if nanos != nanos.to_integral_value():
        raise ValueError(f"{amount} is finer than Money can say")
    return money_of(int(nanos), currency=currency)
