"""The fields of a saga's input by whose values its sagas can be listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.options import field_options, is_sensitive
from orchestrator.contract.redaction import may_hide

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor


def attribute_fields(message: Descriptor) -> tuple[str, ...]:
    """The names of the message's fields that are marked ``attribute``."""
    return tuple(field.name for field in message.fields if field_options(field).attribute)


def sensitive_attributes(message: Descriptor) -> tuple[str, ...]:
    """The attribute fields that must not be shown, or contain what must not; attributes are shown everywhere."""
    attributes = (message.fields_by_name[name] for name in attribute_fields(message))
    return tuple(
        field.name
        for field in attributes
        if is_sensitive(field) or (field.message_type is not None and may_hide(field.message_type))
    )
