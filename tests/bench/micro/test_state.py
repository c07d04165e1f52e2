"""What is computed from a journal: the state, the compensation plan, the request of a compensation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.bindings.binding import Binding
from orchestrator.journal.compensation_plan import derive_compensation, plan_compensations
from orchestrator.journal.fold import fold
from orchestrator.journal.state import Status
from shop.payment.v1.payment_pb2 import VoidAuthorizationRequest
from tests.golden.account import VERIFIER

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from orchestrator.journal.state import SagaState
    from tests.bench.micro.conftest import Story


@pytest.mark.benchmark(group="fold")
@pytest.mark.parametrize("how", ["completed", "cancelled"])
def test_a_fold(benchmark: BenchmarkFixture, request: pytest.FixtureRequest, how: str) -> None:
    story: Story = request.getfixturevalue(how)
    benchmark.extra_info["entries"] = len(story.entries)
    state: SagaState = benchmark(fold, *story)
    assert state.status in {Status.COMPLETED, Status.COMPENSATED}


@pytest.mark.benchmark(group="compensation plan")
def test_a_compensation_plan(benchmark: BenchmarkFixture, rolling_back: SagaState) -> None:
    plan = benchmark(plan_compensations, rolling_back)
    assert [command.key.partition(".")[2] for command in plan.compensations] == [
        "ArrangeShipment#1",
        "AuthorizePayment#1",
        "ReserveStock#1",
        "CreateOrder#1",
    ]


@pytest.mark.benchmark(group="derived request")
def test_a_derived_request(benchmark: BenchmarkFixture, rolling_back: SagaState) -> None:
    """The command's request and reply are parsed, too."""
    authorized = rolling_back.commands["PaymentService.AuthorizePayment#1"]
    binding = VERIFIER._bindings.by_name(authorized.method)
    assert isinstance(binding, Binding)
    request = benchmark(derive_compensation, authorized, binding)
    assert request == VoidAuthorizationRequest(order_id=rolling_back.saga_id)
