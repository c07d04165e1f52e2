"""Where each field of a derived message takes its value from: by name and type, and by what the contract says.

It reads descriptors alone, of any pool, so that the rules and the derivation agree.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.descriptor import FieldDescriptor

from orchestrator.contract.attributes import field_options
from saga.v1 import contract_pb2

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor


class Origin(enum.Enum):
    """Which of a command's two messages a field takes its value from; ``saga.v1.Source``."""

    REQUEST = "request"
    RESPONSE = "response"


class WhenUnknown(enum.Enum):
    """What to do with a field whose value was in a lost answer; the names of ``saga.v1.WhenUnknown``."""

    UNSPECIFIED = 0
    LEAVE_EMPTY = 1
    SUSPEND = 2


@dataclass(frozen=True, slots=True)
class FieldSource:
    """A field of a derived message and the field that it takes its value from.

    Attributes:
        field: the field to fill.
        origin: the message in which its value is looked for.
        source: the field found there by name and type, or None.
        when_unknown: what the contract says for the case that the answer was lost.
    """

    field: FieldDescriptor
    origin: Origin
    source: FieldDescriptor | None
    when_unknown: WhenUnknown


def field_sources(target: Descriptor, request: Descriptor, response: Descriptor) -> tuple[FieldSource, ...]:
    """The source of each field of ``target`` among the fields of a command's request and response."""
    sources = []
    for field in target.fields:
        options = field_options(field)
        origin = Origin.RESPONSE if options.source == contract_pb2.SOURCE_RESPONSE else Origin.REQUEST
        found = matching_field(response if origin is Origin.RESPONSE else request, field)
        sources.append(FieldSource(field, origin, found, WhenUnknown(options.when_unknown)))
    return tuple(sources)


def matching_field(message: Descriptor, wanted: FieldDescriptor) -> FieldDescriptor | None:
    """The field of ``message`` with the name and the type of ``wanted``."""
    found = message.fields_by_name.get(wanted.name)
    return found if found is not None and _same_type(found, wanted) else None


def is_always_set(field: FieldDescriptor) -> bool:
    """Whether every valid message holds a value of this field: the field is required, or has no absence."""
    return bool(field.is_required or not field.has_presence)


def type_name(field: FieldDescriptor) -> str:
    """The type of a field as it is written in a .proto file, such as ``repeated shop.type.v1.Line``."""
    if field.message_type and field.message_type.GetOptions().map_entry:
        key, value = (field.message_type.fields_by_name[part] for part in ("key", "value"))
        return f"map<{type_name(key)}, {type_name(value)}>"
    named = field.message_type or field.enum_type
    name = named.full_name if named else _SCALARS[field.type]
    return f"repeated {name}" if field.is_repeated else name


def _same_type(one: FieldDescriptor, other: FieldDescriptor) -> bool:
    # Written types compare equal across pools, and so do two maps, whose entry types bear different names.
    return type_name(one) == type_name(other)


_SCALARS = {
    getattr(FieldDescriptor, f"TYPE_{name.upper()}"): name
    for name in (
        *("double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64"),
        *("fixed32", "fixed64", "sfixed32", "sfixed64", "bool", "string", "bytes"),
    )
}
