"""What a contract must say, so that a saga can rely on it.

A service takes part in sagas as soon as it says ``(saga.v1.command)`` of one of its rpcs; then all of these
hold for each of its rpcs.

=============================================  ======================================================================
rule                                           what it asks for
=============================================  ======================================================================
``states-effect``                              every unary rpc states its effect
``command-is-unary``                           a command does not stream
``compensable-names-compensation``             a compensable command names its compensation
``compensation-exists``                        the compensation is an rpc of the same service
``compensation-is-retryable``                  the compensation is itself RETRYABLE
``compensation-is-idempotent``                 the compensation recognises a repeated key: it is sent until it succeeds
``compensation-request-is-derivable``          each field of its request has a source of the same name and type
``response-field-states-when-unknown``         a field with SOURCE_RESPONSE says what to do when the answer was lost
``only-compensable-names-compensation``        a query, a pivot and a retryable name no compensation
``only-compensable-compensates-when-unknown``  so on_unknown COMPENSATE is for compensables
``verify-exists``                              the verify is an rpc of the same service
``verify-is-query``                            the verify is a QUERY
``verify-request-is-derivable``                each field of its request is found in the command's request
``on-unknown-verify-names-verify``             on_unknown VERIFY needs a verify
``not-idempotent-is-not-resent``               a command that is not idempotent is not re-sent blindly
``effectful-request-has-identity``             a participant can recognise a repeated command by a field
``timeout-is-positive``                        a timeout that is given is longer than nothing
``retry-is-sane``                              1 to 100 attempts, delays that are positive and do not shrink
=============================================  ======================================================================

The rules read descriptors of any pool, so that .proto files can be checked as they are on disk.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator.contract.command import Effect, Retry
from orchestrator.contract.derivation import describe_missing
from orchestrator.contract.rpc import Rpc, commands_of, identity_fields
from orchestrator.contract.sources import Origin, WhenUnknown, field_sources
from orchestrator.contract.violation import Violation
from saga.v1 import contract_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from google.protobuf.descriptor import ServiceDescriptor
    from google.protobuf.duration_pb2 import Duration

    from orchestrator.contract.sources import FieldSource

_MICROSECOND = timedelta(microseconds=1)

# More attempts than this in one go are no retry but a way to never let on_unknown decide.
_MOST_ATTEMPTS = 100


def check_service(service: ServiceDescriptor) -> list[Violation]:
    """What a service's contract leaves unsaid or gets wrong; nothing where it takes no part in sagas."""
    if not commands_of(service):
        return []
    return [
        Violation(file=service.file.name, line=0, rpc=rpc.name, rule=rule, message=message)
        for rpc in map(Rpc.of, service.methods)
        for rule, check in RULES.items()
        for message in check(rpc)
    ]


def _states_effect(rpc: Rpc) -> Iterator[str]:
    if rpc.effect is Effect.UNSPECIFIED and not rpc.is_streaming:
        yield (
            "it does not say what it does to the world; "
            "state `effect:` EFFECT_QUERY, EFFECT_COMPENSABLE, EFFECT_PIVOT or EFFECT_RETRYABLE"
        )


def _command_is_unary(rpc: Rpc) -> Iterator[str]:
    if rpc.is_command and rpc.is_streaming:
        yield "a saga cannot journal a stream; make it unary, or remove its (saga.v1.command)"


def _compensable_names_compensation(rpc: Rpc) -> Iterator[str]:
    if rpc.effect is Effect.COMPENSABLE and not rpc.options.compensation:
        yield (
            "it is compensable, and nothing says by what; name the rpc that takes its effect back in "
            "`compensation:`, or state another effect"
        )


def _compensation_exists(rpc: Rpc) -> Iterator[str]:
    name = rpc.options.compensation
    if name and rpc.sibling(name) is None:
        yield f"its compensation {name!r} is no rpc of {_service(rpc)}; {_known(rpc)}"


