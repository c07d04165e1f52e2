"""What a contract must say of the query that verifies a command.

These are some of the rules in :mod:`orchestrator.contract.rules.services`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.command import Effect
from orchestrator.contract.rules.targets import sources_of, why_unknown
from orchestrator.contract.sources import Origin
from saga.v1 import contract_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.contract.rpc import Rpc


def verify_exists(rpc: Rpc) -> Iterator[str]:
    """The verify is an rpc that is known."""
    name = rpc.options.verify
    if name and rpc.named(name) is None:
        yield f"its verify {name!r} {why_unknown(rpc, name)}"


def verify_is_query(rpc: Rpc) -> Iterator[str]:
    """The verify is a QUERY."""
    verify = rpc.verify
    if verify and verify.effect is not Effect.QUERY:
        yield (
            f"its verify {verify.method.name} must have no effect of its own; name an rpc with `effect: EFFECT_QUERY`"
        )


def verify_request_is_derivable(rpc: Rpc) -> Iterator[str]:
    """Each field of its request has a source, and none in the answer."""
    verify = rpc.verify
    for source in sources_of(rpc, verify):
        if verify and source.origin is Origin.RESPONSE:
            yield (
                f"field `{source.field.name}` of {verify.method.input_type.name} comes from the answer, and a verify "
                f"is asked because the answer was lost; fill it from {rpc.method.input_type.name}"
            )
        elif verify and source.is_missing and not source.stated:
            yield (
                f"field `{source.field.name}` of {verify.method.input_type.name} cannot be filled from "
                f"{rpc.method.input_type.name}; add a field of that name and type there, or say where it comes from "
                "with `verify_request`"
            )


def on_unknown_verify_names_verify(rpc: Rpc) -> Iterator[str]:
    """on_unknown VERIFY needs a verify."""
    if rpc.options.on_unknown == contract_pb2.ON_UNKNOWN_VERIFY and not rpc.options.verify:
        yield "ON_UNKNOWN_VERIFY asks a query; name it in `verify:`"
