"""Each command of a saga meets each fault, on Temporal's server on which time passes at once.

A long backoff, a participant that is away for an hour and a wait of days take no time there, so this engine is asked
for the same table of faults and ends as the simulated world.
"""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.testservice.v1 import UnlockTimeSkippingRequest
from temporalio.testing import WorkflowEnvironment

from orchestrator import approval, saga, saga_id, sleep
from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.temporal.cluster.preparing import TYPES
from orchestrator.journal.outcome import Failure, Retry
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.answers import (
    BUSY,
    NOT_SEEN,
    REJECTED,
    REJECTED_BY_GUARD,
    UNKNOWN,
)
from orchestrator.testing.conformance.engines.sagas import BACKWARD, FORWARD, Shop, trip
from orchestrator.testing.world.participants import ScriptedParticipants
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import CapturePaymentRequest
from tests.integration.temporal.test_from_outside import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.journal.outcome import Outcome
    from orchestrator.testing.conformance.engines.harness import Stage

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

AWAY_FOR_AN_HOUR: Final = Retry(Failure(StatusCode.UNAVAILABLE, "not for an hour", "BUSY"), 3600.0)
FAULTS: Final[dict[str, list[Outcome]]] = {
    "rejected": [REJECTED],
    "lost": [UNKNOWN],
    "lost, then rejected": [UNKNOWN, REJECTED],
    "lost, then rejected by the guard": [UNKNOWN, REJECTED_BY_GUARD],
    "busy": [BUSY],
    "away for an hour": [AWAY_FOR_AN_HOUR],
}
COMPENSATION: Final = dict(zip(FORWARD[1:4], reversed(BACKWARD), strict=True))


def ends(method: str, fault: str) -> Status:
    """How the saga must end."""
    if fault in {"lost", "busy", "away for an hour"}:
        return Status.COMPLETED
    if method == "SendConfirmation":
        # What can only go forward is sent again after a doubtful rejection; a sure one is brought before an operator.
        return Status.COMPLETED if fault == "lost, then rejected" else Status.SUSPENDED
    if method == "CapturePayment" and fault == "lost, then rejected":
        return Status.COMPLETED  # the verify says that it took no effect, and it is sent again
    return Status.COMPENSATED


@saga("days", version=1)
async def days(order: StartOrderRequest, shop: Shop) -> Receipt:
    """It waits for days, and then for somebody."""
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id=saga_id()))
    await sleep(timedelta(days=30))
    await approval(timeout=timedelta(days=30))
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=saga_id()))
    return Receipt(order_id=order.customer_id)


@asynccontextmanager
async def skipping_time() -> AsyncIterator[Stage]:
    program = str(Path(sys.executable).parent / "temporal-test-server")
    async with await WorkflowEnvironment.start_time_skipping(test_server_existing_path=program) as server:
        client = server.client
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=dict(TYPES))
        )
        async with served(client, ScriptedParticipants(), trip, days) as stage:
            await client.test_service.unlock_time_skipping(UnlockTimeSkippingRequest())
            yield stage


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS)
async def test_every_command_meets_the_fault_and_the_saga_ends_as_its_contracts_allow(fault: str) -> None:
    wrong, outcomes = [], FAULTS[fault]
    async with skipping_time() as stage:
        for method in FORWARD:
            cell = f"{method}-{fault.replace(' ', '-').replace(',', '')}"
            stage.participants.calls.clear()
            stage.participants.scripts[method] = list(outcomes)
            stage.participants.scripts["GetPayment"] = [NOT_SEEN]
            state = await stage.run(trip, cell)
            stage.participants.scripts.clear()
            sent = stage.participants.methods()
            if state.status is not ends(method, fault):
                wrong.append(f"{cell}: {state.status}, {state.reason}")
            elif state.status is Status.COMPENSATED:
                begun = [each for each in dict.fromkeys(sent) if each in COMPENSATION]
                stands = [each for each in begun if each != method or fault == "lost, then rejected"]
                undone = [each for each in sent if each in BACKWARD]
                if undone != [COMPENSATION[each] for each in reversed(stands)]:
                    wrong.append(f"{cell}: {sent}")
    assert wrong == []


async def test_a_saga_waits_for_months_in_no_time_and_gives_up_when_nobody_answers() -> None:
    async with skipping_time() as stage:
        await stage.start(days, "days-1")
        given_up = await stage.rests("days-1")

    assert given_up.status is Status.COMPENSATED
    assert given_up.ended_at is not None
    assert given_up.ended_at - given_up.started_at >= timedelta(days=60) / timedelta(microseconds=1) * 1000
    assert stage.participants.methods() == ["ReserveStock", "ReleaseStock"]
