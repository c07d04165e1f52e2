"""Values of single fields that their constraints allow."""

from __future__ import annotations

import re
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from google.protobuf.descriptor import FieldDescriptor

from orchestrator.testing.samples.patterns import matching
from orchestrator.testing.samples.rules import prescribed, rules_of_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from buf.validate.validate_pb2 import FieldRules

# What people would write into a field of such a name; tried first.
_WORDS: Final = (
    ("country", "DE"),
    ("currency", "EUR"),
    ("language", "en"),
    ("locale", "en-GB"),
    ("email", "sample@example.com"),
    ("phone", "+4930123456"),
    ("city", "Berlin"),
    ("street", "Unter den Linden 1"),
    ("postal_code", "10117"),
    ("url", "https://example.com/"),
)
_FORMATS: Final = {
    "email": "sample@example.com",
    "hostname": "example.com",
    "ip": "192.0.2.1",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uri_ref": "/sample",
    "address": "example.com",
    "host_and_port": "example.com:443",
    "ip_with_prefixlen": "192.0.2.1/24",
    "ipv4_with_prefixlen": "192.0.2.1/24",
    "ipv6_with_prefixlen": "2001:db8::1/64",
    "ip_prefix": "192.0.2.0/24",
    "ipv4_prefix": "192.0.2.0/24",
    "ipv6_prefix": "2001:db8::/64",
    "ulid": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "protobuf_fqn": "example.v1.Sample",
    "protobuf_dot_fqn": ".example.v1.Sample",
}
_UNBOUNDED: Final = 2**31
_LONGEST_FRESH: Final = 16


class Scalars:
    """Makes values; the same seed makes the same ones.

    Args:
        seed: any text.
    """

    def __init__(self, seed: str) -> None:
        self._digest = sha256(seed.encode()).hexdigest()
        self._random = Random(self._digest)  # noqa: S311 - no secret

    def value(self, field: FieldDescriptor, rules: FieldRules, index: int = 0) -> Any:  # noqa: ANN401 - of the field's type
        """A value for a scalar field, or for one element of a repeated one.

        Args:
            field: the field.
            rules: the constraints, of the field or of its items.
            index: which element of a repeated field; each gets another value.
        """
        own = rules_of_type(rules)
        given = prescribed(own)
        return _MAKERS[field.cpp_type](self, field, own, index) if given is None or index else given

    def fresh(self, field: FieldDescriptor, rules: FieldRules) -> Any:  # noqa: ANN401 - of the field's type
        """A value for a field that identifies something; practically unique to the seed."""
        own = rules_of_type(rules)
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING and field.type != FieldDescriptor.TYPE_BYTES:
            return self._identity(field, own)
        if field.cpp_type in _INTEGERS:
            lower, upper = _bounds(own)
            return self._random.randint(max(lower, 1), min(upper, _UNBOUNDED - 1))
        return self.value(field, rules)

    def _identity(self, field: FieldDescriptor, rules: Any) -> str:  # noqa: ANN401 - StringRules or None
        if rules is not None and (formatted := self._formatted(rules)):
            return formatted
        if rules is not None and rules.HasField("pattern"):
            return matching(rules.pattern, self._random, _LONGEST_FRESH) or self._digest[:_LONGEST_FRESH]
        return _fitted(f"{field.name.removesuffix('_id')}-{self._digest[:12]}", rules, keep_end=True)

    def _text(self, field: FieldDescriptor, rules: Any, index: int) -> str:  # noqa: ANN401 - StringRules or None
        if field.name.endswith(("page_token", "cursor")) and (rules is None or not rules.min_len):
            return ""  # a mock has one page
        if word := next((word for part, word in _WORDS if part in field.name and _allowed(word, rules)), ""):
            return word
        if rules is not None and (formatted := self._formatted(rules)):
            return formatted
        if rules is not None and rules.HasField("pattern"):
            return matching(rules.pattern, self._random, index + 1) or field.name
        if field.name.endswith(("_id", "_number")):
            return _fitted(f"{field.name.rpartition('_')[0]}-{self._digest[:8]}", rules, keep_end=True)
        return _fitted(f"{field.name}-{index}" if index else field.name, rules)

    def _formatted(self, rules: Any) -> str:  # noqa: ANN401 - StringRules
        format_ = rules.WhichOneof("well_known") or ""
        unique = UUID(self._digest[:32], version=4)
        return {"uuid": str(unique), "tuuid": unique.hex}.get(format_) or _FORMATS.get(format_, "")

    def _bytes_or_text(self, field: FieldDescriptor, rules: Any, index: int) -> str | bytes:  # noqa: ANN401 - as above
        if field.type == FieldDescriptor.TYPE_BYTES:
            least, most = _lengths(rules)
            return self._digest.encode().ljust(least, b"0")[: max(least, min(most, 8))]
        return self._text(field, rules, index)


