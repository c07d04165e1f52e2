from __future__ import annotations

import pytest

from orchestrator.participant.metadata import LONGEST_KEY, CallMetadata, Kind
from services.chassis.errors import InvalidRequest
from services.chassis.validation import refuse_invalid
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.type.v1.type_pb2 import Line

VALID = ReserveStockRequest(order_id="order-1", lines=[Line(sku="MUG-BLUE", quantity=1)])


def violated(request: ReserveStockRequest, metadata: CallMetadata, kind: str = Kind.COMMAND) -> list[str]:
    with pytest.raises(InvalidRequest) as caught:
        refuse_invalid(request, metadata, kind)
    return [field for field, _ in caught.value.violations]


def sent(**metadata: str) -> CallMetadata:
    return CallMetadata.read([(name.replace("_", "-"), value) for name, value in metadata.items()])


def test_violations_are_named_by_their_path() -> None:
    request = ReserveStockRequest(lines=[Line(sku="MUG-BLUE", quantity=1), Line(sku="", quantity=0)])
    assert violated(request, CallMetadata()) == ["order_id", "lines[1].sku", "lines[1].quantity"]


def test_a_list_too_long_for_its_constraints_to_be_judged_is_refused() -> None:
    request = StartOrderRequest(lines=[Line(sku="MUG-BLUE", quantity=1)] * 100_000)

    with pytest.raises(InvalidRequest, match="cannot be judged"):
        refuse_invalid(request, CallMetadata(), Kind.QUERY)


@pytest.mark.parametrize(
    ("kind", "metadata"),
    [
        (Kind.COMMAND, sent()),
        (Kind.COMMAND, sent(idempotency_key="k" * LONGEST_KEY, saga_id="s" * LONGEST_KEY)),
        (Kind.COMMAND, sent(idempotency_key="saga 1/~Service.Method#1", traceparent="00-1-2-01")),
        (Kind.RETRYABLE, sent(idempotency_key="k")),
        (Kind.COMPENSATION, sent(idempotency_key="k")),
        (Kind.COMPENSATION, sent(compensates="c")),
        (Kind.COMPENSATION, sent(idempotency_key="k", compensates="c", saga_id="s")),
        (Kind.QUERY, sent(idempotency_key="k")),
        (Kind.QUERY, sent(verifies="k")),
        (Kind.QUERY, sent(idempotency_key="k", verifies="k", saga_id="s")),
        (Kind.QUERY, sent(idempotency_key="q", verifies="k")),
        (Kind.COMMAND, sent(traceparent="")),
        (Kind.COMMAND, CallMetadata.read([("traceparent", "one"), ("traceparent", "two")])),
        (Kind.COMMAND, CallMetadata.read([("idempotency-key", "k"), ("idempotency-key", "k")])),
    ],
)
def test_metadata_that_a_saga_may_send_pass(kind: str, metadata: CallMetadata) -> None:
    refuse_invalid(VALID, metadata, kind)


@pytest.mark.parametrize(
    "value",
    ["", " ", "k" * (LONGEST_KEY + 1), "line\nbreak", "escape\x1b", "schlüssel"],
    ids=["empty", "blank", "overlong", "line break", "control character", "not ASCII"],
)
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.COMMAND, "idempotency-key"),
        (Kind.COMMAND, "saga-id"),
        (Kind.COMPENSATION, "compensates"),
        (Kind.QUERY, "verifies"),
    ],
)
def test_a_key_that_cannot_be_kept_or_echoed_is_refused_by_name(kind: str, name: str, value: str) -> None:
    assert violated(VALID, CallMetadata.read([(name, value)]), kind) == [f"metadata.{name}"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.COMMAND, "idempotency-key"),
        (Kind.COMMAND, "saga-id"),
        (Kind.COMPENSATION, "compensates"),
        (Kind.QUERY, "verifies"),
    ],
)
def test_a_key_sent_with_several_values_is_refused_by_name_once(kind: str, name: str) -> None:
    assert violated(VALID, CallMetadata.read([(name, "one"), (name, "two"), (name, "three"), (name, "one")]), kind) == [
        f"metadata.{name}"
    ]


@pytest.mark.parametrize("kind", [Kind.COMMAND, Kind.RETRYABLE, Kind.QUERY])
def test_only_a_compensation_compensates(kind: str) -> None:
    assert violated(VALID, sent(idempotency_key="k", compensates="c"), kind) == ["metadata.compensates"]


@pytest.mark.parametrize("kind", [Kind.COMMAND, Kind.RETRYABLE, Kind.COMPENSATION])
def test_only_a_query_verifies(kind: str) -> None:
    assert violated(VALID, sent(idempotency_key="k", verifies="k"), kind) == ["metadata.verifies"]


def test_no_compensation_undoes_itself() -> None:
    assert violated(VALID, sent(idempotency_key="k", compensates="k"), Kind.COMPENSATION) == ["metadata.compensates"]


def test_all_violations_are_reported_at_once() -> None:
    nonsense = sent(idempotency_key="", compensates="c", verifies="")
    assert violated(ReserveStockRequest(lines=VALID.lines), nonsense) == [
        "order_id",
        "metadata.idempotency-key",
        "metadata.verifies",
        "metadata.compensates",
        "metadata.verifies",
    ]


def test_metadata_is_read_by_name_and_the_rest_is_left_alone() -> None:
    pairs: list[tuple[str, str | bytes]] = [
        ("idempotency-key", "k"),
        ("saga-id", "s"),
        ("user-agent", "grpc"),
        ("x-bin", b"\0"),
        ("saga-id", "t"),
    ]
    assert CallMetadata.read(pairs) == CallMetadata(idempotency_key="k", saga_id="s", contradicted=("saga-id",))


def test_a_call_without_metadata_says_nothing() -> None:
    assert CallMetadata.read(None) == CallMetadata()
