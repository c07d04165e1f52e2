"""Refuses calls that break the constraints of their contract (buf.validate) or of their metadata."""

from collections.abc import Iterator
from typing import Any, Final

import protovalidate
from google.protobuf.message import Message

from services.chassis.errors import InvalidRequest
from services.chassis.metadata import CallMetadata

# Keys are indexed, and PostgreSQL refuses index entries of more than some 2,700 bytes.
LONGEST_KEY: Final = 500


def refuse_invalid(request: Message, metadata: CallMetadata) -> None:
    """Checks `request` against its contract, and the keys in `metadata`.

    Raises:
        InvalidRequest: Naming every violated field, such as `lines[0].quantity` or `metadata.idempotency-key`.
    """
    violations = [
        (_path(violation), violation.proto.message) for violation in protovalidate.collect_violations(request)
    ]
    violations.extend(_overlong(metadata))
    if violations:
        raise InvalidRequest(violations)


def _overlong(metadata: CallMetadata) -> Iterator[tuple[str, str]]:
    for name, key in (
        ("idempotency-key", metadata.idempotency_key),
        ("compensates", metadata.compensates),
        ("verifies", metadata.verifies),
    ):
        if key is not None and len(key) > LONGEST_KEY:
            yield f"metadata.{name}", f"must be at most {LONGEST_KEY} characters"


def _path(violation: protovalidate.Violation) -> str:
    field = violation.proto.field
    return ".".join(_step(element) for element in field.elements) if field else ""


def _step(element: Any) -> str:  # noqa: ANN401 - its class is private to protovalidate
    name = str(element.field_name)
    subscript = element.subscript
    if subscript is None:
        return name
    return f'{name}["{subscript.value}"]' if subscript.field == "string_key" else f"{name}[{subscript.value}]"
