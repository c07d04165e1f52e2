"""One table from gRPC statuses and their details to outcomes."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc.aio import AioRpcError, Metadata

from orchestrator.channels.grpc.status import outcome_of
from orchestrator.channels.status import MEANINGS
from orchestrator.contract.command import Meaning, OutcomeRule
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Failure, Rejected, Retry, Unknown

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


def test_our_codes_are_those_of_grpc_by_name_and_number() -> None:
    assert {code.name: code.value[0] for code in grpc.StatusCode} == {code.name: code.number for code in StatusCode}
    assert all(code == code.name for code in StatusCode), "what journals keep of a code is its name"


def test_the_table_of_meanings_has_a_line_for_every_failure() -> None:
    assert set(MEANINGS) == set(StatusCode) - {StatusCode.OK}


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
    OutcomeRule(StatusCode.UNAVAILABLE, "CLOSED_TODAY", Meaning.REJECTED),
    OutcomeRule(StatusCode.FAILED_PRECONDITION, "", Meaning.RETRY),
    OutcomeRule(StatusCode.ABORTED, "", Meaning.UNKNOWN),
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

    assert outcome == Unknown(Failure(StatusCode.UNAVAILABLE, "", ""), 0)


def test_a_rule_may_know_a_refusal_by_its_text_alone() -> None:
    rules = (
        OutcomeRule(StatusCode.UNKNOWN, "", Meaning.REJECTED, message_contains="is so"),
        OutcomeRule(StatusCode.INTERNAL, "", Meaning.REJECTED, message_contains="is not so"),
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

    failure = Failure(StatusCode.FAILED_PRECONDITION, "")
    assert outcome_of(refused, (), "saga-1/Shop.Buy#1") == Rejected(failure, echoed=expected)
    assert outcome_of(refused) == Rejected(failure, echoed=False)


def test_a_refusal_by_a_rule_of_the_contract_says_so() -> None:
    rules = (OutcomeRule(StatusCode.NOT_FOUND, "", Meaning.REJECTED),)

    failure = Failure(StatusCode.NOT_FOUND, "it is so")
    assert outcome_of(error(grpc.StatusCode.NOT_FOUND), rules) == Rejected(failure, ruled=True)
    assert outcome_of(error(grpc.StatusCode.NOT_FOUND)) == Rejected(failure, ruled=False)


@pytest.mark.parametrize(
    ("seconds", "nanos", "waits"),
    [
        (1, 500_000_000, 1.5),
        (299, 0, 299),
        (-5, 0, 0),
        (0, -5, 0),
        (3, -1, 0),
        (1, 2_000_000_000, 0),
        (301, 0, 300),
        (10**9, 0, 300),
        (10**15, 0, 300),
        (2**63 - 1, 0, 300),
        (-(2**63), 0, 0),
    ],
)
def test_a_delay_is_capped_and_nonsense_is_none(seconds: int, nanos: int, waits: float) -> None:
    wait = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=seconds, nanos=nanos))

    outcome = outcome_of(error(grpc.StatusCode.ABORTED, wait))

    assert isinstance(outcome, Retry)
    assert outcome.retry_after == waits


def test_a_delay_that_is_cut_is_told() -> None:
    wait = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=10**9))

    outcome = outcome_of(error(grpc.StatusCode.ABORTED, wait))

    assert isinstance(outcome, Retry)
    assert outcome.failure.message == "it is so (asks to wait 1000000000 s; asked again after 300 s)"


@pytest.mark.parametrize(("code", "text"), [(14, "desk closed"), (14, ""), (9, "it is so"), (0, ""), (999, "?")])
def test_details_count_though_their_status_differs_from_the_status_itself(code: int, text: str) -> None:
    status = status_pb2.Status(code=code, message=text)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="CLOSED_TODAY"))

    outcome = outcome_of(error(grpc.StatusCode.UNAVAILABLE, trailer=status.SerializeToString()), RULES)

    assert type(outcome) is Rejected
    assert outcome.failure == ("UNAVAILABLE", "it is so", "CLOSED_TODAY")


def test_one_detail_that_is_nonsense_does_not_take_the_others_with_it() -> None:
    status = status_pb2.Status(code=14)
    status.details.add(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff\xff")
    status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=2)))

    outcome = outcome_of(error(grpc.StatusCode.UNAVAILABLE, trailer=status.SerializeToString()))

    assert isinstance(outcome, Unknown)
    assert outcome.retry_after == 2
