"""Refuses calls that break the constraints of their contract (buf.validate) or of their metadata."""

from collections.abc import Iterator
from typing import Any

import protovalidate
from google.protobuf.message import Message

from orchestrator.participant.metadata import CallMetadata
from services.chassis.errors import InvalidRequest


def refuse_invalid(request: Message, metadata: CallMetadata, kind: str) -> None:
    """Check ``request`` against its contract, and ``metadata`` against what a saga sends to a method of this ``kind``.

    Raises:
        InvalidRequest: naming every violated field, such as ``lines[0].quantity`` or ``metadata.idempotency-key``.
    """
    violations = list(_violations(request))
    violations.extend((f"metadata.{name}", nonsense) for name, nonsense in metadata.nonsense(kind))
    if violations:
        raise InvalidRequest(violations)


def _violations(request: Message) -> Iterator[tuple[str, str]]:
    try:
        for violation in protovalidate.collect_violations(request):
            yield _path(violation), violation.proto.message
    except protovalidate.EvaluationError as error:  # a constraint has no answer for this request, as for one too long
        yield "", f"cannot be judged: {' '.join(str(error).split())}"


def _path(violation: protovalidate.Violation) -> str:
    field = violation.proto.field
    return ".".join(_step(element) for element in field.elements) if field else ""


def _step(element: Any) -> str:  # noqa: ANN401 - its class is private to protovalidate
    name = str(element.field_name)
    subscript = element.subscript
    if subscript is None:
        return name
    return f'{name}["{subscript.value}"]' if subscript.field == "string_key" else f"{name}[{subscript.value}]"
