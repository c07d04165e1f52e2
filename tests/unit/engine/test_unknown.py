"""Unknown is not failed: what the contract says is done, and nothing is assumed."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import pytest

from orchestrator import SagaRejected, saga
from orchestrator.cli.loading.protoc import describe
from orchestrator.contract.command import OnUnknown, RetryPolicy
from orchestrator.contract.image import load_image
from orchestrator.contract.reader import read_service
from orchestrator.definition.participants import Participant
from orchestrator.engine.run.rollback.preview import preview
from orchestrator.journal.entries import CompensationBegan
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status, StepOutcome
from shop.email.v1.email_pb2 import SendConfirmationResponse
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest  # noqa: TC001 - the signature of a saga is read
from shop.payment.v1.payment_pb2 import CapturePaymentResponse, GetPaymentRequest, GetPaymentResponse
from tests.support.engine_world import (
    AUTHORIZE,
    BACKWARD,
    FORWARD,
    NOT_SEEN,
    RESERVE,
    SAGA,
    Answer,
    Shop,
    altered,
    recoded,
    rejected,
    trip,
    unknown,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import grpc.aio
    from google.protobuf.message import Message

    from tests.support.engine_world import Definition, EngineWorld

TWICE = RetryPolicy(attempts=2, first_delay=timedelta(milliseconds=10))
KEY = "PaymentService.AuthorizePayment#1"


class Changes(TypedDict, total=False):
    """What a test may change of a contract besides its policy."""

    response: type[Message]
    idempotent: bool
    retry: RetryPolicy


def with_policy(policy: OnUnknown, method: str = "AuthorizePayment", **changes: Unpack[Changes]) -> Definition:
    return altered(trip, method, on_unknown=policy, **{"retry": TWICE, **changes})


async def test_resend_keeps_sending_the_same_key(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(with_policy(OnUnknown.RESEND))
    world.participants.scripts["AuthorizePayment"] = [unknown()] * 25

    assert (await world.process().run()).status is Status.COMPLETED
    assert len({call.key for call in world.participants.of("AuthorizePayment")}) == 1
    assert len(world.participants.of("AuthorizePayment")) == 26


async def test_compensate_rolls_back_and_compensates_the_command_too(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(with_policy(OnUnknown.COMPENSATE))
    world.participants.scripts["AuthorizePayment"] = [unknown()] * 2
    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    assert state.reason == Reason(ReasonCode.UNKNOWN, f"{KEY}: DEADLINE_EXCEEDED: no answer", KEY)
    assert state.commands[KEY].outcome is StepOutcome.UNKNOWN
    assert world.participants.methods() == [
        *FORWARD[:3], "AuthorizePayment", "VoidAuthorization", "ReleaseStock",
    ]  # fmt: skip


async def test_suspend_waits_for_an_operator_with_the_command_in_doubt(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(with_policy(OnUnknown.SUSPEND))
    world.participants.scripts["AuthorizePayment"] = [unknown()] * 2
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason == Reason(ReasonCode.UNKNOWN, "DEADLINE_EXCEEDED: no answer", KEY)
    assert (state.commands[KEY].outcome, state.commands[KEY].attempts) == (None, 2)
    assert world.participants.methods() == [*FORWARD[:3], "AuthorizePayment"]


async def test_verify_asks_with_the_key_of_the_command_in_doubt(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(with_policy(OnUnknown.VERIFY))
    world.participants.scripts["AuthorizePayment"] = [unknown()] * 2
    await world.process().run()
    (question,) = world.participants.of("GetPayment")

    assert question.metadata["verifies"] == f"{SAGA}/{KEY}"
    assert GetPaymentRequest.FromString(question.request).order_id == SAGA


async def test_verified_to_have_taken_effect_with_its_reply_is_completed(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(with_policy(OnUnknown.VERIFY, "CapturePayment"))
    world.participants.scripts["CapturePayment"] = [unknown()] * 2
    world.participants.replies["GetPayment"] = GetPaymentResponse(payment_id="p-1")
    state = await world.process().run()

    assert state.status is Status.COMPLETED
    assert len(world.participants.of("CapturePayment")) == 2
    reply = state.commands["PaymentService.CapturePayment#1"].reply
    assert CapturePaymentResponse.FromString(reply or b"").payment_id == "p-1"


async def test_verified_not_to_have_taken_effect_is_sent_again(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(with_policy(OnUnknown.VERIFY))
    world.participants.scripts |= {
        "AuthorizePayment": [unknown()] * 3,
        "GetPayment": [NOT_SEEN, NOT_SEEN],
    }

    assert (await world.process().run()).status is Status.COMPLETED
    assert [method for method in world.participants.methods() if method in {"AuthorizePayment", "GetPayment"}] == [
        "AuthorizePayment", "AuthorizePayment", "GetPayment", "AuthorizePayment", "GetPayment", "AuthorizePayment",
    ]  # fmt: skip


async def test_a_verify_without_an_answer_is_asked_again(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(with_policy(OnUnknown.VERIFY, "CapturePayment"))
    world.participants.scripts |= {"CapturePayment": [unknown()] * 2, "GetPayment": [unknown()] * 7}

    assert (await world.process().run()).status is Status.COMPLETED
    assert len(world.participants.of("GetPayment")) == 8


async def test_a_verify_that_is_refused_suspends(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(with_policy(OnUnknown.VERIFY))
    world.participants.scripts |= {"AuthorizePayment": [unknown()] * 2, "GetPayment": [rejected("PERMISSION_DENIED")]}
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason == Reason(ReasonCode.UNKNOWN, "no answer to be had: DEADLINE_EXCEEDED: no answer", KEY)


async def test_a_rejection_is_definite_whatever_the_policy(world_of: Callable[..., EngineWorld]) -> None:
    for policy in OnUnknown:
        world = world_of(with_policy(policy))
        world.participants.scripts["AuthorizePayment"] = [unknown(), rejected()]
        assert (await world.process().run()).status is Status.COMPENSATED
        assert world.participants.methods()[-1] == "ReleaseStock"


WITHOUT_REPLY: Changes = {"response": SendConfirmationResponse}  # of which a GetPaymentResponse holds nothing


async def test_verified_to_have_taken_effect_without_its_reply_is_sent_again_for_it(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(with_policy(OnUnknown.VERIFY, **WITHOUT_REPLY))
    world.participants.scripts["AuthorizePayment"] = [unknown()] * 6

    assert (await world.process().run()).status is Status.COMPLETED
    assert len(world.participants.of("AuthorizePayment")) == 7, "now without an end: it did take effect"
    assert len(world.participants.of("GetPayment")) == 1


async def test_a_command_that_took_effect_and_cannot_be_repeated_for_its_reply_suspends(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(with_policy(OnUnknown.VERIFY, **(WITHOUT_REPLY | FRAGILE)))
    world.participants.scripts["AuthorizePayment"] = [unknown()]

    assert (await world.process().run()).status is Status.SUSPENDED
    assert len(world.participants.of("AuthorizePayment")) == 1


FRAGILE: Changes = {"idempotent": False, "retry": RetryPolicy(attempts=4)}


@pytest.mark.parametrize("policy", [OnUnknown.SUSPEND, OnUnknown.COMPENSATE, OnUnknown.RESEND, OnUnknown.VERIFY])
async def test_a_command_that_is_not_idempotent_is_never_sent_again_blindly(
    world_of: Callable[..., EngineWorld], policy: OnUnknown
) -> None:
    world = world_of(with_policy(policy, **FRAGILE))
    world.participants.scripts["AuthorizePayment"] = [unknown()] * 9
    world.participants.scripts["GetPayment"] = [rejected("PERMISSION_DENIED")]
    state = await world.process().run()

    assert state.status is (Status.COMPENSATED if policy is OnUnknown.COMPENSATE else Status.SUSPENDED)
    assert len(world.participants.of("AuthorizePayment")) == 1


async def test_a_command_that_is_not_idempotent_is_sent_again_once_it_is_known_that_it_did_nothing(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(with_policy(OnUnknown.VERIFY, **FRAGILE))
    world.participants.scripts |= {
        "AuthorizePayment": [unknown()] * 2,
        "GetPayment": [NOT_SEEN, NOT_SEEN],
    }

    assert (await world.process().run()).status is Status.COMPLETED
    sent = [method for method in world.participants.methods() if method in {"AuthorizePayment", "GetPayment"}]
    assert sent == ["AuthorizePayment", "GetPayment", "AuthorizePayment", "GetPayment", "AuthorizePayment"]


@pytest.mark.parametrize(
    ("policy", "status", "sent_again"),
    [
        (OnUnknown.SUSPEND, Status.SUSPENDED, []),
        (OnUnknown.COMPENSATE, Status.COMPENSATED, ["VoidAuthorization", "ReleaseStock"]),
        (OnUnknown.VERIFY, Status.COMPLETED, ["GetPayment", *FORWARD[3:]]),
    ],
)
async def test_a_command_that_is_not_idempotent_is_not_sent_again_after_a_crash(
    world_of: Callable[..., EngineWorld], policy: OnUnknown, status: Status, sent_again: list[str]
) -> None:
    world = world_of(with_policy(policy, **FRAGILE))
    slow = Answer()
    world.participants.scripts["AuthorizePayment"] = [slow]
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: slow.asked)
    before = len(world.participants.calls)
    await world.recover()
    state = await world.stopped()
    run.cancel()

    assert state.status is status
    assert [call.method for call in world.participants.calls[before:]] == sent_again


FERRY = """
syntax = "proto3";
package ferry.v1;
import "saga/v1/contract.proto";

