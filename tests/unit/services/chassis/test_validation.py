from __future__ import annotations

import pytest

from services.chassis.errors import InvalidRequest
from services.chassis.metadata import CallMetadata
from services.chassis.validation import LONGEST_KEY, refuse_invalid
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest

VALID = ReserveStockRequest(order_id="order-1", lines=[{"sku": "MUG-BLUE", "quantity": 1}])


def violated(request: ReserveStockRequest, metadata: CallMetadata) -> list[str]:
    with pytest.raises(InvalidRequest) as caught:
        refuse_invalid(request, metadata)
    return [field for field, _ in caught.value.violations]


def test_a_valid_call_passes() -> None:
    refuse_invalid(VALID, CallMetadata(idempotency_key="k" * LONGEST_KEY))


def test_violations_are_named_by_their_path() -> None:
    request = ReserveStockRequest(lines=[{"sku": "MUG-BLUE", "quantity": 1}, {"sku": "", "quantity": 0}])
    assert violated(request, CallMetadata()) == ["order_id", "lines[1].sku", "lines[1].quantity"]


@pytest.mark.parametrize(
    ("name", "metadata"),
    [
        ("idempotency-key", CallMetadata(idempotency_key="k" * (LONGEST_KEY + 1))),
        ("compensates", CallMetadata(compensates="k" * (LONGEST_KEY + 1))),
        ("verifies", CallMetadata(verifies="k" * (LONGEST_KEY + 1))),
    ],
)
def test_a_key_that_no_index_can_hold_is_refused(name: str, metadata: CallMetadata) -> None:
    assert violated(VALID, metadata) == [f"metadata.{name}"]


def test_metadata_is_read_by_name_and_the_rest_is_left_alone() -> None:
    sent = [("idempotency-key", "k"), ("saga-id", "s"), ("user-agent", "grpc"), ("compensates", ""), ("x-bin", b"\0")]
    assert CallMetadata.read(sent) == CallMetadata(idempotency_key="k", saga_id="s")
