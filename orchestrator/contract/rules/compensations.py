"""What a contract must say of a command's compensation.

These are some of the rules in :mod:`orchestrator.contract.rules.services`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.command import Effect
from orchestrator.contract.derivation import describe_missing
from orchestrator.contract.rules.targets import sources_of, why_unknown
from orchestrator.contract.sources import Origin, WhenUnknown
from saga.v1 import contract_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.contract.rpc import Rpc


def compensable_names_compensation(rpc: Rpc) -> Iterator[str]:
    """A compensable command names its compensation."""
    if rpc.effect is Effect.COMPENSABLE and not rpc.options.compensation:
        yield (
            "it is compensable, and nothing says by what; name the rpc that takes its effect back in "
            "`compensation:`, or state another effect"
        )


def compensation_exists(rpc: Rpc) -> Iterator[str]:
    """The compensation is an rpc that is known."""
    name = rpc.options.compensation
    if name and rpc.named(name) is None:
        yield f"its compensation {name!r} {why_unknown(rpc, name)}"


def compensation_is_retryable(rpc: Rpc) -> Iterator[str]:
    """The compensation is itself RETRYABLE."""
    compensation = rpc.compensation
    if compensation and compensation.effect is not Effect.RETRYABLE:
        yield (
            f"its compensation {compensation.method.name} must be retried until it succeeds; "
            f"make that one unary and state `effect: EFFECT_RETRYABLE` there"
        )


def compensation_is_idempotent(rpc: Rpc) -> Iterator[str]:
    """The compensation recognises a repeated key."""
    compensation = rpc.compensation
    if compensation and compensation.options.not_idempotent:
        yield (
            f"its compensation {compensation.method.name} is sent until it succeeds, so it must recognise "
            "a repeated key; remove `not_idempotent` there once it does"
        )


def compensation_request_is_derivable(rpc: Rpc) -> Iterator[str]:
    """Each field of its request has a source."""
    compensation = rpc.compensation
    for source in sources_of(rpc, compensation):
        if compensation and source.is_missing and not source.stated:
            yield (
                f"field `{source.field.name}` of {compensation.method.input_type.name} cannot be filled: "
                f"{describe_missing(source)}; add the field there, or say where it comes from with "
                "`compensation_request`, or with `(saga.v1.field).source`"
            )


def response_field_states_when_unknown(rpc: Rpc) -> Iterator[str]:
    """A field that comes from the response says what to do when the answer was lost."""
    compensation = rpc.compensation
    for source in sources_of(rpc, compensation):
        if source.is_missing and source.stated:
            continue  # another rule reports it
        if compensation and source.origin is Origin.RESPONSE and source.when_unknown is WhenUnknown.UNSPECIFIED:
            yield (
                f"field `{source.field.name}` of {compensation.method.input_type.name} comes from an answer that can "
                "be lost; state `when_unknown:` WHEN_UNKNOWN_LEAVE_EMPTY or WHEN_UNKNOWN_SUSPEND"
            )


def only_compensable_names_compensation(rpc: Rpc) -> Iterator[str]:
    """A query, a pivot and a retryable name no compensation."""
    if rpc.options.compensation and rpc.effect not in {Effect.COMPENSABLE, Effect.UNSPECIFIED}:
        named, effect = rpc.options.compensation, rpc.effect.name.lower()
        yield (
            f"it names the compensation {named}, but a {effect} is never compensated; "
            "remove `compensation:`, or state `effect: EFFECT_COMPENSABLE`"
        )


def only_compensable_compensates_when_unknown(rpc: Rpc) -> Iterator[str]:
    """on_unknown COMPENSATE is for compensables."""
    compensates = rpc.options.on_unknown == contract_pb2.ON_UNKNOWN_COMPENSATE
    if compensates and rpc.effect not in {Effect.COMPENSABLE, Effect.UNSPECIFIED}:
        effect = rpc.effect.name.lower()
        yield f"a {effect} cannot be compensated when its outcome is unknown; state another `on_unknown:`"
