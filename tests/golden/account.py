"""What a journal amounts to: where its saga stands, and what a rollback would have done after each of its entries."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict

from orchestrator.analysis.plan.reader import read_plan
from orchestrator.engine.replay_check import Verifier
from orchestrator.engine.run.rollback.preview import preview
from orchestrator.journal.compensation_plan import plan_compensations
from orchestrator.journal.fold import fold
from orchestrator.shop.place_order import place_order, place_order_2
from orchestrator.testing.simulation.example_sagas import delivery, parcel, till

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.reason import Reason
    from orchestrator.journal.state import CommandState, SagaState

TELLING = (delivery, parcel, till)
"""Sagas that publish events: a parent, and its children."""

VERIFIER = Verifier([(each, read_plan(each)) for each in (place_order, place_order_2, *TELLING)])


def account(saga_id: str, entries: Sequence[Entry]) -> dict[str, Any]:
    """The account of a journal, as JSON holds it."""
    rollbacks: list[dict[str, Any]] = []
    requests: dict[str, Any] = {}
    for sequence in range(1, len(entries) + 1):
        state = fold(saga_id, entries[:sequence])
        plan = plan_compensations(state)
        compensates = [command.key for command in plan.compensations]
        stands = [command.key for command in plan.standing]
        if not rollbacks or (rollbacks[-1]["compensates"], rollbacks[-1]["stands"]) != (compensates, stands):
            rollbacks.append({"after": sequence, "compensates": compensates, "stands": stands})
        for planned in preview(state, VERIFIER._bindings):
            assert planned.request is not None, planned.obstacle
            request = MessageToDict(planned.request, preserving_proto_field_name=True)
            requests[planned.command.key] = {"by": planned.compensation, "request": request}
    return {"end": _end(fold(saga_id, entries)), "rollbacks": rollbacks, "compensations": requests}


def _end(state: SagaState) -> dict[str, Any]:
    assert state.status is not None
    published = {name: event.standing for name, event in state.events.by_key.items()}
    return {
        "definition": f"{state.definition} v{state.version}",
        "status": state.status.name,
        "pivoted": state.pivoted,
        "reason": _told(state.reason) if state.reason else None,
        "result": None if state.result is None else base64.b64encode(state.result).decode(),
        "ended_at": state.ended_at,
        "commands": {key: _command(command) for key, command in state.commands.items()},
        **({"events": published} if published else {}),
    }


def _command(command: CommandState) -> dict[str, Any]:
    compensation = command.compensation
    return {
        "effect": command.effect.name,
        "outcome": command.outcome.name if command.outcome else None,
        "attempts": command.attempts,
        "best_effort": command.best_effort,
        "compensated": compensation.position if compensation and compensation.ended_at is not None else None,
    }


_FIRST_FIELDS = 4
"""As many a reason had at first."""


def _told(reason: Reason) -> list[str]:
    """A reason; what only later versions write, only where there is some, as in the accounts of earlier days."""
    told = [str(part) for part in reason]
    while len(told) > _FIRST_FIELDS and not told[-1]:
        del told[-1]
    return told
