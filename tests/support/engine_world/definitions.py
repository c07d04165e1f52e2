"""The definitions of sagas, read and changed."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any, TypeAlias

from orchestrator.analysis.plan.reader import read_plan
from orchestrator.definition.saga import SagaDefinition
from orchestrator.engine.sagas import StartSaga
from shop.order.v1.order_service_pb2 import StartOrderRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.message import Message

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.definition.participants import Participant

Definition: TypeAlias = SagaDefinition[Any, Any, Any]

SAGA = "saga-1"
ORDER = StartOrderRequest(customer_id="ada")


@functools.lru_cache(maxsize=64)
def plan_of(definition: Definition) -> Plan:
    """The plan of a definition, read once for all replicas."""
    return read_plan(definition)


def order_of(definition: Definition, message: Any = ORDER, saga_id: str = SAGA) -> StartSaga:  # noqa: ANN401
    data = message.SerializeToString()
    return StartSaga(saga_id, definition.name, definition.version, data, data)


def altered(definition: Definition, method: str, **changes: object) -> Definition:
    """The definition, with another contract for one method of its participants."""
    participants = tuple(
        dataclasses.replace(
            participant,
            commands={
                name: dataclasses.replace(command, **changes) if name == method else command  # type: ignore[arg-type]
                for name, command in participant.commands.items()
            },
        )
        for participant in definition.participants
    )
    return dataclasses.replace(definition, participants=participants)


def recoded(
    definition: Definition,
    function: Callable[[Any, Any], Awaitable[Message]],
    stubs: type[object],
    *participants: Participant,
) -> Definition:
    """The definition, with other code over other participants."""
    return dataclasses.replace(definition, function=function, stubs=stubs, participants=participants)
