"""The buf.validate constraints of a field, read through their bytes so that a descriptor of any pool will do."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from buf.validate import validate_pb2
from google.protobuf import descriptor_pb2

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor


def field_rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    """The constraints of a field; empty where it has none. They are shared, so do not change them."""
    return _parsed(field.GetOptions().SerializeToString())


@lru_cache(maxsize=4096)
def _parsed(options: bytes) -> validate_pb2.FieldRules:
    return descriptor_pb2.FieldOptions.FromString(options).Extensions[validate_pb2.field]


def rules_of_type(rules: validate_pb2.FieldRules) -> Any:  # noqa: ANN401 - one class for each type, with the same fields
    """The constraints for the field's own type, such as ``StringRules``; ``None`` where there are none."""
    kind = rules.WhichOneof("type")
    return getattr(rules, kind) if kind else None


def prescribed(rules: Any) -> Any:  # noqa: ANN401 - as above; the value is of the field's type
    """A value that the constraints themselves name, by ``const``, ``in`` or ``example``; ``None`` where they do not."""
    if rules is None:
        return None
    named = rules.DESCRIPTOR.fields_by_name
    if "const" in named and rules.HasField("const"):
        return rules.const
    for listed in ("in", "example"):
        if listed in named and (values := getattr(rules, listed)):
            return values[0]
    return None
