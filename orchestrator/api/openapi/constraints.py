"""The constraints of buf.validate that JSON Schema can say; the server checks all of them.

What JSON Schema can say is a help for those who fill in a form, or make a client. So what it cannot say is left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from buf.validate import validate_pb2

from orchestrator.contract.probes import rules_of

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor

_NUMBERS: Final = ("float", "double", "int32", "uint32", "sint32", "fixed32", "sfixed32")
_LIMITS: Final = {"gte": "minimum", "lte": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
_FORMATS: Final = {"email": "email", "uuid": "uuid", "uri": "uri", "hostname": "hostname"}


def constraints(field: FieldDescriptor) -> dict[str, Any]:
    """What is to be added to the schema of a field."""
    return _of(rules_of(field))


def is_required(field: FieldDescriptor) -> bool:
    """Whether a request without this field is refused."""
    rules = rules_of(field)
    if rules.ignore != validate_pb2.IGNORE_UNSPECIFIED or field.has_presence:
        return bool(rules.required)
    kind = rules.WhichOneof("type")
    if rules.required:
        return True
    if kind == "string":
        is_known = rules.string.WhichOneof("well_known") in _FORMATS
        return bool(rules.string.min_len) or is_known or not _fits_nothing(rules.string.pattern)
    if kind == "enum":
        return 0 in rules.enum.not_in
    return bool(kind == "repeated" and rules.repeated.min_items)


def _fits_nothing(pattern: str) -> bool:
    """Whether an empty text fits; it is supposed to, where Python does not understand the pattern, which is RE2's."""
    try:
        return re.search(pattern, "") is not None
    except re.error:
        return True


def _of(rules: validate_pb2.FieldRules) -> dict[str, Any]:
    kind = rules.WhichOneof("type")
    if rules.ignore == validate_pb2.IGNORE_ALWAYS or kind is None:
        return {}
    if kind == "string":
        return _of_string(rules.string)
    if kind == "repeated":
        return _of_list(rules.repeated)
    if kind == "map":
        return _of_map(rules.map)
    if kind in _NUMBERS:
        said = getattr(rules, kind)
        return {name: getattr(said, limit) for limit, name in _LIMITS.items() if said.HasField(limit)}
    return {}


def _of_string(rules: validate_pb2.StringRules) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if rules.HasField("min_len"):
        said["minLength"] = rules.min_len
    if rules.HasField("max_len"):
        said["maxLength"] = rules.max_len
    if rules.HasField("pattern"):
        said["pattern"] = rules.pattern
    format_name = _FORMATS.get(rules.WhichOneof("well_known") or "")
    return said | ({"format": format_name} if format_name else {})


def _of_list(rules: validate_pb2.RepeatedRules) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if rules.HasField("min_items"):
        said["minItems"] = rules.min_items
    if rules.HasField("max_items"):
        said["maxItems"] = rules.max_items
    if rules.unique:
        said["uniqueItems"] = True
    items = _of(rules.items)
    return said | ({"items": items} if items else {})


def _of_map(rules: validate_pb2.MapRules) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if rules.HasField("min_pairs"):
        said["minProperties"] = rules.min_pairs
    if rules.HasField("max_pairs"):
        said["maxProperties"] = rules.max_pairs
    keys, values = _of(rules.keys), _of(rules.values)
    return said | ({"propertyNames": keys} if keys else {}) | ({"additionalProperties": values} if values else {})
