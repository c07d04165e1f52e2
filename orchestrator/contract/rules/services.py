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
``queue-deadline-is-sane``                     a time in a queue that is given is positive, and at most a week
``retry-is-sane``                              1 to 100 attempts, delays that are positive, do not shrink, end in a day
``outcomes-decide``                            each outcome rule says what a status means that no rule before it matches
``constraints-compile``                        constraints on request and response answer for every value
``http-rule-fits``                             what is said of a call over HTTP can be read, and its fields are there
``http-effect-is-no-get``                      a call over HTTP that changes something is no GET
``http-path-is-its-own``                       no other rpc of the service has the same method and path
=============================================  ======================================================================

The rules read descriptors of any pool, so that .proto files can be checked as they are on disk.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.contract.command import Effect
from orchestrator.contract.options import Annotations, annotations_of
from orchestrator.contract.reader import identity_fields
from orchestrator.contract.rpc import Rpc, commands_of
from orchestrator.contract.rules.attempts import outcomes_decide, queue_deadline_is_sane, retry_is_sane, timeout_is_sane
from orchestrator.contract.rules.compensations import (
    compensable_names_compensation,
    compensation_exists,
    compensation_is_idempotent,
    compensation_is_retryable,
    compensation_request_is_derivable,
    only_compensable_compensates_when_unknown,
    only_compensable_names_compensation,
    response_field_states_when_unknown,
)
from orchestrator.contract.rules.constraints import constraints_compile, derived_request_is_legal, left_empty_is_legal
from orchestrator.contract.rules.fillings import fillings_fit
from orchestrator.contract.rules.http import http_effect_is_no_get, http_path_is_its_own, http_rule_fits
from orchestrator.contract.rules.targets import sources_of
from orchestrator.contract.rules.verifies import (
    on_unknown_verify_names_verify,
    verify_exists,
    verify_is_query,
    verify_request_is_derivable,
)
from orchestrator.contract.sources import WhenUnknown
from orchestrator.contract.violation import Violation
from saga.v1 import contract_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from google.protobuf.descriptor import ServiceDescriptor


class Rule(NamedTuple):
    """One thing that a contract must keep to.

    Attributes:
        check: from an rpc to what is wrong with it.
        options: what the rule is about, for the place of a violation; the first one that is stated counts.
    """

    check: Callable[[Rpc], Iterator[str]]
    options: tuple[str, ...] = ()


def check_service(service: ServiceDescriptor) -> list[Violation]:
    """What is missing or wrong in a service's contract; nothing where the service takes no part in sagas."""
    return list(_checked(service, annotations_of(service.file.pool)))


@lru_cache(maxsize=256)
def _checked(service: ServiceDescriptor, annotations: Annotations) -> tuple[Violation, ...]:
    # Several sagas use one service, and trying its constraints takes a while.
    return tuple(
        Violation(*_place(rpc, rule, annotations), rpc=rpc.name, rule=name, message=message)
        for rpc in commands_of(service)
        for name, rule in RULES.items()
        for message in rule.check(rpc)
    )


def _place(rpc: Rpc, rule: Rule, annotations: Annotations) -> tuple[str, int]:
    """The file and line of what breaks a rule: in the overlay that speaks of the rpc, else the contract's file."""
    return annotations.place(rpc.method.full_name, *rule.options) or (rpc.method.containing_service.file.name, 0)


def _states_effect(rpc: Rpc) -> Iterator[str]:
    if rpc.effect is Effect.UNSPECIFIED:
        yield (
            "it does not say what it does to the world; "
            "state `effect:` EFFECT_QUERY, EFFECT_COMPENSABLE, EFFECT_PIVOT or EFFECT_RETRYABLE"
        )


def _command_is_unary(rpc: Rpc) -> Iterator[str]:
    if rpc.is_command and rpc.is_streaming:
        yield "a saga cannot journal a stream; make it unary, or remove its (saga.v1.command)"


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


def _required_field_is_always_filled(rpc: Rpc) -> Iterator[str]:
    for target in filter(None, (rpc.compensation, rpc.verify)):
        name = target.method.input_type.name
        for source in sources_of(rpc, target):
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


_UNDONE_BY = ("compensation_request", "compensation")

RULES: Mapping[str, Rule] = {
    "states-effect": Rule(_states_effect, ("effect",)),
    "command-is-unary": Rule(_command_is_unary),
    "compensable-names-compensation": Rule(compensable_names_compensation, ("compensation",)),
    "compensation-exists": Rule(compensation_exists, ("compensation",)),
    "compensation-is-retryable": Rule(compensation_is_retryable, ("compensation",)),
    "compensation-is-idempotent": Rule(compensation_is_idempotent, ("compensation",)),
    "compensation-request-is-derivable": Rule(compensation_request_is_derivable, _UNDONE_BY),
    "fillings-fit": Rule(fillings_fit, ("compensation_request", "verify_request")),
    "required-field-is-always-filled": Rule(_required_field_is_always_filled),
    "derived-request-is-legal": Rule(derived_request_is_legal),
    "left-empty-is-legal": Rule(left_empty_is_legal),
    "response-field-states-when-unknown": Rule(response_field_states_when_unknown, _UNDONE_BY),
    "only-compensable-names-compensation": Rule(only_compensable_names_compensation, ("compensation",)),
    "only-compensable-compensates-when-unknown": Rule(only_compensable_compensates_when_unknown, ("on_unknown",)),
    "verify-exists": Rule(verify_exists, ("verify",)),
    "verify-is-query": Rule(verify_is_query, ("verify",)),
    "verify-request-is-derivable": Rule(verify_request_is_derivable, ("verify_request", "verify")),
    "on-unknown-verify-names-verify": Rule(on_unknown_verify_names_verify, ("on_unknown",)),
    "not-idempotent-is-not-resent": Rule(_not_idempotent_is_not_resent, ("on_unknown", "not_idempotent")),
    "identity-is-a-field": Rule(_identity_is_a_field, ("identity",)),
    "effectful-request-has-identity": Rule(_effectful_request_has_identity, ("identity",)),
    "identity-by-metadata-is-idempotent": Rule(_identity_by_metadata_is_idempotent, ("identity_by_metadata",)),
    "timeout-is-sane": Rule(timeout_is_sane, ("timeout",)),
    "queue-deadline-is-sane": Rule(queue_deadline_is_sane, ("queue_deadline",)),
    "retry-is-sane": Rule(retry_is_sane, ("retry",)),
    "outcomes-decide": Rule(outcomes_decide, ("outcomes",)),
    "constraints-compile": Rule(constraints_compile),
    "http-rule-fits": Rule(http_rule_fits, ("http",)),
    "http-effect-is-no-get": Rule(http_effect_is_no_get, ("http",)),
    "http-path-is-its-own": Rule(http_path_is_its_own, ("http",)),
}
"""Every rule by its stable name."""
