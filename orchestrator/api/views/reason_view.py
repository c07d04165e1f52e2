"""A reason, as the API shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saga.v1 import saga_pb2

if TYPE_CHECKING:
    from orchestrator.journal.actor import Actor
    from orchestrator.journal.reason import Reason


def reason_view(reason: Reason | None) -> saga_pb2.Reason | None:
    """Why a saga rolls back or is suspended."""
    if reason is None:
        return None
    return saga_pb2.Reason(
        code=reason.code,
        message=reason.message,
        step_key=reason.step_key,
        requested_by=reason.requested_by,
        authority=reason.authority,
        peer=reason.peer,
    )


def actor_view(actor: Actor) -> saga_pb2.Reason:
    """Who did something for which no reason was asked."""
    return saga_pb2.Reason(requested_by=actor.name, authority=actor.authority, peer=actor.peer)
