"""What ``@saga`` refuses when a saga is declared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from buf.validate import validate_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from orchestrator import saga
from orchestrator.analysis.rules import check_definition
from orchestrator.definition.saga import LONGEST_SAGA
from orchestrator.errors import DefinitionError
from saga.v1 import contract_pb2
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest  # noqa: TC001 - the signature of a saga is read

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.message import Message


@dataclass(frozen=True)
class Nobody:
    """A saga may well have no participants."""


def message_with(options: descriptor_pb2.FieldOptions) -> type[Message]:
    """A message whose only field, ``pin``, has these options."""
    file = descriptor_pb2.FileDescriptorProto(name="tried/secret.proto", package="tried", syntax="proto3")
    file.dependency.extend([contract_pb2.DESCRIPTOR.name, validate_pb2.DESCRIPTOR.name])
    field = file.message_type.add(name="Order").field.add(name="pin", number=1, type="TYPE_STRING", label=1)
    field.options.CopyFrom(options)
    pool = descriptor_pool.DescriptorPool()
    for module in (descriptor_pb2, contract_pb2, validate_pb2):
        for needed in (*module.DESCRIPTOR.dependencies, module.DESCRIPTOR):
            pool.AddSerializedFile(needed.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tried.Order"))


def saga_of(order: type[Message]) -> Callable[..., Awaitable[Message]]:
    async def place(_order: Message, _shop: Nobody) -> Message:
        return order()

    place.__annotations__.update(_order=order, _shop=Nobody, **{"return": order})
    return place


def test_constraints_on_the_input_that_cannot_be_compiled_break_messages_are_judged() -> None:
    options = descriptor_pb2.FieldOptions()
    options.Extensions[validate_pb2.field].string.pattern = "["

    (violation,) = check_definition(saga("place", version=1)(saga_of(message_with(options))))

    assert violation.rule == "messages-are-judged"
    assert str(violation).startswith(
        "tried/secret.proto: place v1: [messages-are-judged] the constraints on tried.Order"
    )


def test_an_input_whose_attribute_must_not_be_shown_is_refused() -> None:
    options = descriptor_pb2.FieldOptions(debug_redact=True)
    options.Extensions[contract_pb2.field].attribute = True
    place = saga_of(message_with(options))

    with pytest.raises(DefinitionError, match=r"saga 'place': tried/secret\.proto: `pin` is an attribute, .*; remove"):
        saga("place", version=1)(place)


@pytest.mark.parametrize("deadline", [timedelta.max, LONGEST_SAGA + timedelta(seconds=1)])
def test_a_deadline_of_more_than_ten_years_is_refused(deadline: timedelta) -> None:
    with pytest.raises(DefinitionError, match=r"its deadline is .*; state up to 3660 days"):
        saga("place", version=1, deadline=deadline)


@pytest.mark.parametrize("reserve", [timedelta.max, timedelta(seconds=-1), timedelta(seconds=2)])
def test_a_reserve_that_leaves_no_time_is_refused(reserve: timedelta) -> None:
    with pytest.raises(DefinitionError, match="the reserve must be less than the deadline"):
        saga("place", version=1, deadline=timedelta(seconds=2), reserve=reserve)


def placed_at(module: str, name: str) -> Callable[..., Awaitable[Receipt]]:
    """A function of a saga, as if it stood there."""

    async def function(_order: StartOrderRequest, _nobody: Nobody) -> Receipt:
        return Receipt()

    function.__module__, function.__qualname__, function.__name__ = module, name, name
    return function


def test_a_version_whose_function_hides_that_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.definition.saga._declared", {})
    saga("buy", version=1)(placed_at("shops", "buy"))

    with pytest.raises(DefinitionError, match=r"buy of buy v2 hides that of buy v1; give .* its own: buy_2"):
        saga("buy", version=2)(placed_at("shops", "buy"))


def test_a_module_may_be_read_twice_and_another_module_may_use_the_same_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.definition.saga._declared", {})
    for module, name, version in (
        ("shops", "buy", 1),
        ("shops", "buy", 1),
        ("others", "buy", 2),
        ("shops", "buy_2", 2),
    ):
        assert str(saga("buy", version=version)(placed_at(module, name))) == f"buy v{version}"
