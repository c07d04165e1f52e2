"""Signals as callers give them: a message in an Any, checked against the type for which the saga's code asks."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from orchestrator.access.subject import actor
from orchestrator.api.calls.validation import refuse_invalid
from orchestrator.api.requests import unpack
from orchestrator.engine.sagas import Signal
from saga.v1.saga_pb2 import Decision

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from orchestrator.engine.sagas import Served
    from orchestrator.journal.actor import Actor
    from saga.v1 import saga_service_pb2 as api


def signal_of(request: api.SignalSagaRequest, served: Served | None) -> Signal:
    """The signal of a request.

    Args:
        request: which, except for what an Any hides, is valid.
        served: the saga's definition, where it is served here; only then its message can be checked.

    Raises:
        InvalidInput: the message breaks its constraints, or cannot be read.
    """
    kind = request.message.TypeName()
    if kind == Decision.DESCRIPTOR.full_name:
        return decision_of(unpack(request.message, Decision(), "message"), request.name, request.request_id)
    expected = served.plan.signal_type(request.name) if served else None
    if expected is None or expected.DESCRIPTOR.full_name != kind:
        # The engine says what is wrong with it, if it is another replica's.
        return Signal(_id(request.request_id), request.name, kind, request.message.value, actor())
    return typed_signal(request.name, unpack(request.message, expected(), "message"), request.request_id, actor())


def decision_of(decision: Decision, name: str, request_id: str) -> Signal:
    """The caller's decision, which is in the name of nobody else.

    Raises:
        InvalidInput: it breaks its constraints.
    """
    by = actor()
    decision.decided_by = by.name
    return typed_signal(name, decision, request_id, by)


def typed_signal(name: str, message: Message, request_id: str, requested_by: Actor) -> Signal:
    """A signal with this message.

    Raises:
        InvalidInput: the message breaks its constraints.
    """
    refuse_invalid(message)
    payload = message.SerializeToString(deterministic=True)
    return Signal(_id(request_id), name, message.DESCRIPTOR.full_name, payload, requested_by)


def _id(request_id: str) -> str:
    """A UUID is the same in capitals (RFC 9562); without one, each request has an id of its own."""
    return request_id.lower() or str(uuid.uuid4())
