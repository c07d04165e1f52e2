"""Messages as schemas of JSON Schema 2020-12, as the JSON mapping of protobuf writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.descriptor import FieldDescriptor

from orchestrator.api.openapi.comments import comment_on
from orchestrator.api.openapi.constraints import constraints, is_required
from orchestrator.contract.options import is_sensitive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.descriptor import Descriptor, EnumDescriptor

    Schema = dict[str, Any]

_SHORT: Final[Schema] = {"type": "integer", "format": "int32"}
_UNSIGNED_SHORT: Final[Schema] = {"type": "integer", "format": "uint32", "minimum": 0}
_LONG: Final[Schema] = {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"}
_UNSIGNED_LONG: Final[Schema] = {"type": "string", "format": "uint64", "pattern": "^[0-9]+$"}
_BYTES: Final[Schema] = {"type": "string", "contentEncoding": "base64"}
_SCALARS: Final[dict[int, Schema]] = {
    **dict.fromkeys((FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SFIXED32), _SHORT),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_FIXED32), _UNSIGNED_SHORT),
    **dict.fromkeys((FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_SFIXED64), _LONG),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64), _UNSIGNED_LONG),
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: _BYTES,
}
_ANY: Final[Schema] = {
    "type": "object",
    "description": "A message of any type, which is named by its URL; its fields stand beside that.",
    "required": ["@type"],
    "properties": {"@type": {"type": "string", "examples": ["type.googleapis.com/shop.order.v1.StartOrderRequest"]}},
    "additionalProperties": True,
}
WELL_KNOWN: Final[dict[str, Schema]] = {
    "google.protobuf.Any": _ANY,
    "google.protobuf.BoolValue": {"type": "boolean"},
    "google.protobuf.BytesValue": _BYTES,
    "google.protobuf.DoubleValue": {"type": "number", "format": "double"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$", "examples": ["1.5s"]},
    "google.protobuf.Empty": {"type": "object"},
    "google.protobuf.FieldMask": {"type": "string"},
    "google.protobuf.FloatValue": {"type": "number", "format": "float"},
    "google.protobuf.Int32Value": _SHORT,
    "google.protobuf.Int64Value": _LONG,
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.StringValue": {"type": "string"},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.UInt32Value": _UNSIGNED_SHORT,
    "google.protobuf.UInt64Value": _UNSIGNED_LONG,
    "google.protobuf.Value": {},
}
"""The messages that JSON writes in a way of their own."""


class Schemas:
    """The schemas that a description refers to; those of other messages come along.

    Attributes:
        components: by the full names of messages and enums.
    """

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def message(self, kind: Descriptor) -> Schema:
        """A message: a reference to its schema, or the schema of one that is well known."""
        if kind.full_name in WELL_KNOWN:
            return dict(WELL_KNOWN[kind.full_name])
        if kind.full_name not in self.components:
            self.components[kind.full_name] = {}  # it may hold itself
            self.components[kind.full_name] = self.fields(kind, kind.fields)
        return reference(kind.full_name)

    def fields(self, kind: Descriptor, fields: Iterable[FieldDescriptor]) -> Schema:
        """Some fields of a message, as an object."""
        fields = list(fields)
        schema: Schema = {"type": "object"}
        if text := comment_on(kind.full_name, kind.file.name):
            schema["description"] = text
        if required := [field.json_name for field in fields if is_required(field)]:
            schema["required"] = required
        schema["properties"] = {field.json_name: self.field(field) for field in fields}
        return schema

    def field(self, field: FieldDescriptor) -> Schema:
        """One field, with what its contract says of it."""
        kind, added = field.message_type, constraints(field)
        if kind is not None and kind.GetOptions().map_entry:
            values = self._value(kind.fields_by_name["value"]) | added.pop("additionalProperties", {})
            schema: Schema = {"type": "object", "additionalProperties": values}
        elif field.is_repeated:
            schema = {"type": "array", "items": self._value(field) | added.pop("items", {})}
        else:
            schema = self._value(field)
        assert field.containing_type is not None
        told = [comment_on(field.full_name, field.containing_type.file.name)]
        oneof = field.containing_oneof
        if oneof is not None and len(oneof.fields) > 1:
            told.append(f"At most one of {', '.join(each.json_name for each in oneof.fields)} is given.")
        schema = schema | added | ({"description": text} if (text := " ".join(filter(None, told))) else {})
        return schema | ({"x-sensitive": True} if is_sensitive(field) else {})

    def _value(self, field: FieldDescriptor) -> Schema:
        if field.message_type is not None:
            return self.message(field.message_type)
        return self._enum(field.enum_type) if field.enum_type is not None else dict(_SCALARS[field.type])

    def _enum(self, kind: EnumDescriptor) -> Schema:
        if kind.full_name == "google.protobuf.NullValue":
            return {"type": "null"}
        told = [comment_on(kind.full_name, kind.file.name)]
        prefix = kind.full_name.rpartition(".")[0]
        values = ((value.name, comment_on(f"{prefix}.{value.name}", kind.file.name)) for value in kind.values)
        told += [f"- `{name}`: {text}" for name, text in values if text]
        schema: Schema = {"type": "string", "enum": [value.name for value in kind.values]}
        if text := "\n".join(filter(None, told)):
            schema = {"description": text} | schema
        self.components[kind.full_name] = schema
        return reference(kind.full_name)


def reference(name: str) -> Schema:
    """A reference to the schema of this name."""
    return {"$ref": f"#/components/schemas/{name}"}
