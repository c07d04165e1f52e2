"""One table from gRPC statuses and their details to outcomes."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc.aio import AioRpcError, Metadata

from orchestrator.contract.command import Meaning, OutcomeRule
from orchestrator.engine.outcome import Rejected, Retry, Unknown
from orchestrator.transport.status import outcome_of

REJECTED = {
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
    "FAILED_PRECONDITION",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
}
RETRY = {"RESOURCE_EXHAUSTED", "ABORTED"}


def error(code: grpc.StatusCode, *details: object, trailer: bytes | None = None) -> AioRpcError:
    status = status_pb2.Status(code=code.value[0], message="it is so")
    for detail in details:
        status.details.add().Pack(detail)
    serialized = trailer if trailer is not None else status.SerializeToString()
    metadata = Metadata(("grpc-status-details-bin", serialized)) if details or trailer is not None else Metadata()
    return AioRpcError(code, Metadata(), metadata, details="it is so")


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_status_has_one_meaning(code: grpc.StatusCode) -> None:
    expected = Rejected if code.name in REJECTED else Retry if code.name in RETRY else Unknown

    outcome = outcome_of(error(code, error_details_pb2.ErrorInfo(reason="SO")))

    assert type(outcome) is expected
    assert (outcome.failure.code, outcome.failure.message) == (code.name, "it is so")


@pytest.mark.parametrize("code", sorted(RETRY))
def test_what_gRPC_itself_may_say_is_no_proof_that_there_is_no_effect(code: str) -> None:  # noqa: N802
    assert type(outcome_of(error(grpc.StatusCode[code]))) is Unknown


def test_the_reason_and_the_delay_come_from_the_details() -> None:
    info = error_details_pb2.ErrorInfo(reason="WARMING_UP", domain="shop")
    wait = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))

    outcome = outcome_of(error(grpc.StatusCode.UNAVAILABLE, info, wait))

    assert isinstance(outcome, Unknown)
    assert (outcome.failure.reason, outcome.retry_after) == ("WARMING_UP", 2.5)


def test_details_that_are_nonsense_are_no_accident() -> None:
    assert type(outcome_of(error(grpc.StatusCode.INTERNAL, trailer=b"\xff\xff"))) is Unknown


RULES = (
    OutcomeRule("UNAVAILABLE", "CLOSED_TODAY", Meaning.REJECTED),
    OutcomeRule("FAILED_PRECONDITION", "", Meaning.RETRY),
    OutcomeRule("ABORTED", "", Meaning.UNKNOWN),
)


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, "CLOSED_TODAY", Rejected),
        (grpc.StatusCode.UNAVAILABLE, "OTHER", Unknown),
        (grpc.StatusCode.FAILED_PRECONDITION, "ANY", Retry),
        (grpc.StatusCode.ABORTED, "", Unknown),
        (grpc.StatusCode.NOT_FOUND, "", Rejected),
    ],
)
def test_a_contracts_own_rules_come_before_the_table(code: grpc.StatusCode, reason: str, expected: type) -> None:
    details = [error_details_pb2.ErrorInfo(reason=reason)] if reason else []

    assert type(outcome_of(error(code, *details), RULES)) is expected


def test_a_status_without_a_message_has_an_empty_one() -> None:
    outcome = outcome_of(AioRpcError(grpc.StatusCode.UNAVAILABLE, Metadata(), Metadata()))

    assert (outcome.failure.code, outcome.failure.message, outcome.failure.reason) == ("UNAVAILABLE", "", "")
    assert isinstance(outcome, Unknown)
    assert outcome.retry_after == 0


def test_a_rule_may_know_a_refusal_by_its_text_alone() -> None:
    rules = (
        OutcomeRule("UNKNOWN", "", Meaning.REJECTED, message_contains="is so"),
        OutcomeRule("INTERNAL", "", Meaning.REJECTED, message_contains="is not so"),
    )

    assert type(outcome_of(error(grpc.StatusCode.UNKNOWN), rules)) is Rejected
    assert type(outcome_of(error(grpc.StatusCode.INTERNAL), rules)) is Unknown


@pytest.mark.parametrize(
    ("echoed", "expected"),
    [
        ((("idempotency-key", "saga-1/Shop.Buy#1"),), True),
        ((), False),
        ((("idempotency-key", "saga-1/Shop.Buy#2"),), False),
        ((("idempotency-key", ""),), False),
        ((("idempotency-key", "saga-1/Shop.Buy#1"), ("idempotency-key", "saga-1/Shop.Buy#2")), False),
        ((("x-idempotency-key", "saga-1/Shop.Buy#1"),), False),
    ],
)
def test_only_a_refusal_that_gives_the_very_key_back_is_the_guards(
    echoed: tuple[tuple[str, str], ...], *, expected: bool
) -> None:
    refused = AioRpcError(grpc.StatusCode.FAILED_PRECONDITION, Metadata(), Metadata(*echoed))

    assert outcome_of(refused, (), "saga-1/Shop.Buy#1").echoed is expected
    assert not outcome_of(refused).echoed


def test_a_refusal_by_a_rule_of_the_contract_says_so() -> None:
    rules = (OutcomeRule("NOT_FOUND", "", Meaning.REJECTED),)

    assert outcome_of(error(grpc.StatusCode.NOT_FOUND), rules).ruled
    assert not outcome_of(error(grpc.StatusCode.NOT_FOUND)).ruled
