"""What the rules for compensations and for verifies share: a command names both, and both get a derived request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.sources import field_sources

if TYPE_CHECKING:
    from orchestrator.contract.rpc import Rpc
    from orchestrator.contract.sources import FieldSource


def sources_of(rpc: Rpc, target: Rpc | None) -> tuple[FieldSource, ...]:
    """The sources of the fields of the target's request; none where there is no target."""
    if target is None:
        return ()
    method = rpc.method
    return field_sources(target.method.input_type, method.input_type, method.output_type, rpc.fillings(target))


def why_unknown(rpc: Rpc, name: str) -> str:
    """Why no rpc is found by this name."""
    owner, _, _ = name.replace("/", ".").rpartition(".")
    service = rpc.method.containing_service
    if owner and owner != service.full_name:
        try:
            service = service.file.pool.FindServiceByName(owner)
        except KeyError:
            return f"is of a service that is not known here; correct the name, or import the stubs of {owner}, too"
    known = ", ".join(method.name for method in service.methods)
    return f"is no rpc of {service.name}; it has {known}"
