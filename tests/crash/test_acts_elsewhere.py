"""Every act of an operator, through the replica that does not own the saga: two processes, one PostgreSQL.

::

    operator ──▶ the other replica ──▶ PostgreSQL ──▶ the owner, where the saga is advanced
                        └─────────────────▶ the saga itself, where it rests

The parcel service is a mock, so that a test says when it answers; all others are the shop's.
"""

from __future__ import annotations

import asyncio
import getpass
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import grpc.aio
import pytest

from orchestrator.channels.grpc.bearer import with_token
from orchestrator.journal.entries import (
    CompensationResolved,
    CompensationSkipped,
    OutcomeResolved,
    RetryRequested,
    RollbackBegan,
    SagaRecovered,
    SagaResumed,
    SagaSuspended,
)
from orchestrator.shop.place_order import place_order
from orchestrator.store.opening import open_reader
from orchestrator.testing.mock import Fault, MockParticipant
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as pb
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from tests.crash.customers import Customers, reason_of
from tests.crash.orders import draw
from tests.crash.processes import connect_in_plain
from tests.crash.replicas import replicas_of
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from orchestrator.contract.command import Command
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.reason import Reason
    from tests.crash.shop import Shop

Decision: TypeAlias = (
    "RollbackBegan | SagaSuspended | SagaResumed | RetryRequested | OutcomeResolved | CompensationResolved"
    " | CompensationSkipped"
)
Act: TypeAlias = "Callable[[Situation], Awaitable[None]]"

DECISIONS: Final = (
    RollbackBegan,
    SagaSuspended,
    SagaResumed,
    RetryRequested,
    OutcomeResolved,
    CompensationResolved,
    CompensationSkipped,
)
ARRANGE: Final = "ShippingService.ArrangeShipment"
SILENT: Final = {"ArrangeShipment": Fault.TIMEOUT_BEFORE}
"""No parcel is arranged, and nobody knows that: the saga sends it again and again, and backs off in between."""
STUBBORN: Final = {"ArrangeShipment": Fault.TIMEOUT_AFTER, "CancelShipment": Fault.REJECT}
"""It is arranged, nobody knows that, and it is not taken back."""
WILLING: Final[Mapping[str, Fault]] = {}
PATIENCE: Final = 60.0


class ParcelService:
    """The mock of the parcel service.

    Attributes:
        faults: what happens to the calls of each method.
    """

    def __init__(self) -> None:
        self.faults: Mapping[str, Fault] = WILLING
        self._called = asyncio.Event()

    def fault(self, command: Command, metadata: tuple[tuple[str, str], ...]) -> Fault:  # noqa: ARG002 - see Faults
        """What happens to the next call."""
        self._called.set()
        return self.faults.get(command.method, Fault.NONE)

    async def called(self) -> None:
        """Wait until it is called the next time."""
        self._called.clear()
        await self._called.wait()


class Situation:
    """A saga that one replica owns, as an operator sees it through another one."""

    def __init__(self, saga_id: str, other: SagaServiceStub, parcels: ParcelService) -> None:
        self.saga_id = saga_id
        self.other = other
        self.parcels = parcels

    async def comes_to_be(self, status: int) -> None:
        async for answer in self.other.WatchSaga(pb.WatchSagaRequest(saga_id=self.saga_id)):
            if answer.saga.status == status:
                return


def because(saga_id: str) -> dict[str, str]:
    return {"saga_id": saga_id, "reason": "because"}


def about_the_parcel(saga_id: str) -> dict[str, str]:
    return {"saga_id": saga_id, "key": ARRANGE, "evidence": "seen"}


async def cancel(situation: Situation) -> None:
    await situation.other.CancelSaga(pb.CancelSagaRequest(**because(situation.saga_id)))


async def pause(situation: Situation) -> None:
    answer = await situation.other.PauseSaga(pb.PauseSagaRequest(**because(situation.saga_id)))
    assert answer.saga.status == saga_pb2.STATUS_SUSPENDED


async def resume(situation: Situation) -> None:
    await situation.other.ResumeSaga(pb.ResumeSagaRequest(**because(situation.saga_id)))


async def retry(situation: Situation) -> None:
    """An attempt may be under way at this very moment: then it is refused, as by the owner."""
    while True:
        try:
            await situation.other.RetryNow(pb.RetryNowRequest(**because(situation.saga_id)))
            return
        except grpc.aio.AioRpcError as error:
            if reason_of(error) != "NOTHING_WAITS":
                raise
            await situation.parcels.called()


