"""What a contract must say of the fields that a derived request takes from elsewhere.

This is one of the rules in :mod:`orchestrator.contract.rules.services`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf import json_format, message_factory

from orchestrator.contract.sources import find_path, same_type, type_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor, FieldDescriptor

    from orchestrator.contract.rpc import Rpc
    from saga.v1 import contract_pb2


def fillings_fit(rpc: Rpc) -> Iterator[str]:
    """Each filling names a field of the derived request, and a value of its type that exists."""
    for option, target in (("compensation", rpc.compensation), ("verify", rpc.verify)):
        fillings = getattr(rpc.options, f"{option}_request")
        if fillings and not getattr(rpc.options, option):
            yield f"it says what fills the request of its {option}, and names none; state `{option}:`"
        if target is not None:
            yield from _each_fits(rpc, target, fillings)


def _each_fits(rpc: Rpc, target: Rpc, fillings: list[contract_pb2.Filling]) -> Iterator[str]:
    wanted, seen = target.method.input_type, set()
    for filling in fillings:
        field = wanted.fields_by_name.get(filling.field)
        if field is None:
            yield f"{wanted.name} has no field `{filling.field}`; it has {_names(wanted)}"
        elif filling.field in seen:
            yield f"field `{filling.field}` of {wanted.name} is filled twice; say it once"
        else:
            yield from _fits(rpc, target, field, filling)
        seen.add(filling.field)


def _fits(rpc: Rpc, target: Rpc, field: FieldDescriptor, filling: contract_pb2.Filling) -> Iterator[str]:
    origin = filling.WhichOneof("origin")
    if origin is None:
        yield f"field `{field.name}` has no origin; say where it comes from: `request:`, `response:` or `constant:`"
    elif origin == "constant":
        yield from _constant_fits(target.method.input_type, field, filling)
    else:
        message = rpc.method.input_type if origin == "request" else rpc.method.output_type
        yield from _way_fits(field, message, getattr(filling, origin))
    if filling.when_unknown and origin != "response":
        yield f"field `{field.name}`: `when_unknown:` is for what comes from the response; remove it"


def _way_fits(field: FieldDescriptor, message: Descriptor, way: str) -> Iterator[str]:
    names, path = way.split("."), find_path(message, way)
    if len(path) == len(names):
        if not same_type(path[-1], field):
            yield (
                f"field `{field.name}` is a `{type_name(field)}`, and `{way}` of {message.name} is a "
                f"`{type_name(path[-1])}`; name a field of the same type"
            )
        return
    missing, within = names[len(path)], path[-1] if path else None
    if within is None:
        yield f"field `{field.name}`: {message.name} has no field `{missing}`; it has {_names(message)}"
    elif within.is_repeated or within.message_type is None:
        yield f"field `{field.name}`: `{within.name}` is no single message; no way leads through it to `{missing}`"
    else:
        kind = within.message_type
        yield f"field `{field.name}`: {kind.name} has no field `{missing}`; it has {_names(kind)}"


def _constant_fits(wanted: Descriptor, field: FieldDescriptor, filling: contract_pb2.Filling) -> Iterator[str]:
    message = message_factory.GetMessageClass(wanted)()
    value = json_format.MessageToDict(filling.constant)
    try:
        json_format.ParseDict({field.name: value}, message)
    except json_format.ParseError:
        yield f"field `{field.name}` is a `{type_name(field)}`, and {value!r} is none; state a value of that type"


def _names(message: Descriptor) -> str:
    return ", ".join(field.name for field in message.fields) or "none"