def _compensation_is_retryable(rpc: Rpc) -> Iterator[str]:
    compensation = _compensation(rpc)
    if compensation and compensation.effect is not Effect.RETRYABLE:
        yield (
            f"its compensation {compensation.method.name} must be retried until it succeeds; "
            f"make that one unary and state `effect: EFFECT_RETRYABLE` there"
        )


def _compensation_is_idempotent(rpc: Rpc) -> Iterator[str]:
    compensation = _compensation(rpc)
    if compensation and compensation.options.not_idempotent:
        yield (
            f"its compensation {compensation.method.name} is sent until it succeeds, so it must recognise "
            "a repeated key; remove `not_idempotent` there once it does"
        )


def _compensation_request_is_derivable(rpc: Rpc) -> Iterator[str]:
    compensation = _compensation(rpc)
    for source in _sources(rpc, compensation):
        if compensation and source.source is None:
            yield (
                f"field `{source.field.name}` of {compensation.method.input_type.name} cannot be filled: "
                f"{describe_missing(source)}; add the field there, or say where it comes from with "
                "`(saga.v1.field).source`"
            )


def _response_field_states_when_unknown(rpc: Rpc) -> Iterator[str]:
    compensation = _compensation(rpc)
    for source in _sources(rpc, compensation):
        if compensation and source.origin is Origin.RESPONSE and source.when_unknown is WhenUnknown.UNSPECIFIED:
            yield (
                f"field `{source.field.name}` of {compensation.method.input_type.name} comes from an answer that can "
                "be lost; state `when_unknown:` WHEN_UNKNOWN_LEAVE_EMPTY or WHEN_UNKNOWN_SUSPEND"
            )


def _only_compensable_names_compensation(rpc: Rpc) -> Iterator[str]:
    if rpc.options.compensation and rpc.effect not in {Effect.COMPENSABLE, Effect.UNSPECIFIED}:
        yield (
            f"it names the compensation {rpc.options.compensation}, but a {_effect(rpc)} is never compensated; "
            "remove `compensation:`, or state `effect: EFFECT_COMPENSABLE`"
        )


def _only_compensable_compensates_when_unknown(rpc: Rpc) -> Iterator[str]:
    compensates = rpc.options.on_unknown == contract_pb2.ON_UNKNOWN_COMPENSATE
    if compensates and rpc.effect not in {Effect.COMPENSABLE, Effect.UNSPECIFIED}:
        yield f"a {_effect(rpc)} cannot be compensated when its outcome is unknown; state another `on_unknown:`"


def _verify_exists(rpc: Rpc) -> Iterator[str]:
    name = rpc.options.verify
    if name and rpc.sibling(name) is None:
        yield f"its verify {name!r} is no rpc of {_service(rpc)}; {_known(rpc)}"


def _verify_is_query(rpc: Rpc) -> Iterator[str]:
    verify = _verify(rpc)
    if verify and verify.effect is not Effect.QUERY:
        yield (
            f"its verify {verify.method.name} must have no effect of its own; name an rpc with `effect: EFFECT_QUERY`"
        )


def _verify_request_is_derivable(rpc: Rpc) -> Iterator[str]:
    verify = _verify(rpc)
    for source in _sources(rpc, verify):
        # It is asked because the answer was lost, so the answer cannot help to ask it.
        if verify and (source.source is None or source.origin is Origin.RESPONSE):
            yield (
                f"field `{source.field.name}` of {verify.method.input_type.name} cannot be filled from "
                f"{rpc.method.input_type.name}; add a field of that name and type there"
            )


def _on_unknown_verify_names_verify(rpc: Rpc) -> Iterator[str]:
    if rpc.options.on_unknown == contract_pb2.ON_UNKNOWN_VERIFY and not rpc.options.verify:
        yield "ON_UNKNOWN_VERIFY asks a query; name it in `verify:`"


def _not_idempotent_is_not_resent(rpc: Rpc) -> Iterator[str]:
    if rpc.options.not_idempotent and rpc.options.on_unknown == contract_pb2.ON_UNKNOWN_RESEND:
        yield (
            "re-sent without recognising a repeated key, it could take effect twice; "
            "state `on_unknown:` ON_UNKNOWN_VERIFY or ON_UNKNOWN_SUSPEND"
        )


