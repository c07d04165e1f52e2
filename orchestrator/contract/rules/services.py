"""What a contract must say, so that a saga can rely on it.

These rules hold for every rpc with the option ``(saga.v1.command)``, whether a saga uses the rpc or not. Other rpcs
need no option; a rule of :mod:`orchestrator.analysis.rules` says that a saga calls none of them.

=============================================  ======================================================================
rule                                           what it asks for
=============================================  ======================================================================
``states-effect``                              a command states its effect
``command-is-unary``                           a command does not stream
``compensable-names-compensation``             a compensable command names its compensation
``compensation-exists``                        the compensation is an rpc that is known
``compensation-is-retryable``                  the compensation is itself RETRYABLE
``compensation-is-idempotent``                 the compensation recognises a repeated key: it is sent until it succeeds
``compensation-request-is-derivable``          each field of its request has a source
``fillings-fit``                               what is said of a derived request's fields fits them and the command
``required-field-is-always-filled``            a `required` field of proto2 has a source that is never absent
``derived-request-is-legal``                   constraints on its request accept what the command's request may hold
``left-empty-is-legal``                        ... and that a field with WHEN_UNKNOWN_LEAVE_EMPTY is empty
``response-field-states-when-unknown``         a field with SOURCE_RESPONSE says what to do when the answer was lost
``only-compensable-names-compensation``        a query, a pivot and a retryable name no compensation
``only-compensable-compensates-when-unknown``  so on_unknown COMPENSATE is for compensables
``verify-exists``                              the verify is an rpc that is known
``verify-is-query``                            the verify is a QUERY
``verify-request-is-derivable``                each field of its request is found in the command's request
``on-unknown-verify-names-verify``             on_unknown VERIFY needs a verify
``not-idempotent-is-not-resent``               a command that is not idempotent is not re-sent blindly
``identity-is-a-field``                        what `identity` names is a field of the request
``effectful-request-has-identity``             a participant can recognise a repeated command, by a field or by the
                                               metadata, or says that it does not
``identity-by-metadata-is-idempotent``         what goes by the metadata recognises a repeated key
``timeout-is-sane``                            a timeout that is given is longer than nothing and no more than a day
``retry-is-sane``                              1 to 100 attempts, delays that are positive, do not shrink, end in a day
``outcomes-decide``                            each outcome rule says what a status means that no rule before it matches
``constraints-compile``                        constraints on request and response answer for every value
=============================================  ======================================================================

The rules read descriptors of any pool, so that .proto files can be checked as they are on disk.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from orchestrator.contract.command import Effect
from orchestrator.contract.derivation import describe_missing
from orchestrator.contract.options import Annotations, annotations_of
from orchestrator.contract.reader import identity_fields
from orchestrator.contract.rpc import Rpc, commands_of
from orchestrator.contract.rules.attempts import outcomes_decide, retry_is_sane, timeout_is_sane
from orchestrator.contract.rules.constraints import constraints_compile, derived_request_is_legal, left_empty_is_legal
from orchestrator.contract.rules.fillings import fillings_fit
from orchestrator.contract.sources import Origin, WhenUnknown, field_sources
from orchestrator.contract.violation import Violation
from saga.v1 import contract_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from google.protobuf.descriptor import ServiceDescriptor

    from orchestrator.contract.sources import FieldSource


def check_service(service: ServiceDescriptor) -> list[Violation]:
    """What is missing or wrong in a service's contract; nothing where the service takes no part in sagas."""
    return list(_checked(service, annotations_of(service.file.pool)))


@lru_cache(maxsize=256)
def _checked(service: ServiceDescriptor, annotations: Annotations) -> tuple[Violation, ...]:
    # Several sagas use one service, and trying its constraints takes a while.
    return tuple(
        Violation(*_place(rpc, rule, annotations), rpc=rpc.name, rule=rule, message=message)
        for rpc in commands_of(service)
        for rule, check in RULES.items()
        for message in check(rpc)
    )


