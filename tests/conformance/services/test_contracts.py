"""Each servicer declares its methods as its contract does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from saga.v1 import contract_pb2
from services.chassis.participant import KIND

if TYPE_CHECKING:
    from services.chassis import Service


def test_every_method_has_the_effect_that_the_contract_states(service: Service[Any]) -> None:
    options = {method.name: method.GetOptions().Extensions[contract_pb2.command] for method in service.contract.methods}
    compensations = {option.compensation for option in options.values()}

    def kind(method: str) -> str:
        if method in compensations:
            return "compensation"
        return {
            contract_pb2.EFFECT_QUERY: "query",
            contract_pb2.EFFECT_COMPENSABLE: "command",
            contract_pb2.EFFECT_PIVOT: "command",
            contract_pb2.EFFECT_RETRYABLE: "retryable",
        }[options[method].effect]

    assert {method: getattr(getattr(service.create, method), KIND) for method in options} == {
        method: kind(method) for method in options
    }
