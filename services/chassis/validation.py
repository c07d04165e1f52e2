"""Refuses calls that break the constraints of their contract (buf.validate) or of their metadata."""

from collections.abc import Iterator
from typing import Any, Final

import protovalidate
from google.protobuf.message import Message

from services.chassis.errors import InvalidRequest
from services.chassis.metadata import COMPENSATES, IDEMPOTENCY_KEY, SAGA_ID, TRACEPARENT, VERIFIES, CallMetadata
from services.chassis.participant import COMPENSATION, QUERY

# Keys are indexed, and PostgreSQL refuses index entries of more than some 2,700 bytes.
LONGEST_KEY: Final = 500


def refuse_invalid(request: Message, metadata: CallMetadata, kind: str) -> None:
    """Check ``request`` against its contract, and ``metadata`` against what a saga sends to a method of this ``kind``.

    Raises:
        InvalidRequest: naming every violated field, such as ``lines[0].quantity`` or ``metadata.idempotency-key``.
    """
    violations = [
        (_path(violation), violation.proto.message) for violation in protovalidate.collect_violations(request)
    ]
    violations.extend((f"metadata.{name}", nonsense) for name, nonsense in _nonsense(metadata, kind))
    if violations:
        raise InvalidRequest(violations)


def _nonsense(metadata: CallMetadata, kind: str) -> Iterator[tuple[str, str]]:
    """What no saga sends: unreadable keys, and keys that do not fit the method or one another.

    A verify query carries the key of its command also as its own, so there the two are equal. The caller's span is not
    checked, because W3C's rule is to ignore an unusable one.
    """
    for name, value in (
        (IDEMPOTENCY_KEY, metadata.idempotency_key),
        (COMPENSATES, metadata.compensates),
        (VERIFIES, metadata.verifies),
        (SAGA_ID, metadata.saga_id),
    ):
        if value is not None and (wrong := _wrong(value)):
            yield name, wrong
    for name in metadata.contradicted:
        if name != TRACEPARENT:
            yield name, "must be sent once"
    if metadata.compensates is not None:
        if kind != COMPENSATION:
            yield COMPENSATES, "is only for a compensation"
        elif metadata.compensates == metadata.idempotency_key:
            yield COMPENSATES, "must name another command than the compensation itself"
    if metadata.verifies is not None and kind != QUERY:
        yield VERIFIES, "is only for a query"


def _wrong(value: str) -> str | None:
    if not value.strip():
        return "must not be empty"
    if len(value) > LONGEST_KEY:
        return f"must be at most {LONGEST_KEY} characters"
    if not (value.isascii() and value.isprintable()):
        return "must be printable ASCII"
    return None


def _path(violation: protovalidate.Violation) -> str:
    field = violation.proto.field
    return ".".join(_step(element) for element in field.elements) if field else ""


def _step(element: Any) -> str:  # noqa: ANN401 - its class is private to protovalidate
    name = str(element.field_name)
    subscript = element.subscript
    if subscript is None:
        return name
    return f'{name}["{subscript.value}"]' if subscript.field == "string_key" else f"{name}[{subscript.value}]"
