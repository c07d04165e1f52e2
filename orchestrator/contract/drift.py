"""Compares the contract of a live service with the one from which the stubs were generated.

=============================  ====================================================================================
rule                           what it asks for
=============================  ====================================================================================
``live-has-rpc``               every rpc that sagas may send is there, and streams as it does here
``live-reads-fields``          the live request and response know the same fields: number, type, cardinality;
                               and the live request requires no field that may be absent here
``live-names-fields``          they call them by the same names
``live-keeps-command``         the live contract says the same of it: effect, compensation, verify, retry, timeout
=============================  ====================================================================================

The first two rules are about the wire: with such a service, sagas would lose what they send. The other two are about
names and options: no deploy changes these everywhere at once, so a difference is only a warning. A live contract
without any command options was written without us, and does not differ; nor does one that says a part of what is said
here by an overlay. Rpcs that no saga sends, and further rpcs and fields of the live service, are ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.message import DecodeError

from orchestrator.contract.agreement import contradictions
from orchestrator.contract.options import annotations_of, method_options
from orchestrator.contract.sources import type_name
from orchestrator.contract.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor

_RPC, _FIELDS, _NAMES, _COMMAND = "live-has-rpc", "live-reads-fields", "live-names-fields", "live-keeps-command"
_OF_WORDS = frozenset({_NAMES, _COMMAND})


class Drift(NamedTuple):
    """The differences between a live service and the contract that is known here.

    Attributes:
        errors: differences on the wire.
        warnings: differences in names and options.
    """

    errors: list[Violation]
    warnings: list[Violation]


def check_drift(known: ServiceDescriptor, live: ServiceDescriptor, sent: Container[str]) -> Drift:
    """Compare a live service with the contract that is known here.

    Args:
        known: from the stubs.
        live: as its server reflection describes it; of any pool.
        sent: the full names of the rpcs that sagas may send; others are not compared.
    """
    drift = Drift([], [])
    annotated = any(_options(method) != "{}" for method in live.methods)
    for method in known.methods:
        if method.full_name not in sent:
            continue
        there = live.methods_by_name.get(method.name)
        found = [(_RPC, "the live service has no such rpc")] if there is None else _differences(method, there)
        if annotated and there is not None:
            found += _option_differences(method, there)
        for rule, message in found:
            violation = Violation(known.file.name, 0, f"{known.name}.{method.name}", rule, message)
            (drift.warnings if rule in _OF_WORDS else drift.errors).append(violation)
    return drift


def _differences(known: MethodDescriptor, live: MethodDescriptor) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if (known.client_streaming, known.server_streaming) != (live.client_streaming, live.server_streaming):
        found.append((_RPC, "the live rpc streams where this one does not, or the other way round"))
    found += _field_differences(known.input_type, live.input_type, set(), written_here=True)
    found += _field_differences(known.output_type, live.output_type, set(), written_here=False)
    return found


def _option_differences(known: MethodDescriptor, live: MethodDescriptor) -> list[tuple[str, str]]:
    here, there = _options(known), _options(live)
    if here == there:
        return []
    overlay = annotations_of(known.containing_service.file.pool).place(known.full_name)
    if overlay is None:
        return [(_COMMAND, f"here: {here}; live: {there}; deploy one contract")]
    if not any(contradictions(method_options(live), method_options(known))):
        return []  # what an overlay says besides, the live contract need not say
    return [(_COMMAND, f"here: {here}; live: {there}; correct {overlay.file}:{overlay.line}")]


def _options(method: MethodDescriptor) -> str:
    try:
        return "{" + " ".join(str(method_options(method)).split()) + "}"
    except DecodeError:
        return "options that cannot be read"


def _field_differences(
    known: Descriptor, live: Descriptor, seen: set[str], *, written_here: bool
) -> Iterator[tuple[str, str]]:
    """The fields of a message, and of the messages in it, that the live service declares otherwise or not at all."""
    if known.full_name in seen:
        return
    seen.add(known.full_name)
    if written_here:
        yield from _requirements(known, live)
    for field in known.fields:
        there = live.fields_by_number.get(field.number)
        if there is None:
            yield _FIELDS, f"{known.full_name}.{field.name}: unknown to the live service"
        elif (field.type, field.is_repeated, _is_map(field)) != (there.type, there.is_repeated, _is_map(there)):
            yield _FIELDS, f"{known.full_name}.{field.name}: {_shape(field)} here, {_shape(there)} live"
        else:
            if field.name != there.name:
                yield _NAMES, f"{known.full_name}.{field.name}: the live service calls it {there.name}"
            if field.message_type is not None and there.message_type is not None:
                yield from _field_differences(field.message_type, there.message_type, seen, written_here=written_here)


def _requirements(known: Descriptor, live: Descriptor) -> Iterator[tuple[str, str]]:
    """The fields without which the live service cannot read a message, and which may be absent from those of here."""
    for there in live.fields:
        here = known.fields_by_number.get(there.number)
        if there.is_required and not (here is not None and here.is_required):
            what = "unknown here" if here is None else "may be absent here"
            yield _FIELDS, f"{known.full_name}.{there.name}: {what}, and required by the live service"


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _shape(field: FieldDescriptor) -> str:
    """A field in words: ``repeated shop.type.v1.Line lines = 3``."""
    return f"{type_name(field)} {field.name} = {field.number}"
