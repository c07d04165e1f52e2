"""Makes values of well-known message types: instants, spans, days, money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchestrator.testing.samples.rules import prescribed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from google.protobuf.message import Message

MONEY: Final = "google.type.Money"

# Fixed, so that the same request gets the same reply; the first and the last are for instants before or after now.
_LONG_AGO, _INSTANT, _FAR_AHEAD = 946_684_800, 1_893_456_000, 4_102_444_800  # 2000, 2030 and 2100, in UTC
_DEFAULT_CURRENCY: Final = "EUR"
_DEFAULT_AMOUNT: Final = 10


def fill_well_known(message: Message, rules: Any, sources: Iterable[Message]) -> bool:  # noqa: ANN401 - its type's constraints
    """Give a message of a well-known type a value; whether it is of such a type.

    Args:
        message: an empty one.
        rules: the constraints on it, such as ``TimestampRules``, or ``None``.
        sources: other messages; money is in the currency of the first money in them.
    """
    fill = _FILLS.get(message.DESCRIPTOR.full_name)
    if fill is None:
        return False
    value = prescribed(rules)
    if value is None:
        fill(message, rules, sources)
    else:
        message.MergeFromString(value.SerializeToString())
    message.SetInParent()
    return True


def _timestamp(message: Any, rules: Any, _: Iterable[Message]) -> None:  # noqa: ANN401 - of any pool
    message.seconds = _INSTANT
    if rules is None:
        return
    if rules.lt_now or rules.HasField("within"):
        message.seconds = _LONG_AGO
    if rules.gt_now:
        message.seconds = _FAR_AHEAD
    _keep_within(message, rules)


def _duration(message: Any, rules: Any, _: Iterable[Message]) -> None:  # noqa: ANN401 - of any pool
    message.seconds = 1
    if rules is not None:
        _keep_within(message, rules)


def _keep_within(message: Any, rules: Any) -> None:  # noqa: ANN401 - of any pool
    """Move an instant or a span between its bounds."""
    for name, step in (("gt", 1), ("gte", 0), ("lt", -1), ("lte", 0)):
        if rules.HasField(name):
            bound = getattr(rules, name).seconds
            outside = message.seconds <= bound if name.startswith("g") else message.seconds >= bound
            if outside:
                message.seconds = bound + step


def _money(message: Any, _: Any, sources: Iterable[Message]) -> None:  # noqa: ANN401 - of any pool
    message.currency_code = next(filter(None, map(_currency, sources)), _DEFAULT_CURRENCY)
    message.units = _DEFAULT_AMOUNT


def _currency(source: Message) -> str:
    for field, value in source.ListFields():
        if not field.is_repeated and field.message_type is not None and field.message_type.full_name == MONEY:
            return str(value.currency_code)
    return ""


def _date(message: Any, _: Any, __: Iterable[Message]) -> None:  # noqa: ANN401 - of any pool
    message.year, message.month, message.day = 2030, 1, 1


def _empty(_: Any, __: Any, ___: Iterable[Message]) -> None:  # noqa: ANN401 - of any pool
    """Nothing is set, because an empty message fits everywhere."""


_FILLS: Final[dict[str, Callable[[Any, Any, Iterable[Message]], None]]] = {
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
    "google.type.Date": _date,
    MONEY: _money,
    "google.protobuf.Any": _empty,
    "google.protobuf.Empty": _empty,
    "google.protobuf.FieldMask": _empty,
    "google.protobuf.ListValue": _empty,
    "google.protobuf.Struct": _empty,
    "google.protobuf.Value": _empty,
}
