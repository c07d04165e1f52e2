"""Reads commands from protobuf descriptors.

It reads what a contract says and judges nothing: a compensation that does not exist is read as absent, and
:mod:`orchestrator.contract.rules.services` says so.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from google.protobuf import message_factory
from google.rpc import code_pb2

from orchestrator.contract.command import DEFAULT_TIMEOUT, Command, Effect, Meaning, OnUnknown, OutcomeRule, RetryPolicy
from orchestrator.contract.options import field_options, method_options
from orchestrator.contract.status_code import StatusCode

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
    from google.protobuf.duration_pb2 import Duration

    from saga.v1 import contract_pb2


_MOST_SECONDS: Final = 10**12

_IDENTITIES: Final = frozenset({"order_id", "request_id", "idempotency_key"})


def read_service(service: ServiceDescriptor) -> dict[str, Command]:
    """Every rpc of a service by its name."""
    return {method.name: read_command(method) for method in service.methods}


def read_command(method: MethodDescriptor) -> Command:
    """One rpc, with the compensation and the verify that it names."""
    options = method_options(method)
    return _read(method, compensation=_named(method, options.compensation), verify=_named(method, options.verify))


def find_method(method: MethodDescriptor, name: str) -> MethodDescriptor | None:
    """The method that a contract names beside another one, where it is known.

    Args:
        method: the one whose contract names it.
        name: the name of a method of the same service, such as ``ReleaseStock``; or a full name, such as
            ``shop.refund.v1.RefundService.Refund`` or ``shop.refund.v1.RefundService/Refund``.
    """
    owner, _, part = name.replace("/", ".").rpartition(".")
    service = method.containing_service
    if owner and owner != service.full_name:
        try:
            # A pool does not find methods by name.
            service = service.file.pool.FindServiceByName(owner)
        except KeyError:
            return None
    return service.methods_by_name.get(part)


def _named(method: MethodDescriptor, name: str) -> Command | None:
    """Another method, itself without compensation and verify."""
    other = find_method(method, name)
    return None if other is None else _read(other, compensation=None, verify=None)


def _read(method: MethodDescriptor, *, compensation: Command | None, verify: Command | None) -> Command:
    options = method_options(method)
    return Command(
        service=method.containing_service.full_name,
        method=method.name,
        file=method.containing_service.file.name,
        request=message_factory.GetMessageClass(method.input_type),
        response=message_factory.GetMessageClass(method.output_type),
        effect=Effect(options.effect),
        on_unknown=_on_unknown(options, verify),
        timeout=_span(options.timeout) or DEFAULT_TIMEOUT,
        queue_deadline=_span(options.queue_deadline) or None,
        retry=_retry(options.retry),
        idempotent=not options.not_idempotent,
        compensation=compensation,
        verify=verify,
        outcomes=read_outcomes(options),
        streaming=method.client_streaming or method.server_streaming,
        identities=identity_fields(method),
        fillings={
            target.name: tuple(fillings)
            for target, fillings in (
                (compensation, options.compensation_request),
                (verify, options.verify_request),
            )
            if target is not None and fillings
        },
    )


def identity_fields(method: MethodDescriptor) -> tuple[str, ...]:
    """The names of the fields of its request by which a participant recognises a repeated command."""
    stated = method_options(method).identity
    return tuple(
        field.name
        for field in method.input_type.fields
        if field.name in _IDENTITIES or field.name in stated or field_options(field).identity
    )


def read_outcomes(options: contract_pb2.Command) -> tuple[OutcomeRule, ...]:
    """What certain statuses of the method mean; a rule that states no meaning is left out."""
    return tuple(
        OutcomeRule(
            StatusCode[code_pb2.Code.Name(rule.code)], rule.reason, Meaning(rule.outcome), rule.message_contains
        )
        for rule in options.outcomes
        if rule.outcome
    )


def _on_unknown(options: contract_pb2.Command, verify: Command | None) -> OnUnknown:
    if options.on_unknown:
        return OnUnknown(options.on_unknown)
    if options.not_idempotent:
        return OnUnknown.VERIFY if verify else OnUnknown.SUSPEND
    return OnUnknown.RESEND


def _retry(options: contract_pb2.Retry) -> RetryPolicy:
    default = RetryPolicy()
    return RetryPolicy(
        attempts=options.attempts or default.attempts,
        first_delay=_span(options.first_delay) or default.first_delay,
        factor=options.factor or default.factor,
        cap=_span(options.cap) or default.cap,
    )


def _span(duration: Duration) -> timedelta:
    # A huge span, stated by mistake, would not fit a timedelta; the rules refuse it.
    seconds = max(-_MOST_SECONDS, min(duration.seconds, _MOST_SECONDS))
    return timedelta(seconds=seconds, microseconds=duration.nanos // 1_000)
