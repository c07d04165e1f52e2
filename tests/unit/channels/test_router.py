"""Which channel a participant is reached over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.channels.router import Router
from orchestrator.contract.reader import read_service
from orchestrator.errors import SettingsError
from shop.inventory.v1 import inventory_pb2
from shop.payment.v1 import payment_pb2

if TYPE_CHECKING:
    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Outcome
    from orchestrator.ports.channel import Caller

INVENTORY = inventory_pb2.DESCRIPTOR.services_by_name["InventoryService"]
PAYMENT = payment_pb2.DESCRIPTOR.services_by_name["PaymentService"]
RESERVE, AUTHORIZE = read_service(INVENTORY)["ReserveStock"], read_service(PAYMENT)["AuthorizePayment"]


class Recorded:
    """A channel that notes what it is asked for."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.asked: list[str] = []
        self.closed = False

    async def deliver(self, request: bytes, metadata: tuple[tuple[str, str], ...], timeout: float) -> Outcome:  # noqa: ASYNC109 - the port's
        raise NotImplementedError

    def caller(self, command: Command) -> Caller:
        self.asked.append(command.name)
        return self.deliver

    async def is_serving(self, service: str) -> bool:
        self.asked.append(service)
        return True

    async def close(self) -> None:
        self.closed = True


class Grpc(Recorded):
    """One kind."""


class Queue(Recorded):
    """Another kind."""


KINDS = {"grpc": Grpc, "queue": Queue}


def router(inventory: str, payment: str) -> Router:
    return Router({INVENTORY.full_name: inventory, PAYMENT.full_name: payment}, KINDS)


async def test_the_scheme_of_an_address_chooses_the_channel_and_the_channel_itself_delivers() -> None:
    routed = router("grpc://one:1", "queue://broker/payments")
    over_grpc, over_queue = routed.of_kind(Grpc), routed.of_kind(Queue)

    assert {service: channel.target for service, channel in over_grpc.items()} == {INVENTORY.full_name: "one:1"}
    assert {service: channel.target for service, channel in over_queue.items()} == {
        PAYMENT.full_name: "broker/payments"
    }
    assert routed.caller(RESERVE) == over_grpc[INVENTORY.full_name].deliver
    assert routed.caller(AUTHORIZE) == over_queue[PAYMENT.full_name].deliver


async def test_health_is_asked_over_the_services_own_channel() -> None:
    routed = router("one:1", "queue://broker")

    assert await routed.is_serving(PAYMENT.full_name) is True
    assert routed.of_kind(Queue)[PAYMENT.full_name].asked == [PAYMENT.full_name]
    assert routed.of_kind(Grpc)[INVENTORY.full_name].asked == []


async def test_services_at_one_address_share_a_channel_however_the_address_is_written() -> None:
    channels = router("grpc://one:1", "one:1").of_kind(Grpc)

    assert channels[INVENTORY.full_name] is channels[PAYMENT.full_name]


async def test_every_channel_is_closed() -> None:
    routed = router("one:1", "queue://broker")

    await routed.close()

    assert all(channel.closed for channel in routed.of_kind(Recorded).values())


@pytest.mark.parametrize("address", ["nats://broker", "http://inventory", "grpc://", "grpc:///", ""])
def test_an_address_to_which_no_channel_leads_is_refused_with_what_there_is(address: str) -> None:
    with pytest.raises(SettingsError) as refused:
        router(address, "one:1")

    told = str(refused.value)
    assert f"{INVENTORY.full_name}={address}" in told
    assert PAYMENT.full_name not in told
    assert "there are: grpc://host:port, queue://host:port" in told
