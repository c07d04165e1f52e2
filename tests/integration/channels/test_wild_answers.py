"""What participants and networks answer that no contract foresees is a clear outcome, and never an accident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2

from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Failure, Rejected, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.channels.conftest import Answer, Way, Wild

    WayTo = Callable[..., Way]


def refusing(message: str, *details: Any) -> Answer:  # noqa: ANN401 - any details
    async def refuse(_request: bytes, context: Any) -> bytes:  # noqa: ANN401 - gRPC's
        status = status_pb2.Status(code=3, message=message)
        for detail in details:
            status.details.add().Pack(detail)
        trailing = (("grpc-status-details-bin", status.SerializeToString()),) if details else ()
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, message, trailing)
        raise AssertionError

    return refuse


def replying(reply: bytes) -> Answer:
    async def reply_so(_request: bytes, _context: object) -> bytes:
        return reply

    return reply_so


async def test_ok_without_a_reply_is_a_lost_answer(way_to: WayTo, wild: Wild) -> None:
    wild.answer = None

    outcome = await way_to(wild.address).call()

    assert outcome == Unknown(
        Failure(StatusCode.INTERNAL, "the participant said OK and sent no reply", "REPLY_MISSING")
    )


@pytest.mark.parametrize("violations", [2, 100, 1000])
async def test_a_rejection_is_one_however_many_details_it_has(way_to: WayTo, wild: Wild, violations: int) -> None:
    bad = error_details_pb2.BadRequest()
    for number in range(violations):
        bad.field_violations.add(field=f"lines[{number}].quantity", description="must be greater than 0")
    wild.answer = refusing("bad", error_details_pb2.ErrorInfo(reason="BAD_LINES"), bad)

    outcome = await way_to(wild.address).call()

    assert outcome == Rejected(Failure(StatusCode.INVALID_ARGUMENT, "bad", "BAD_LINES"))


@pytest.mark.parametrize("size", [6000, 9000, 20_000, 500_000])
async def test_a_rejection_is_one_however_long_its_message_is_and_the_journal_keeps_its_beginning(
    way_to: WayTo, wild: Wild, size: int
) -> None:
    wild.answer = refusing("x" * size)

    outcome = await way_to(wild.address).call()

    assert isinstance(outcome, Rejected)
    assert outcome.failure.message == "x" * 4096 + "…"


@pytest.mark.parametrize("details", [0, 1])
async def test_an_error_with_more_than_can_be_taken_is_unknown_for_good(
    way_to: WayTo, wild: Wild, details: int
) -> None:
    large = error_details_pb2.DebugInfo(detail="x" * 2_000_000)
    wild.answer = refusing("x", large) if details else refusing("x" * 2_000_000)

    outcome = await way_to(wild.address).call()

    assert isinstance(outcome, Unknown)
    assert outcome.final
    assert "more details than can be taken" in outcome.failure.message


async def test_a_reply_beyond_what_grpc_takes_by_itself_comes_through(way_to: WayTo, wild: Wild) -> None:
    wild.answer = replying(b"x" * 5_000_000)

    assert await way_to(wild.address).call() == Completed(b"x" * 5_000_000)


async def test_a_request_that_the_participant_finds_too_large_is_rejected(way_to: WayTo, wild: Wild) -> None:
    outcome = await way_to(wild.address).call(b"x" * 5_000_000)

    assert isinstance(outcome, Rejected)
    assert outcome.failure.reason == "REQUEST_TOO_LARGE"
    assert wild.called == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("grpc: received message larger than max (5000 vs. 4096)", Rejected),  # Go
        ("Received message larger than max (5000 vs 4096)", Rejected),  # Node
        ("gRPC message exceeds maximum size 4096: 5000", Rejected),  # Java
        ("grpc: received message larger than max (7777 vs. 4096)", Unknown),  # of somebody behind the participant
        ("Received message exceeds the maximum configured message size.", Unknown),  # .NET names no size
        ("CLIENT: Received message larger than max (5000 vs. 4096)", Unknown),
    ],
)
async def test_every_grpc_has_its_own_words_for_what_is_too_large(
    way_to: WayTo, wild: Wild, text: str, expected: type
) -> None:
    async def refuse(_request: bytes, context: Any) -> bytes:  # noqa: ANN401 - gRPC's
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
        raise AssertionError

    wild.answer = refuse

    outcome = await way_to(wild.address).call(b"x" * 5000)

    assert type(outcome) is expected
    assert not isinstance(outcome, Unknown) or outcome.final
