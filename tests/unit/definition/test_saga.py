"""What ``@saga`` refuses when a saga is declared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from orchestrator import saga
from orchestrator.definition.saga import LONGEST_SAGA
from orchestrator.errors import DefinitionError
from saga.v1 import contract_pb2

if TYPE_CHECKING:
    from google.protobuf.message import Message


@dataclass(frozen=True)
class Nobody:
    """A saga may well have no participants."""


def input_with_sensitive_attribute() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(name="tried/secret.proto", package="tried", syntax="proto3")
    file.dependency.append(contract_pb2.DESCRIPTOR.name)
    field = file.message_type.add(name="Order").field.add(name="pin", number=1, type="TYPE_STRING", label=1)
    field.options.debug_redact = True
    field.options.Extensions[contract_pb2.field].attribute = True
    pool = descriptor_pool.DescriptorPool()
    for module in (descriptor_pb2, contract_pb2):
        for needed in (*module.DESCRIPTOR.dependencies, module.DESCRIPTOR):
            pool.AddSerializedFile(needed.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tried.Order"))


def test_an_input_whose_attribute_must_not_be_shown_is_refused() -> None:
    order = input_with_sensitive_attribute()

    async def place(_order: Message, _shop: Nobody) -> Message:
        return order()

    place.__annotations__.update(_order=order, _shop=Nobody, **{"return": order})
    with pytest.raises(DefinitionError, match=r"saga 'place': tried/secret\.proto: `pin` is an attribute, .*; remove"):
        saga("place", version=1)(place)


@pytest.mark.parametrize("deadline", [timedelta.max, LONGEST_SAGA + timedelta(seconds=1)])
def test_a_deadline_that_nobody_will_see_is_refused(deadline: timedelta) -> None:
    with pytest.raises(DefinitionError, match=r"its deadline is .*; state up to 3660 days"):
        saga("place", version=1, deadline=deadline)


@pytest.mark.parametrize("reserve", [timedelta.max, timedelta(seconds=-1), timedelta(seconds=2)])
def test_a_reserve_that_leaves_no_time_is_refused(reserve: timedelta) -> None:
    with pytest.raises(DefinitionError, match="the reserve must be less than the deadline"):
        saga("place", version=1, deadline=timedelta(seconds=2), reserve=reserve)
