"""Which methods of gRPC are guarded, which pass, which are refused; and who is answered too late."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from orchestrator.participant import Kind
from orchestrator.participant.contexts import refuse_late
from orchestrator.participant.methods import Method, guarded_method
from orchestrator.participant.statuses import PostponedStatusError, Status, error_domain

KINDS = {"hotel.v1.HotelService": {"BookRoom": Kind.COMMAND, "WatchRooms": Kind.QUERY, "BookRooms": Kind.COMMAND}}
UNARY: Any = grpc.unary_unary_rpc_method_handler(lambda request, _: request)
STREAM: Any = grpc.unary_stream_rpc_method_handler(lambda request, _: iter([request]))


def decided(path: str, handler: Any = UNARY) -> Method | str | None:  # noqa: ANN401
    return guarded_method(KINDS, path, handler, None)


def test_a_listed_method_is_guarded_by_its_kind() -> None:
    method = decided("/hotel.v1.HotelService/BookRoom")
    assert isinstance(method, Method)
    assert (method.kind, method.domain) == (Kind.COMMAND, "hotel")


def test_what_is_not_served_and_whose_service_is_not_listed_passes() -> None:
    assert decided("/hotel.v1.HotelService/BookRoom", None) is None
    assert decided("/grpc.health.v1.Health/Check") is None


def test_a_stream_is_guarded_by_nothing_so_only_a_query_may_be_one() -> None:
    assert decided("/hotel.v1.HotelService/WatchRooms", STREAM) is None
    refused = decided("/hotel.v1.HotelService/BookRooms", STREAM)
    assert isinstance(refused, str)
    assert "is a stream" in refused


@pytest.mark.parametrize(
    ("service", "domain"),
    [
        ("shop.inventory.v1.InventoryService", "inventory.shop"),
        ("hotel.v1.HotelService", "hotel"),
        ("Hotel", "Hotel"),
    ],
)
def test_the_domain_of_a_refusal_follows_from_the_package_of_the_service(service: str, domain: str) -> None:
    assert error_domain(service) == domain


def asynchronous(left: float | None, *, cancelled: bool = False) -> Any:  # noqa: ANN401
    return SimpleNamespace(time_remaining=lambda: left, cancelled=lambda: cancelled)


def threaded(left: float | None, *, active: bool = True) -> Any:  # noqa: ANN401
    return SimpleNamespace(time_remaining=lambda: left, is_active=lambda: active)


@pytest.mark.parametrize("context", [asynchronous(None), asynchronous(0.1), threaded(None), threaded(0.1)])
def test_a_caller_that_waits_is_served(context: Any) -> None:  # noqa: ANN401
    refuse_late(context)


@pytest.mark.parametrize(
    "context", [asynchronous(0.0), asynchronous(None, cancelled=True), threaded(0.0), threaded(1.0, active=False)]
)
def test_nothing_begins_for_a_caller_that_is_gone(context: Any) -> None:  # noqa: ANN401
    with pytest.raises(PostponedStatusError) as late:
        refuse_late(context)
    assert late.value.status.code is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
@pytest.mark.parametrize("details", [None, b"", b"\x08\x09\x12\x02no"])
def test_a_recorded_status_comes_back_as_it_was_sent(code: grpc.StatusCode, details: bytes | None) -> None:
    trailing = () if details is None else (("grpc-status-details-bin", details),)
    status = Status(code, "schön gesagt", trailing)
    assert Status.recorded(status.to_bytes()) == status