service FerryService {
  rpc Book(BookRequest) returns (BookResponse) {
    option (saga.v1.command) = {
      effect: EFFECT_COMPENSABLE, compensation: "Unbook", on_unknown: ON_UNKNOWN_COMPENSATE
    };
  }
  rpc Unbook(UnbookRequest) returns (UnbookResponse) { option (saga.v1.command) = {effect: EFFECT_RETRYABLE}; }
}
message BookRequest { string order_id = 1; }
message BookResponse { string booking_id = 1; }
message UnbookRequest {
  string booking_id = 1 [(saga.v1.field) = {source: SOURCE_RESPONSE, when_unknown: WHEN_UNKNOWN_SUSPEND}];
}
message UnbookResponse {}
"""


@dataclasses.dataclass(frozen=True)
class Harbour:
    ferry: Any


@pytest.fixture
def cross(tmp_path: Path) -> Definition:
    """A saga over a contract whose compensation needs an id out of the answer."""
    (tmp_path / "ferry.proto").write_text(FERRY)
    (file,) = load_image(describe(tmp_path), {"ferry.proto"})
    service = file.services_by_name["FerryService"]
    commands = read_service(service)

    class FerryServiceStub:
        def __init__(self, channel: grpc.aio.Channel) -> None:
            book = commands["Book"]
            self.request = book.request
            self.Book = channel.unary_unary(book.path, book.request.SerializeToString, book.response.FromString)

    async def crossing(_order: StartOrderRequest, harbour: Harbour) -> Receipt:
        await harbour.ferry.Book(harbour.ferry.request(order_id=SAGA))
        raise SagaRejected("SEASICK", "rather not")

    participant = Participant("ferry", FerryServiceStub, service, commands)
    return recoded(trip, crossing, Harbour, participant)


async def test_a_compensation_takes_what_it_needs_from_the_answer(
    world_of: Callable[..., EngineWorld], cross: Definition
) -> None:
    world = world_of(cross)
    book = cross.participants[0].commands["Book"]
    world.participants.replies["Book"] = book.response(booking_id="b-7")

    assert (await world.process().run()).status is Status.COMPENSATED
    (call,) = world.participants.of("Unbook")
    assert b"b-7" in call.request


async def test_a_lost_answer_that_the_compensation_cannot_do_without_is_named_to_an_operator(
    world_of: Callable[..., EngineWorld], cross: Definition
) -> None:
    world = world_of(cross)
    world.participants.scripts["Book"] = [unknown()] * 4
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason == Reason(
        ReasonCode.UNKNOWN,
        "ferry.v1.FerryService.Unbook: the answer that holds booking_id was lost",
        "FerryService.Book#1",
    )
    assert world.participants.of("Unbook") == []


async def test_a_preview_names_what_cannot_be_derived_and_why(
    world_of: Callable[..., EngineWorld], cross: Definition
) -> None:
    world = world_of(cross)
    world.participants.scripts["Book"] = [unknown()] * 4
    process = world.process()
    state = await process.run()

    (planned,) = preview(state, process.worker.bindings)

    assert (planned.command.key, planned.compensation) == ("FerryService.Book#1", "ferry.v1.FerryService.Unbook")
    assert planned.request is None
    assert planned.in_doubt
    assert planned.obstacle == "ferry.v1.FerryService.Unbook: the answer that holds booking_id was lost"


async def test_no_compensation_is_intended_beyond_one_that_cannot_be_derived(
    world_of: Callable[..., EngineWorld], cross: Definition
) -> None:
    """What an operator decides about the one may change what becomes of those that were started before it."""

    async def crossing(_order: StartOrderRequest, harbour: Harbour) -> Receipt:
        ferry = harbour.ferry
        bookings = (ferry.Book(ferry.request(order_id=f"{SAGA}-{number}")) for number in (1, 2, 3))
        await asyncio.gather(*bookings, return_exceptions=True)
        raise SagaRejected("SEASICK", "rather not")

    world = world_of(dataclasses.replace(cross, function=crossing))
    world.participants.scripts["Book"] = [None, unknown(), None, unknown(), unknown(), unknown()]
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert state.reason.step_key == "FerryService.Book#2"
    intended = [entry.key for entry in world.entries() if isinstance(entry, CompensationBegan)]
    assert intended == ["FerryService.Book#3"]


async def test_a_lost_answer_is_compensated_from_the_request_alone(world_of: Callable[..., EngineWorld]) -> None:
    async def brief(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        await shop.payment.AuthorizePayment(AUTHORIZE)
        return Receipt()

    world = world_of(altered(saga("brief", version=1)(brief), "ReserveStock", on_unknown=OnUnknown.COMPENSATE))
    world.participants.scripts["ReserveStock"] = [unknown()] * 4

    assert (await world.process().run()).status is Status.COMPENSATED
    assert world.participants.methods() == [*["ReserveStock"] * 4, BACKWARD[-1]]