def _place(rpc: Rpc, rule: str, annotations: Annotations) -> tuple[str, int]:
    """The file and line of what breaks a rule: in the overlay that speaks of the rpc, else the contract's file."""
    options = next((options for part, options in _OPTIONS.items() if part in rule), ())
    return annotations.place(rpc.method.full_name, *options) or (rpc.method.containing_service.file.name, 0)


_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "compensation-request": ("compensation_request", "compensation"),
    "fillings": ("compensation_request", "verify_request"),
    "compensation": ("compensation",),
    "verify-request": ("verify_request", "verify"),
    "verify": ("verify",),
    "on-unknown": ("on_unknown",),
    "when-unknown": ("compensation_request", "compensation"),
    "not-idempotent": ("not_idempotent",),
    "identity": ("identity",),
    "timeout": ("timeout",),
    "retry": ("retry",),
    "outcomes": ("outcomes",),
    "effect": ("effect",),
}
"""The options that a rule is about, by a part of the rule's name; the first part that is found counts."""


def _states_effect(rpc: Rpc) -> Iterator[str]:
    if rpc.effect is Effect.UNSPECIFIED:
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
    if name and rpc.named(name) is None:
        yield f"its compensation {name!r} {_unknown(rpc, name)}"


def _compensation_is_retryable(rpc: Rpc) -> Iterator[str]:
    compensation = rpc.compensation
    if compensation and compensation.effect is not Effect.RETRYABLE:
        yield (
            f"its compensation {compensation.method.name} must be retried until it succeeds; "
            f"make that one unary and state `effect: EFFECT_RETRYABLE` there"
        )


def _compensation_is_idempotent(rpc: Rpc) -> Iterator[str]:
    compensation = rpc.compensation
    if compensation and compensation.options.not_idempotent:
        yield (
            f"its compensation {compensation.method.name} is sent until it succeeds, so it must recognise "
            "a repeated key; remove `not_idempotent` there once it does"
        )


def _compensation_request_is_derivable(rpc: Rpc) -> Iterator[str]:
    compensation = rpc.compensation
    for source in _sources(rpc, compensation):
        if compensation and source.is_missing and not source.stated:
            yield (
                f"field `{source.field.name}` of {compensation.method.input_type.name} cannot be filled: "
                f"{describe_missing(source)}; add the field there, or say where it comes from with "
                "`compensation_request`, or with `(saga.v1.field).source`"
            )


def _required_field_is_always_filled(rpc: Rpc) -> Iterator[str]:
    for target in filter(None, (rpc.compensation, rpc.verify)):
        name = target.method.input_type.name
        for source in _sources(rpc, target):
            if source.is_missing or not source.field.is_required:
                continue
            if source.when_unknown is WhenUnknown.LEAVE_EMPTY:
                yield (
                    f"field `{source.field.name}` of {name} is `required`, and is left empty when the answer was lost, "
                    "so that nothing could be sent; make it `optional`, or state `when_unknown: WHEN_UNKNOWN_SUSPEND`"
                )
            elif not source.is_always_set:
                yield (
                    f"field `{source.field.name}` of {name} is `required`, and comes from one that may be absent in "
                    f"the {source.origin.value}, so that nothing could be sent; make it "
                    "`optional`, or that one `required`"
                )


def _response_field_states_when_unknown(rpc: Rpc) -> Iterator[str]:
    compensation = rpc.compensation
    for source in _sources(rpc, compensation):
        if source.is_missing and source.stated:
            continue  # another rule reports it
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
    if name and rpc.named(name) is None:
        yield f"its verify {name!r} {_unknown(rpc, name)}"


def _verify_is_query(rpc: Rpc) -> Iterator[str]:
    verify = rpc.verify
    if verify and verify.effect is not Effect.QUERY:
        yield (
            f"its verify {verify.method.name} must have no effect of its own; name an rpc with `effect: EFFECT_QUERY`"
        )


def _verify_request_is_derivable(rpc: Rpc) -> Iterator[str]:
    verify = rpc.verify
    for source in _sources(rpc, verify):
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


