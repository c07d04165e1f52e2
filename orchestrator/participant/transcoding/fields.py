"""A field of a message by its path, and its value as the text that stands in a path or a query.

The text is what the JSON mapping of protobuf says, without quotes: ``7``, ``true``, ``STATUS_RUNNING``,
``2026-01-01T00:00:00Z``. Bytes are base64url.
"""

import json
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from orchestrator.participant.transcoding.errors import UnreadableError
from orchestrator.participant.transcoding.faults import JsonErrors, find_fault, wording

_BARE: Final = frozenset(
    {"google.protobuf.Duration", "google.protobuf.FieldMask", "google.protobuf.Timestamp"}
    | {f"google.protobuf.{kind}Value" for kind in ("Bool", "Bytes", "Double", "Float", "String")}
    | {f"google.protobuf.{kind}Value" for kind in ("Int32", "Int64", "UInt32", "UInt64")}
)
_BOOLS: Final = {"true": True, "false": False}


class NoSuchFieldError(LookupError):
    """A message has no field of that name."""


def find_field(message: Descriptor, name: str) -> FieldDescriptor:
    """A field by its name in the contract, or in JSON.

    Raises:
        NoSuchFieldError: there is none.
    """
    field = message.fields_by_name.get(name) or message.fields_by_camelcase_name.get(name)
    if field is None:
        field = next((each for each in message.fields if each.json_name == name), None)
    if field is None:
        raise NoSuchFieldError(f"{message.full_name} has no field {name}")
    return field


def find_path(message: Descriptor, path: str) -> tuple[FieldDescriptor, ...]:
    """The fields from a message to the one that a path such as ``book.name`` names.

    Raises:
        NoSuchFieldError: there is none.
    """
    fields: list[FieldDescriptor] = []
    for name in path.split("."):
        if fields:
            inner = fields[-1].message_type
            if inner is None or fields[-1].is_repeated or is_bare(fields[-1]):
                raise NoSuchFieldError(f"{fields[-1].full_name} has no fields")
            fields.append(find_field(inner, name))
        else:
            fields.append(find_field(message, name))
    return tuple(fields)


def dotted(fields: tuple[FieldDescriptor, ...]) -> str:
    """Their path by the names of the contract."""
    return ".".join(field.name for field in fields)


def is_bare(field: FieldDescriptor) -> bool:
    """Whether one value of it is text: a scalar, or a message that JSON writes as one."""
    return field.message_type is None or field.message_type.full_name in _BARE


def is_bytes(field: FieldDescriptor) -> bool:
    """Whether its values are bytes."""
    is_wrapped = field.message_type is not None and field.message_type.full_name == "google.protobuf.BytesValue"
    return is_wrapped or field.type == FieldDescriptor.TYPE_BYTES


def text_of(field: FieldDescriptor, value: object) -> str:
    """One value of a field, as JSON has it, as text."""
    if not isinstance(value, str):
        return json.dumps(value)
    return value.replace("+", "-").replace("/", "_") if is_bytes(field) else value


def set_texts(message: Message, fields: tuple[FieldDescriptor, ...], texts: list[str]) -> None:
    """Give a field, and the messages that lead to it, the value that texts say: one, or each of a repeated one.

    Raises:
        UnreadableError: they say none, or another field of its oneof has a value.
    """
    name = dotted(fields)
    *containers, field = fields
    inner: Any = message
    for container in containers:
        _refuse_another(inner, container, name)
        inner = getattr(inner, container.name)
        inner.SetInParent()
    _refuse_another(inner, field, name)
    if not is_bare(field):
        raise UnreadableError(name, "has no form for a path or a query")
    if len(texts) > 1 and not field.is_repeated:
        raise UnreadableError(name, "is given more than once")
    values = [_value(field, text, name) for text in texts]
    parse({field.json_name: values if field.is_repeated else values[0]}, inner, dotted(tuple(containers)))


def parse(document: object, message: Message, at: str = "", *, is_lenient: bool = False) -> None:
    """Put a JSON document into a message.

    Args:
        document: the document, parsed.
        message: what its fields are set in.
        at: where the message is, for errors.
        is_lenient: whether unknown fields, and unknown names of enums, are ignored.

    Raises:
        UnreadableError: it does not fit the message.
    """
    kind: Any = message.DESCRIPTOR
    if not isinstance(document, dict) and not kind.full_name.startswith("google.protobuf."):
        raise UnreadableError(at, "is no JSON object")
    try:
        json_format.ParseDict(document, message, ignore_unknown_fields=is_lenient, descriptor_pool=kind.file.pool)  # type: ignore[arg-type]  # a scalar is said by what is well known
    except JsonErrors as error:
        field, told = find_fault(document, kind, is_lenient=is_lenient) or ("", wording(error))
        raise UnreadableError(".".join(filter(None, (at, field))).replace(".[", "["), told) from error


def _value(field: FieldDescriptor, text: str, name: str) -> object:
    is_bool = field.type == FieldDescriptor.TYPE_BOOL or (
        field.message_type is not None and field.message_type.full_name == "google.protobuf.BoolValue"
    )
    if not is_bool:
        return text
    if text not in _BOOLS:
        raise UnreadableError(name, f"is true or false, and not {text!r}")
    return _BOOLS[text]


def _refuse_another(message: Message, field: FieldDescriptor, name: str) -> None:
    oneof = field.containing_oneof
    taken = message.WhichOneof(oneof.name) if oneof is not None else None
    if taken not in (None, field.name):
        raise UnreadableError(name, f"is given beside {taken}, and at most one of them may be")
