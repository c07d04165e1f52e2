"""A field that a contract marks as sensitive is masked at every place of a message."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from orchestrator.contract.redaction import redacted

FIELD = descriptor_pb2.FieldDescriptorProto


def messages() -> tuple[type[Any], type[Any]]:
    """A secret, and a message that holds it alone, in a list, in a map, within another, and as plain values."""
    file = descriptor_pb2.FileDescriptorProto(name="secrets.proto", package="secrets", syntax="proto3")
    secret, outer = file.message_type.add(name="Secret"), file.message_type.add(name="Outer")
    entry = outer.nested_type.add(name="NamedEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=FIELD.TYPE_STRING, label=FIELD.LABEL_OPTIONAL)
    entry.field.add(
        name="value", number=2, type=FIELD.TYPE_MESSAGE, type_name=".secrets.Secret", label=FIELD.LABEL_OPTIONAL
    )
    for message, name, kind, label, of in (
        (secret, "token", FIELD.TYPE_STRING, FIELD.LABEL_OPTIONAL, ""),
        (secret, "tokens", FIELD.TYPE_STRING, FIELD.LABEL_REPEATED, ""),
        (secret, "pin", FIELD.TYPE_INT32, FIELD.LABEL_OPTIONAL, ""),
        (secret, "shown", FIELD.TYPE_STRING, FIELD.LABEL_OPTIONAL, ""),
        (outer, "alone", FIELD.TYPE_MESSAGE, FIELD.LABEL_OPTIONAL, ".secrets.Secret"),
        (outer, "listed", FIELD.TYPE_MESSAGE, FIELD.LABEL_REPEATED, ".secrets.Secret"),
        (outer, "named", FIELD.TYPE_MESSAGE, FIELD.LABEL_REPEATED, ".secrets.Outer.NamedEntry"),
        (outer, "deeper", FIELD.TYPE_MESSAGE, FIELD.LABEL_OPTIONAL, ".secrets.Outer"),
    ):
        field = message.field.add(name=name, number=len(message.field) + 1, type=kind, label=label)
        if of:
            field.type_name = of
        field.options.debug_redact = message is secret and name != "shown"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"secrets.{name}")) for name in ("Secret", "Outer")
    ]
    return found[0], found[1]


SECRET, OUTER = messages()
TOLD = {"token": "tok_secret", "tokens": ["tok_secret"], "pin": 4711, "shown": "shown"}


@pytest.mark.parametrize(
    "where",
    [
        lambda outer: outer.alone,
        lambda outer: outer.listed[0],
        lambda outer: outer.listed[1],
        lambda outer: outer.named["a"],
        lambda outer: outer.deeper.alone,
        lambda outer: outer.deeper.listed[0],
        lambda outer: outer.deeper.named["a"],
    ],
    ids=["alone", "first listed", "second listed", "named", "deeper", "deeper and listed", "deeper and named"],
)
def test_a_secret_is_masked_at_every_place(where: Any) -> None:  # noqa: ANN401 - a path into a message
    inner = OUTER(alone=SECRET(**TOLD), listed=[SECRET(**TOLD)], named={"a": SECRET(**TOLD)})
    outer = OUTER(
        alone=SECRET(**TOLD), listed=[SECRET(**TOLD), SECRET(**TOLD)], named={"a": SECRET(**TOLD)}, deeper=inner
    )

    shown = redacted(outer)

    assert where(shown) == SECRET(token="[redacted]", tokens=["[redacted]"], shown="shown")
    assert b"tok_secret" not in shown.SerializeToString()
    assert where(outer) == SECRET(**TOLD), "the message itself stays as it was"