def _effectful_request_has_identity(rpc: Rpc) -> Iterator[str]:
    if rpc.is_effectful and not identity_fields(rpc.method.input_type):
        yield (
            f"{rpc.method.input_type.name} has no field by which a repeated command is recognised; add `order_id`, "
            "`request_id` or `idempotency_key`, or mark a field with `(saga.v1.field).identity`"
        )


def _timeout_is_positive(rpc: Rpc) -> Iterator[str]:
    if rpc.options.HasField("timeout") and _microseconds(rpc.options.timeout) <= 0:
        yield "its timeout leaves no time for an answer; state a positive one, such as `timeout: {seconds: 2}`"


def _retry_is_sane(rpc: Rpc) -> Iterator[str]:
    retry, default = rpc.options.retry, Retry()
    if retry.attempts > _MOST_ATTEMPTS:
        yield f"retry.attempts is {retry.attempts}; state up to {_MOST_ATTEMPTS}, then on_unknown decides"
    if retry.factor and not (math.isfinite(retry.factor) and retry.factor >= 1):
        yield f"retry.factor is {retry.factor:g}; state 1 or more, so that delays do not shrink"
    for name in ("first_delay", "cap"):
        if retry.HasField(name) and _microseconds(getattr(retry, name)) <= 0:
            yield f"retry.{name} is not positive; state how long to wait"
    first_delay = _microseconds(retry.first_delay) or default.first_delay // _MICROSECOND
    cap = _microseconds(retry.cap) or default.cap // _MICROSECOND
    if cap < first_delay:
        yield "retry.cap is less than retry.first_delay; state a cap that is not"


RULES: Mapping[str, Callable[[Rpc], Iterator[str]]] = {
    "states-effect": _states_effect,
    "command-is-unary": _command_is_unary,
    "compensable-names-compensation": _compensable_names_compensation,
    "compensation-exists": _compensation_exists,
    "compensation-is-retryable": _compensation_is_retryable,
    "compensation-is-idempotent": _compensation_is_idempotent,
    "compensation-request-is-derivable": _compensation_request_is_derivable,
    "response-field-states-when-unknown": _response_field_states_when_unknown,
    "only-compensable-names-compensation": _only_compensable_names_compensation,
    "only-compensable-compensates-when-unknown": _only_compensable_compensates_when_unknown,
    "verify-exists": _verify_exists,
    "verify-is-query": _verify_is_query,
    "verify-request-is-derivable": _verify_request_is_derivable,
    "on-unknown-verify-names-verify": _on_unknown_verify_names_verify,
    "not-idempotent-is-not-resent": _not_idempotent_is_not_resent,
    "effectful-request-has-identity": _effectful_request_has_identity,
    "timeout-is-positive": _timeout_is_positive,
    "retry-is-sane": _retry_is_sane,
}
"""Every rule by its stable name: from an rpc to what is wrong with it."""


def _compensation(rpc: Rpc) -> Rpc | None:
    return rpc.sibling(rpc.options.compensation) if rpc.options.compensation else None


def _verify(rpc: Rpc) -> Rpc | None:
    return rpc.sibling(rpc.options.verify) if rpc.options.verify else None


def _sources(rpc: Rpc, target: Rpc | None) -> tuple[FieldSource, ...]:
    if target is None:
        return ()
    return field_sources(target.method.input_type, rpc.method.input_type, rpc.method.output_type)


def _service(rpc: Rpc) -> str:
    return str(rpc.method.containing_service.name)


def _known(rpc: Rpc) -> str:
    return "it has " + ", ".join(method.name for method in rpc.method.containing_service.methods)


def _effect(rpc: Rpc) -> str:
    return rpc.effect.name.lower()


def _microseconds(duration: Duration) -> int:
    # Duration.ToTimedelta overflows on spans that only a mistake can state.
    return duration.seconds * 1_000_000 + duration.nanos // 1_000
