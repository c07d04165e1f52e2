"""The fields of a saga's input by whose values its sagas can be listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf import descriptor_pb2

from orchestrator.contract.redaction import may_hide
from saga.v1 import contract_pb2

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor


def field_options(field: FieldDescriptor) -> contract_pb2.Field:
    """What the contract says of a field, as written; empty where it says nothing."""
    options = descriptor_pb2.FieldOptions.FromString(field.GetOptions().SerializeToString())
    return options.Extensions[contract_pb2.field]


def attribute_fields(message: Descriptor) -> tuple[str, ...]:
    """The names of the message's fields that are marked ``attribute``."""
    return tuple(field.name for field in message.fields if field_options(field).attribute)


def sensitive_attributes(message: Descriptor) -> tuple[str, ...]:
    """The attribute fields that are, or contain, a field marked ``debug_redact``; attributes are shown everywhere."""
    attributes = (message.fields_by_name[name] for name in attribute_fields(message))
    return tuple(
        field.name
        for field in attributes
        if field.GetOptions().debug_redact or (field.message_type is not None and may_hide(field.message_type))
    )
