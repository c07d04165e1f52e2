from __future__ import annotations

from datetime import timedelta

import grpc
import pytest
from google.rpc import error_details_pb2

from services.chassis.errors import DEFINITE, InternalError, InvalidRequest, Rejection, Unavailable


def test_an_invalid_request_names_every_field() -> None:
    status = InvalidRequest([("lines[0].sku", "is odd"), ("order_id", "is empty")]).status("inventory.shop")
    details = error_details_pb2.BadRequest()
    assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert status.details[0].Unpack(details)
    assert [(one.field, one.description) for one in details.field_violations] == [
        ("lines[0].sku", "is odd"),
        ("order_id", "is empty"),
    ]


def test_a_rejection_tells_reason_domain_and_facts() -> None:
    status = Rejection("OUT_OF_STOCK", "none left", metadata={"available": 0}).status("inventory.shop")
    info = error_details_pb2.ErrorInfo()
    assert status.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain, dict(info.metadata)) == ("OUT_OF_STOCK", "inventory.shop", {"available": "0"})


@pytest.mark.parametrize("code", sorted(DEFINITE, key=str))
def test_a_recorded_rejection_comes_back_as_it_was(code: grpc.StatusCode) -> None:
    rejection = Rejection("NO", "no", code=code, metadata={"b": 2, "a": 1})
    again = Rejection.from_bytes(rejection.to_bytes())
    assert again.status("inventory.shop") == rejection.status("inventory.shop")


@pytest.mark.parametrize("code", sorted(set(grpc.StatusCode) - DEFINITE, key=str))
def test_only_a_definite_code_makes_a_rejection(code: grpc.StatusCode) -> None:
    with pytest.raises(ValueError, match=code.name):
        Rejection("NO", "no", code=code)


def test_a_passing_failure_says_when_to_retry() -> None:
    status = Unavailable("later", retry_after=timedelta(seconds=1.5)).status("inventory.shop")
    info = error_details_pb2.RetryInfo()
    assert status.code == grpc.StatusCode.UNAVAILABLE.value[0]
    assert status.details[0].Unpack(info)
    assert info.retry_delay.ToTimedelta() == timedelta(seconds=1.5)


def test_an_internal_error_shows_no_details() -> None:
    status = InternalError().status("inventory.shop")
    assert (status.code, status.message, list(status.details)) == (13, "internal error", [])


def test_a_violation_of_the_whole_request_names_no_field() -> None:
    assert InvalidRequest([("", "is odd"), ("order_id", "is empty")]).message == "is odd; order_id: is empty"


def test_no_answer_is_settled_before_the_guard_settles_it() -> None:
    rejection = Rejection("NO", "no")
    assert not any(each.settled for each in (rejection, InvalidRequest([]), Unavailable("later"), InternalError()))
    assert rejection.settle().settled
    assert rejection.settle().status("shop") == rejection.status("shop")
    assert not rejection.settled
    assert not Rejection.from_bytes(rejection.to_bytes()).settled
