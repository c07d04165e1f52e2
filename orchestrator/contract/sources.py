"""Where each field of a derived message takes its value from: as the contract says, else by name and type.

It reads descriptors alone, of any pool, so that the rules and the derivation agree.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.descriptor import FieldDescriptor

from orchestrator.contract.options import field_options
from saga.v1 import contract_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.struct_pb2 import Value


class Origin(enum.Enum):
    """Where a field takes its value from: one of a command's two messages, or the contract itself."""

    REQUEST = "request"
    RESPONSE = "response"
    CONSTANT = "constant"


class WhenUnknown(enum.Enum):
    """What to do with a field whose value was in a lost answer; the names of ``saga.v1.WhenUnknown``."""

    UNSPECIFIED = 0
    LEAVE_EMPTY = 1
    SUSPEND = 2


@dataclass(frozen=True, slots=True)
class FieldSource:
    """A field of a derived message and where it takes its value from.

    Attributes:
        field: the field to fill.
        origin: where its value is looked for.
        path: the fields from the message of ``origin`` to the one that holds the value; empty where there is none of
            this name and type, and for a constant.
        when_unknown: what the contract says for the case that the answer was lost.
        constant: the value, where it is a constant.
        stated: the contract says where the value comes from, for this command; else it follows from name and type.
    """

    field: FieldDescriptor
    origin: Origin
    path: tuple[FieldDescriptor, ...]
    when_unknown: WhenUnknown = WhenUnknown.UNSPECIFIED
    constant: Value | None = None
    stated: bool = False

    @property
    def is_missing(self) -> bool:
        """Whether nothing fills the field."""
        return not self.path and self.constant is None

    @property
    def is_always_set(self) -> bool:
        """Whether every valid message holds a value of this field."""
        return self.constant is not None or (bool(self.path) and all(map(is_always_set, self.path)))


def field_sources(
    target: Descriptor, request: Descriptor, response: Descriptor, fillings: Iterable[contract_pb2.Filling] = ()
) -> tuple[FieldSource, ...]:
    """The source of each field of ``target`` among the fields of a command's request and response.

    Args:
        target: the message to derive.
        request: the command's request.
        response: the command's response.
        fillings: what the contract says of fields that are filled in another way than by name and type.
    """
    stated = {filling.field: filling for filling in fillings}
    return tuple(
        _stated_source(field, stated[field.name], request, response)
        if field.name in stated
        else _matching_source(field, request, response)
        for field in target.fields
    )


def matching_field(message: Descriptor, wanted: FieldDescriptor) -> FieldDescriptor | None:
    """The field of ``message`` with the name and the type of ``wanted``."""
    found = message.fields_by_name.get(wanted.name)
    return found if found is not None and same_type(found, wanted) else None


def find_path(message: Descriptor, path: str) -> tuple[FieldDescriptor, ...]:
    """The fields on a way such as ``payer.customer_id``; fewer than its names where the way ends before.

    Only a single message can be passed on the way: no list, and no map.
    """
    found: list[FieldDescriptor] = []
    within: Descriptor | None = message
    for name in path.split("."):
        field = within.fields_by_name.get(name) if within is not None else None
        if field is None:
            break
        found.append(field)
        within = None if field.is_repeated else field.message_type
    return tuple(found)


def same_type(one: FieldDescriptor, other: FieldDescriptor) -> bool:
    """Whether two fields hold the same, as their types are written.

    Written types compare equal across pools, and so do two maps, whose entry types bear different names.
    """
    return type_name(one) == type_name(other)


def type_name(field: FieldDescriptor) -> str:
    """The type of a field as it is written in a .proto file, such as ``repeated shop.type.v1.Line``."""
    if field.message_type and field.message_type.GetOptions().map_entry:
        key, value = (field.message_type.fields_by_name[part] for part in ("key", "value"))
        return f"map<{type_name(key)}, {type_name(value)}>"
    named = field.message_type or field.enum_type
    name = named.full_name if named else _SCALARS[field.type]
    return f"repeated {name}" if field.is_repeated else name


def is_always_set(field: FieldDescriptor) -> bool:
    """Whether every valid message holds a value of this field: the field is required, or has no absence."""
    return bool(field.is_required or not field.has_presence)


def _matching_source(field: FieldDescriptor, request: Descriptor, response: Descriptor) -> FieldSource:
    options = field_options(field)
    origin = Origin.RESPONSE if options.source == contract_pb2.SOURCE_RESPONSE else Origin.REQUEST
    found = matching_field(response if origin is Origin.RESPONSE else request, field)
    return FieldSource(field, origin, (found,) if found else (), WhenUnknown(options.when_unknown))


def _stated_source(
    field: FieldDescriptor, filling: contract_pb2.Filling, request: Descriptor, response: Descriptor
) -> FieldSource:
    if filling.WhichOneof("origin") == "constant":
        return FieldSource(field, Origin.CONSTANT, (), constant=filling.constant, stated=True)
    is_answer = filling.WhichOneof("origin") == "response"
    origin, message = (Origin.RESPONSE, response) if is_answer else (Origin.REQUEST, request)
    way = filling.response if is_answer else filling.request
    path = find_path(message, way)
    fits = len(path) == len(way.split(".")) and same_type(path[-1], field)
    return FieldSource(field, origin, path if fits else (), WhenUnknown(filling.when_unknown), stated=True)


_SCALARS = {
    getattr(FieldDescriptor, f"TYPE_{name.upper()}"): name
    for name in (
        *("double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64"),
        *("fixed32", "fixed64", "sfixed32", "sfixed64", "bool", "string", "bytes"),
    )
}