def _on_unknown_verify_names_verify(rpc: Rpc) -> Iterator[str]:
    if rpc.options.on_unknown == contract_pb2.ON_UNKNOWN_VERIFY and not rpc.options.verify:
        yield "ON_UNKNOWN_VERIFY asks a query; name it in `verify:`"


def _not_idempotent_is_not_resent(rpc: Rpc) -> Iterator[str]:
    if rpc.options.not_idempotent and rpc.options.on_unknown == contract_pb2.ON_UNKNOWN_RESEND:
        yield (
            "re-sent without recognising a repeated key, it could take effect twice; "
            "state `on_unknown:` ON_UNKNOWN_VERIFY or ON_UNKNOWN_SUSPEND"
        )


def _identity_is_a_field(rpc: Rpc) -> Iterator[str]:
    known = rpc.method.input_type.fields_by_name
    for name in rpc.options.identity:
        if name not in known:
            request, others = rpc.method.input_type.name, ", ".join(known) or "none"
            yield f"its identity `{name}` is no field of {request}; it has {others}"


def _effectful_request_has_identity(rpc: Rpc) -> Iterator[str]:
    says_how = rpc.options.identity_by_metadata or rpc.options.not_idempotent
    if rpc.is_effectful and not says_how and not identity_fields(rpc.method):
        yield (
            f"{rpc.method.input_type.name} has no field by which a repeated command is recognised; add `order_id`, "
            "`request_id` or `idempotency_key`, or name a field in `identity:`; where the participant goes "
            "by the metadata `idempotency-key`, state `identity_by_metadata: true`, and where it recognises nothing, "
            "`not_idempotent: true`"
        )


def _identity_by_metadata_is_idempotent(rpc: Rpc) -> Iterator[str]:
    if rpc.options.identity_by_metadata and rpc.options.not_idempotent:
        yield (
            "it recognises a repeated command by its metadata, and says that it does not recognise it; "
            "remove `identity_by_metadata`, or `not_idempotent`"
        )


RULES: Mapping[str, Callable[[Rpc], Iterator[str]]] = {
    "states-effect": _states_effect,
    "command-is-unary": _command_is_unary,
    "compensable-names-compensation": _compensable_names_compensation,
    "compensation-exists": _compensation_exists,
    "compensation-is-retryable": _compensation_is_retryable,
    "compensation-is-idempotent": _compensation_is_idempotent,
    "compensation-request-is-derivable": _compensation_request_is_derivable,
    "fillings-fit": fillings_fit,
    "required-field-is-always-filled": _required_field_is_always_filled,
    "derived-request-is-legal": derived_request_is_legal,
    "left-empty-is-legal": left_empty_is_legal,
    "response-field-states-when-unknown": _response_field_states_when_unknown,
    "only-compensable-names-compensation": _only_compensable_names_compensation,
    "only-compensable-compensates-when-unknown": _only_compensable_compensates_when_unknown,
    "verify-exists": _verify_exists,
    "verify-is-query": _verify_is_query,
    "verify-request-is-derivable": _verify_request_is_derivable,
    "on-unknown-verify-names-verify": _on_unknown_verify_names_verify,
    "not-idempotent-is-not-resent": _not_idempotent_is_not_resent,
    "identity-is-a-field": _identity_is_a_field,
    "effectful-request-has-identity": _effectful_request_has_identity,
    "identity-by-metadata-is-idempotent": _identity_by_metadata_is_idempotent,
    "timeout-is-sane": timeout_is_sane,
    "retry-is-sane": retry_is_sane,
    "outcomes-decide": outcomes_decide,
    "constraints-compile": constraints_compile,
}
"""Every rule by its stable name: from an rpc to what is wrong with it."""


def _sources(rpc: Rpc, target: Rpc | None) -> tuple[FieldSource, ...]:
    if target is None:
        return ()
    method = rpc.method
    return field_sources(target.method.input_type, method.input_type, method.output_type, rpc.fillings(target))


def _unknown(rpc: Rpc, name: str) -> str:
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


def _effect(rpc: Rpc) -> str:
    return rpc.effect.name.lower()
