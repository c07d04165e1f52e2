"""What a caller is told of each error."""

from __future__ import annotations

import pytest
from google.rpc import error_details_pb2

from orchestrator import errors
from orchestrator.api.calls.refusals import status_for
from orchestrator.contract.status_code import StatusCode

CODE = StatusCode


@pytest.mark.parametrize(
    ("error", "code", "reason", "comes_again"),
    [
        (errors.EntriesUnwritable("so"), CODE.INVALID_ARGUMENT, "ENTRIES_UNWRITABLE", False),
        (errors.InvalidInput(("field", "is wrong")), CODE.INVALID_ARGUMENT, "INVALID_INPUT", False),
        (errors.Undecodable(("", "is none")), CODE.INVALID_ARGUMENT, "INVALID_INPUT", False),
        (errors.NotAuthenticated("TOKEN_EXPIRED", "so"), CODE.UNAUTHENTICATED, "TOKEN_EXPIRED", False),
        (errors.NotAllowed("ROLE_MISSING", "so"), CODE.PERMISSION_DENIED, "ROLE_MISSING", False),
        (errors.KeysUnavailable("so"), CODE.UNAVAILABLE, "KEYS_UNAVAILABLE", True),
        (errors.SagaNotFound("id"), CODE.NOT_FOUND, "SAGA_NOT_FOUND", False),
        (errors.SagaExists("id", "there is one"), CODE.ALREADY_EXISTS, "REQUEST_ID_REUSED", False),
        (errors.ScheduleNotFound("daily"), CODE.NOT_FOUND, "SCHEDULE_NOT_FOUND", False),
        (errors.ScheduleExists("daily", "SCHEDULE_EXISTS", "so"), CODE.ALREADY_EXISTS, "SCHEDULE_EXISTS", False),
        (
            errors.ScheduleRefused("daily", "SCHEDULE_DELETED", "so"),
            CODE.FAILED_PRECONDITION,
            "SCHEDULE_DELETED",
            False,
        ),
        (errors.SagaDeleted("id", "completed", 1, 2), CODE.ALREADY_EXISTS, "SAGA_DELETED", False),
        (errors.ActNoted("id", "cancel"), CODE.DEADLINE_EXCEEDED, "ACT_NOTED", False),
        (errors.ActRefused("id", "SAGA_ENDED", "so"), CODE.FAILED_PRECONDITION, "SAGA_ENDED", False),
        (errors.CancelRefused("id", "PAST_PIVOT", "so"), CODE.FAILED_PRECONDITION, "PAST_PIVOT", False),
        (errors.Overloaded("TOO_MANY_STARTS", "so"), CODE.RESOURCE_EXHAUSTED, "TOO_MANY_STARTS", True),
        (errors.Recovering("so"), CODE.UNAVAILABLE, "RECOVERING", True),
        (errors.ClaimLost("so"), CODE.ABORTED, "CLAIM_LOST", True),
        (errors.SequenceConflict("so"), CODE.UNAVAILABLE, "JOURNAL_UNAVAILABLE", True),
        (errors.JournalUnavailable("so"), CODE.UNAVAILABLE, "JOURNAL_UNAVAILABLE", True),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_an_error_has_one_code_one_reason_and_says_when_to_come_again(
    error: Exception, code: StatusCode, reason: str, *, comes_again: bool
) -> None:
    status = status_for(error)

    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert status.code == code.number
    assert any(detail.Unpack(info) for detail in status.details)
    assert (info.reason, info.domain) == (reason, "orchestrator")
    assert any(detail.Unpack(retry) for detail in status.details) is comes_again


def test_an_error_without_a_line_of_its_own_is_told_as_its_nearest_kin() -> None:
    class StoreFull(errors.JournalUnavailable):
        """As a further store may raise it."""

    class LostToReplica(errors.ClaimLost, StoreFull):
        """Two kinds at once: the first base counts."""

    assert status_for(StoreFull("so")).code == CODE.UNAVAILABLE.number
    assert status_for(LostToReplica("so")).code == CODE.ABORTED.number


def test_the_inside_of_an_unexpected_error_stays_inside(caplog: pytest.LogCaptureFixture) -> None:
    status = status_for(ValueError("tok_secret"))

    assert status.code == CODE.INTERNAL.number
    assert "tok_secret" not in str(status)
    assert len(caplog.records) == 1
