"""The constraints on fields that contracts state as buf.validate annotations."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import protovalidate

from orchestrator.contract.wording import for_people

if TYPE_CHECKING:
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import Message


def violations(message: Message) -> tuple[tuple[str, str], ...]:
    """Pairs of the path of a field at fault, such as ``lines[0].quantity``, and what is wrong with it."""
    found = _validator(message.DESCRIPTOR.file.pool).collect_violations(message)
    return tuple((_path(violation), for_people(violation.proto.message)) for violation in found)


@lru_cache(maxsize=16)
def _validator(pool: DescriptorPool) -> protovalidate.Validator:  # noqa: ARG001 - it tells one from another
    # A validator keeps what it compiled by names, and those of .proto files and of stubs may say different things.
    return protovalidate.Validator()


def _path(violation: protovalidate.Violation) -> str:
    field = violation.proto.field
    return ".".join(_step(element) for element in field.elements) if field else ""


def _step(element: Any) -> str:  # noqa: ANN401 - its class is private to protovalidate
    name = str(element.field_name)
    subscript = element.subscript
    if subscript is None:
        return name
    return f'{name}["{subscript.value}"]' if subscript.field == "string_key" else f"{name}[{subscript.value}]"