def _integer(_: Scalars, __: FieldDescriptor, rules: Any, index: int) -> int:  # noqa: ANN401 - as above
    lower, upper = _bounds(rules)
    return min(max(lower, 1) + index, upper)


def _float(_: Scalars, __: FieldDescriptor, rules: Any, index: int) -> float:  # noqa: ANN401 - as above
    lower, upper = _limits(rules)
    if lower < 1 + index < upper:
        return 1.0 + index
    # Strictly between the two bounds, so that it does not matter whether the bounds are allowed.
    return (lower + upper) / 2 if upper - lower < _UNBOUNDED else (lower + 1 if lower >= 1 else upper - 1)


def _number(_: Scalars, field: FieldDescriptor, rules: Any, index: int) -> int:  # noqa: ANN401 - as above
    assert field.enum_type is not None
    refused = set(rules.not_in) if rules is not None else set()
    numbers = [value.number for value in field.enum_type.values if value.number and value.number not in refused]
    return numbers[index % len(numbers)] if numbers else 0


def _bool(_: Scalars, __: FieldDescriptor, ___: Any, ____: int) -> bool:  # noqa: ANN401 - as above
    return True


def _limits(rules: Any) -> tuple[float, float]:  # noqa: ANN401 - rules of some number, or None
    lower = upper = None
    if rules is not None:
        lower = next((getattr(rules, name) for name in ("gt", "gte") if rules.HasField(name)), None)
        upper = next((getattr(rules, name) for name in ("lt", "lte") if rules.HasField(name)), None)
    return -_UNBOUNDED if lower is None else lower, _UNBOUNDED if upper is None else upper


def _bounds(rules: Any) -> tuple[int, int]:  # noqa: ANN401 - as above
    """The least and the greatest whole number that is allowed."""
    lower, upper = _limits(rules)
    above = rules is not None and rules.HasField("gt")
    below = rules is None or not rules.HasField("lte")
    return int(lower) + above, int(upper) - below


def _lengths(rules: Any) -> tuple[int, int]:  # noqa: ANN401 - StringRules, BytesRules or None
    if rules is None:
        return 0, _UNBOUNDED
    if rules.HasField("len"):
        return rules.len, rules.len
    return rules.min_len, rules.max_len if rules.HasField("max_len") else _UNBOUNDED


def _fitted(text: str, rules: Any, *, keep_end: bool = False) -> str:  # noqa: ANN401 - StringRules or None
    """The text, made as long or as short as allowed; of an identity the end is kept, which makes it unique."""
    if rules is None:
        return text
    least, most = _lengths(rules)
    text = f"{text}{rules.contains}{rules.suffix}"
    text = text if text.startswith(rules.prefix) else f"{rules.prefix}{text}"
    text = text.ljust(least, "x")
    return text[-most:] if keep_end and most else text[:most]


def _allowed(text: str, rules: Any) -> bool:  # noqa: ANN401 - StringRules or None
    if rules is None:
        return True
    least, most = _lengths(rules)
    return bool(
        least <= len(text) <= most
        and (not rules.HasField("pattern") or re.search(rules.pattern, text))
        and rules.WhichOneof("well_known") in {None, "email", "uri"}
    )


_INTEGERS: Final = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)
_MAKERS: dict[int, Callable[[Scalars, FieldDescriptor, Any, int], Any]] = {
    **dict.fromkeys(_INTEGERS, _integer),
    FieldDescriptor.CPPTYPE_FLOAT: _float,
    FieldDescriptor.CPPTYPE_DOUBLE: _float,
    FieldDescriptor.CPPTYPE_BOOL: _bool,
    FieldDescriptor.CPPTYPE_ENUM: _number,
    FieldDescriptor.CPPTYPE_STRING: Scalars._bytes_or_text,  # noqa: SLF001 - the class's own table
}
