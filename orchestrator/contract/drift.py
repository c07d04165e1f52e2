"""Whether a live service still has the contract that the stubs were generated from.

=============================  ====================================================================================
rule                           what it asks for
=============================  ====================================================================================
``live-has-rpc``               every rpc of the contract is there
``live-keeps-command``         the live contract says the same of it: effect, compensation, verify, retry, timeout
``live-reads-fields``          the live request and response know the same fields: number, name, type, cardinality
=============================  ====================================================================================

What the live service has besides is its own affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.reader import method_options
from orchestrator.contract.sources import type_name
from orchestrator.contract.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor


def check_drift(known: ServiceDescriptor, live: ServiceDescriptor) -> list[Violation]:
    """What a live service says otherwise than the contract that is known here.

    Args:
        known: from the stubs.
        live: as its server reflection describes it; of any pool.
    """
    found = []
    for method in known.methods:
        there = live.methods_by_name.get(method.name)
        broken = (
            [("live-has-rpc", "the live service has no such rpc")] if there is None else _differences(method, there)
        )
        name = f"{known.name}.{method.name}"
        found += [Violation(known.file.name, 0, name, rule, message) for rule, message in broken]
    return found


def _differences(known: MethodDescriptor, live: MethodDescriptor) -> list[tuple[str, str]]:
    found = []
    here, there = method_options(known), method_options(live)
    if here != there:
        found.append(("live-keeps-command", f"here: {_brief(here)}; live: {_brief(there)}; deploy one contract"))
    for ours, theirs in ((known.input_type, live.input_type), (known.output_type, live.output_type)):
        found += [("live-reads-fields", difference) for difference in _field_differences(ours, theirs, set())]
    return found


def _field_differences(known: Descriptor, live: Descriptor, seen: set[str]) -> Iterator[str]:
    """The fields of a message, and of the messages in it, that the live service does not know as they are here."""
    if known.full_name in seen:
        return
    seen.add(known.full_name)
    for field in known.fields:
        there = live.fields_by_number.get(field.number)
        if there is None:
            yield f"{known.full_name}.{field.name}: unknown to the live service"
        elif _shape(field) != _shape(there):
            yield f"{known.full_name}.{field.name}: {_shape(field)} here, {_shape(there)} live"
        elif field.message_type is not None and there.message_type is not None:
            yield from _field_differences(field.message_type, there.message_type, seen)


def _shape(field: FieldDescriptor) -> str:
    """A field in words: ``repeated shop.type.v1.Line lines = 3``."""
    return f"{type_name(field)} {field.name} = {field.number}"


def _brief(options: object) -> str:
    return "{" + " ".join(str(options).split()) + "}"