async def resolve(situation: Situation) -> None:
    request = pb.ResolveOutcomeRequest(saga_id=situation.saga_id, key=ARRANGE, took_effect=False, evidence="seen")
    await situation.other.ResolveOutcome(request)


async def resolve_compensation(situation: Situation) -> None:
    await situation.other.ResolveCompensation(pb.ResolveCompensationRequest(**about_the_parcel(situation.saga_id)))


async def skip(situation: Situation) -> None:
    await situation.other.SkipCompensation(pb.SkipCompensationRequest(**about_the_parcel(situation.saga_id)))


async def be_suspended(situation: Situation) -> None:
    await situation.comes_to_be(saga_pb2.STATUS_SUSPENDED)


async def arrange_parcels(situation: Situation) -> None:
    situation.parcels.faults = WILLING


@dataclass(frozen=True)
class Row:
    """What an operator does, and what comes of it.

    Attributes:
        faults: of the parcel service at first.
        acts: what is done, all of it through the other replica.
        ends: where the saga comes to stand.
        decided: the decisions of the operator in the journal, each of which stands there once, and in this order.
    """

    faults: Mapping[str, Fault]
    acts: tuple[Act, ...]
    ends: int
    decided: tuple[type, ...]


TABLE: Final = {
    "cancel": Row(SILENT, (cancel,), saga_pb2.STATUS_COMPENSATED, (RollbackBegan,)),
    "pause": Row(SILENT, (pause,), saga_pb2.STATUS_SUSPENDED, (SagaSuspended,)),
    "retry": Row(SILENT, (retry, arrange_parcels), saga_pb2.STATUS_COMPLETED, (RetryRequested,)),
    "resume": Row(SILENT, (pause, arrange_parcels, resume), saga_pb2.STATUS_COMPLETED, (SagaSuspended, SagaResumed)),
    "resolve": Row(
        SILENT,
        (pause, resolve, resume),
        saga_pb2.STATUS_COMPENSATED,
        (SagaSuspended, OutcomeResolved, SagaResumed),
    ),
    "resolve a compensation": Row(
        STUBBORN,
        (cancel, be_suspended, resolve_compensation, resume),
        saga_pb2.STATUS_COMPENSATED,
        (RollbackBegan, CompensationResolved, SagaResumed),
    ),
    "skip": Row(
        STUBBORN,
        (cancel, be_suspended, skip, resume),
        saga_pb2.STATUS_PARTIALLY_COMPENSATED,
        (RollbackBegan, CompensationSkipped, SagaResumed),
    ),
}


@pytest.fixture
async def parcels() -> AsyncIterator[tuple[ParcelService, str]]:
    """The mock, and where it is."""
    service = ParcelService()
    (contract,) = [each.service for each in place_order.participants if each.service.name == "ShippingService"]
    async with MockParticipant([contract], listen="127.0.0.1:0", faults=service.fault) as mock:
        yield service, mock.address


def decisions(entries: list[Entry]) -> list[tuple[type, Reason]]:
    return [(type(entry), entry.reason) for entry in entries if isinstance(entry, DECISIONS)]


async def test_every_act_through_another_replica_is_done_once_and_stands_in_the_journal_with_who_wanted_it(
    shop: Shop, chance: random.Random, run: str, tmp_path: Path, postgres_url: str, parcels: tuple[ParcelService, str]
) -> None:
    service, address = parcels
    owner, other = await replicas_of(shop, tmp_path, postgres_url, 2, lease=60, instead={"shipping": address})
    found = {}
    async with (
        asyncio.timeout(2 * PATIENCE),
        Customers(owner.address) as customers,
        connect_in_plain(other.address, with_token(TOKEN)) as channel,
    ):
        for name, row in TABLE.items():
            service.faults = row.faults
            (order,) = draw(chance, 1, run=run, kinds=("good",))
            await customers.place(order)
            situation = Situation(order.order_id, SagaServiceStub(channel), service)
            await service.called()
            for act in row.acts:
                await act(situation)
            await situation.comes_to_be(row.ends)
            found[order.order_id] = name
        reader = await open_reader(postgres_url)
        journals = {saga_id: await reader.read(saga_id) for saga_id in found}
        await reader.close()

    for saga_id, name in found.items():
        of_people = [(kind, reason) for kind, reason in decisions(journals[saga_id]) if reason.requested_by]
        assert tuple(kind for kind, _ in of_people) == TABLE[name].decided, name
        assert {reason.requested_by for _, reason in of_people} == {getpass.getuser()}, name
        assert not [entry for entry in journals[saga_id] if isinstance(entry, SagaRecovered)], "the owner was alive"
    assert owner.running
