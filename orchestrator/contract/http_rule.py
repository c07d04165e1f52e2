"""What is said of how an rpc is called over HTTP: ``(google.api.http)`` in its contract, or ``http:`` in an overlay."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from orchestrator.contract.options import annotations_of
from orchestrator.participant.transcoding import Rule, annotated

if TYPE_CHECKING:
    from google.api import http_pb2
    from google.protobuf.descriptor import MethodDescriptor

    from orchestrator.contract.command import Command


def http_rule(method: MethodDescriptor) -> http_pb2.HttpRule | None:
    """What is said of a method; ``None`` where nothing is said.

    An overlay replaces what the contract says: the contract tells how its owner serves it, the overlay how this
    participant does.
    """
    overlaid = annotations_of(method.containing_service.file.pool).http.get(method.full_name)
    return annotated(method) if overlaid is None else overlaid


def compiled_rule(method: MethodDescriptor) -> Rule | None:
    """The rule of a method, ready for use; ``None`` where nothing is said.

    Raises:
        RuleError: it makes no sense.
    """
    rule = http_rule(method)
    return None if rule is None else Rule.of(method, rule)


def rule_of(command: Command) -> Rule | None:
    """The rule of a command, ready for use; see :func:`compiled_rule`."""
    service = command.request.DESCRIPTOR.file.pool.FindServiceByName(command.service)
    return compiled_rule(cast("MethodDescriptor", service.methods_by_name[command.method]))
