"""Checks messages against the buf.validate constraints of their contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import protovalidate

from orchestrator.errors import InvalidInput

if TYPE_CHECKING:
    from google.protobuf.message import Message


def refuse_invalid(message: Message) -> None:
    """Check a message.

    Raises:
        InvalidInput: naming every violated field.
    """
    violations = protovalidate.collect_violations(message)
    if violations:
        raise InvalidInput(*((_path(violation), violation.proto.message) for violation in violations))


def _path(violation: protovalidate.Violation) -> str:
    field = violation.proto.field
    return ".".join(_step(element) for element in field.elements) if field else ""


def _step(element: Any) -> str:  # noqa: ANN401 - its class is private to protovalidate
    name = str(element.field_name)
    subscript = element.subscript
    if subscript is None:
        return name
    return f'{name}["{subscript.value}"]' if subscript.field == "string_key" else f"{name}[{subscript.value}]"
