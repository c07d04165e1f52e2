"""The rules for a contract's messages, for all rpcs and sagas.

==============================  =====================================================================================
rule                            what it asks for
==============================  =====================================================================================
``attribute-is-not-sensitive``  no field is shown in every list, as an ``attribute``, and must not be shown
==============================  =====================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.contract.attributes import sensitive_attributes
from orchestrator.contract.options import Place, annotations_of
from orchestrator.contract.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.descriptor import Descriptor, FileDescriptor

ATTRIBUTE_IS_NOT_SENSITIVE: Final = "attribute-is-not-sensitive"


def check_messages(file: FileDescriptor) -> list[Violation]:
    """What is wrong with a file's messages."""
    return [
        _violation(message, field)
        for message in _all(file.message_types_by_name.values())
        for field in sensitive_attributes(message)
    ]


def _violation(message: Descriptor, field: str) -> Violation:
    name = f"{message.full_name}.{field}"
    place = annotations_of(message.file.pool).place(name, "attribute") or Place(message.file.name, 0)
    return Violation(*place, name, ATTRIBUTE_IS_NOT_SENSITIVE, why_sensitive(field))


def why_sensitive(field: str) -> str:
    """What is wrong with an attribute, and what to do."""
    return (
        f"`{field}` is an attribute, by whose value sagas are listed and shown, and holds what `debug_redact` or an "
        "Any keeps from being shown; remove one of the two"
    )


def _all(messages: Iterable[Descriptor]) -> Iterator[Descriptor]:
    for message in messages:
        yield message
        yield from _all(message.nested_types)
