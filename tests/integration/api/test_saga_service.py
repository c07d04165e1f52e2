"""The operators' API, through a real channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as pb
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, AuthorizePaymentResponse
from shop.warehouse.v1.warehouse_pb2 import FulfilOrderResponse
from tests.integration.api.situations import (
    AUTHORIZE,
    WHY,
    ended,
    get,
    held_at,
    in_doubt,
    packed,
    paused_at,
    reason_of,
    start,
)
from tests.support.asynchronous import status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.journal.state import SagaState
    from tests.integration.api.conftest import Api

    AnOrder = Callable[..., StartOrderRequest]


class AboutOneSaga(Protocol):
    """A request that names a saga."""

    saga_id: str


async def test_a_saga_is_started_with_a_typed_input_and_ends_with_a_typed_result(api: Api, an_order: AnOrder) -> None:
    saga = await start(api, an_order(), wait=10)

    assert saga.status == saga_pb2.STATUS_COMPLETED
    assert saga.result.TypeName() == "shop.order.v1.Receipt"
    assert saga.attributes == {"customer_id": "ada"}


async def test_sensitive_fields_are_masked_in_input_and_journal(api: Api, an_order: AnOrder) -> None:
    saga_id = (await start(api, an_order(card_token="tok_secret"), wait=10)).saga_id

    saga = await get(api, saga_id, journal=True)

    order = StartOrderRequest()
    assert saga.input.Unpack(order)
    assert (order.card_token, order.email, order.customer_id) == ("[redacted]", "[redacted]", "ada")
    authorized = next(e for e in saga.journal if e.kind == "CommandIntended" and e.key == AUTHORIZE)
    request = AuthorizePaymentRequest()
    assert authorized.payload.Unpack(request)
    assert (request.card_token, request.customer_id) == ("[redacted]", "ada")
    assert b"tok_secret" not in saga.SerializeToString()


async def test_the_journal_tells_everything_in_order(api: Api, an_order: AnOrder) -> None:
    saga_id = (await start(api, an_order(), wait=10)).saga_id

    journal = (await get(api, saga_id, journal=True)).journal

    assert [entry.sequence for entry in journal] == list(range(1, len(journal) + 1))
    assert (journal[0].kind, journal[1].kind, journal[-1].kind) == ("SagaStarted", "CommandIntended", "SagaCompleted")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.StartSagaRequest(definition="nothing", input=packed(StartOrderRequest())), "definition"),
        (pb.StartSagaRequest(definition="place_order", input=packed(Duration())), "input"),
        (pb.StartSagaRequest(definition="place_order", input=packed(StartOrderRequest())), "customer_id"),
        (pb.StartSagaRequest(definition="place_order"), "input"),
    ],
)
async def test_a_start_that_cannot_be_is_refused_with_the_field(
    api: Api, request_: pb.StartSagaRequest, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.sagas.StartSaga(request_)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    bad = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad) for detail in status_of(refused.value).details)
    assert field in {violation.field for violation in bad.field_violations}


async def test_a_repeated_start_by_name_finds_the_saga_of_the_first(api: Api, an_order: AnOrder) -> None:
    request = pb.StartSagaRequest(
        definition="place_order", input=packed(an_order()), request_id="0198c0de-0000-7000-8000-00000000beef"
    )

    first, second = await api.sagas.StartSaga(request), await api.sagas.StartSaga(request)

    assert first.saga.saga_id == second.saga.saga_id


@pytest.mark.parametrize(
    ("rpc", "request_", "act"),
    [
        ("CancelSaga", pb.CancelSagaRequest(**WHY), Act.CANCEL),
        ("PauseSaga", pb.PauseSagaRequest(**WHY), Act.PAUSE),
        ("ResumeSaga", pb.ResumeSagaRequest(**WHY), Act.RESUME),
        ("RetryNow", pb.RetryNowRequest(**WHY), Act.RETRY_NOW),
    ],
)
async def test_an_act_is_asked_for_with_its_reason_and_with_who_asks(
    api: Api, an_order: AnOrder, monkeypatch: pytest.MonkeyPatch, rpc: str, request_: AboutOneSaga, act: Act
) -> None:
    request_.saga_id = saga_id = (await start(api, an_order(), wait=10)).saga_id
    asked: list[tuple[object, ...]] = []
    waits: list[float] = []

    async def note(*said: object, patience: float) -> SagaState:
        asked.append(said)
        waits.append(patience)
        return await api.replica.get(saga_id)

    monkeypatch.setattr(api.replica, "act", note)
    await getattr(api.sagas, rpc)(request_)
    await getattr(api.sagas, rpc)(request_, timeout=3)

    assert [said[:3] for said in asked] == [(act, saga_id, "because")] * 2
    for *_, who in asked:
        assert isinstance(who, Actor)
        assert who[:2] == ("ada", "token file")
        assert who.peer.startswith("ipv4:127.0.0.1:")
    assert waits[0] == 5.0
    assert 0.0 < waits[1] < 3.0, "there is time left to answer"


async def test_a_preview_lists_what_a_rollback_would_do_and_does_nothing(api: Api, an_order: AnOrder) -> None:
    saga_id = await held_at(api, an_order(), "ArrangeShipment")

    answer = await api.sagas.PreviewRollback(pb.PreviewRollbackRequest(saga_id=saga_id))

    assert answer.possible
    assert [(each.key.partition("#")[0], each.in_doubt) for each in answer.compensations] == [
        ("ShippingService.ArrangeShipment", True),
        ("PaymentService.AuthorizePayment", False),
        ("InventoryService.ReserveStock", False),
        ("ProductService.CreateOrder", False),
    ]
    assert answer.compensations[0].compensation == "shop.shipping.v1.ShippingService.CancelShipment"
    assert saga_id.encode() in answer.compensations[0].request.value
    assert (await get(api, saga_id)).status == saga_pb2.STATUS_RUNNING


async def test_a_preview_after_the_pivot_says_why_not_and_what_would_stand(api: Api, an_order: AnOrder) -> None:
    saga_id = await held_at(api, an_order(), "SendConfirmation")

    answer = await api.sagas.PreviewRollback(pb.PreviewRollbackRequest(saga_id=saga_id))

    assert not answer.possible
    assert "point of no return" in answer.refusal
    assert "PaymentService.CapturePayment#1" in {effect.key for effect in answer.standing}


async def test_a_paused_saga_sends_nothing_and_goes_on_where_it_stopped_when_resumed(
    api: Api, an_order: AnOrder
) -> None:
    saga_id = await paused_at(api, an_order(), "PriceOrder")
    saga = await get(api, saga_id)
    assert (saga.reason.code, saga.reason.requested_by) == ("PAUSED", "ada")
    assert "AuthorizePayment" not in api.mocks.called

    await api.sagas.ResumeSaga(pb.ResumeSagaRequest(saga_id=saga_id, **WHY))
    saga = await ended(api, saga_id)

    assert saga.status == saga_pb2.STATUS_COMPLETED
    assert api.mocks.called.count("ReserveStock") == 1, "what is journalled is not sent again"
    acts = {entry.kind: entry.reason.requested_by for entry in (await get(api, saga_id, journal=True)).journal}
    assert (acts["SagaSuspended"], acts["SagaResumed"]) == ("ada", "ada")


async def test_a_rollback_can_be_paused_and_resumed(api: Api, an_order: AnOrder) -> None:
    api.mocks.refused["ArrangeShipment"] = 1
    saga_id = await paused_at(api, an_order(), "ReleaseStock")
    assert (await get(api, saga_id)).status == saga_pb2.STATUS_SUSPENDED

    await api.sagas.ResumeSaga(pb.ResumeSagaRequest(saga_id=saga_id, **WHY))

    assert (await ended(api, saga_id)).status == saga_pb2.STATUS_COMPENSATED
    assert api.mocks.core.ledger.balance() == {}


async def test_what_was_refused_after_the_pivot_is_sent_again_when_resumed(api: Api, an_order: AnOrder) -> None:
    api.mocks.refused["FulfilOrder"] = 1
    saga = await start(api, an_order(), wait=10)
    assert (saga.status, saga.reason.code) == (saga_pb2.STATUS_SUSPENDED, "REJECTED_AFTER_PIVOT")

    await api.sagas.ResumeSaga(pb.ResumeSagaRequest(saga_id=saga.saga_id, **WHY))

    assert (await ended(api, saga.saga_id)).status == saga_pb2.STATUS_COMPLETED
    assert api.mocks.called.count("FulfilOrder") == 2
    assert api.mocks.called.count("CapturePayment") == 1


async def test_what_is_always_refused_after_the_pivot_can_be_done_by_hand(api: Api, an_order: AnOrder) -> None:
    api.mocks.refused["FulfilOrder"] = 1_000_000
    saga = await start(api, an_order(), wait=10)
    key = saga.reason.step_key

    await api.sagas.ResolveOutcome(
        pb.ResolveOutcomeRequest(
            saga_id=saga.saga_id,
            key=key,
            took_effect=True,
            reply=packed(FulfilOrderResponse(pick_list_id="by hand")),
            evidence="picked without a list",
        )
    )
    await api.sagas.ResumeSaga(pb.ResumeSagaRequest(saga_id=saga.saga_id, **WHY))

    assert (await ended(api, saga.saga_id)).status == saga_pb2.STATUS_COMPLETED
    assert api.mocks.called.count("FulfilOrder") == 1


async def test_a_skipped_compensation_ends_the_saga_partially_compensated(api: Api, an_order: AnOrder) -> None:
    api.mocks.refused.update({"ArrangeShipment": 1, "ReleaseStock": 1})
    saga = await start(api, an_order(), wait=10)
    assert (saga.status, saga.reason.code) == (saga_pb2.STATUS_SUSPENDED, "COMPENSATION_REJECTED")
    key = saga.reason.step_key

    await api.sagas.SkipCompensation(pb.SkipCompensationRequest(saga_id=saga.saga_id, key=key, evidence="sold by hand"))
    await api.sagas.ResumeSaga(pb.ResumeSagaRequest(saga_id=saga.saga_id, **WHY))
    saga = await ended(api, saga.saga_id)

    assert saga.status == saga_pb2.STATUS_PARTIALLY_COMPENSATED
    assert {step.key for step in saga.steps if step.state == saga_pb2.STEP_STATE_STANDS} == {key}
    assert api.mocks.core.ledger.balance() == {"shop.inventory.v1.InventoryService.ReserveStock": 1}


async def test_an_effect_that_was_taken_back_by_hand_is_resolved(api: Api, an_order: AnOrder) -> None:
    api.mocks.refused.update({"ArrangeShipment": 1, "ReleaseStock": 1})
    saga = await start(api, an_order(), wait=10)
    key = "InventoryService.ReserveStock#1"

    await api.sagas.ResolveCompensation(
        pb.ResolveCompensationRequest(saga_id=saga.saga_id, key=key, evidence="put back by hand")
    )
    await api.sagas.ResumeSaga(pb.ResumeSagaRequest(saga_id=saga.saga_id, **WHY))

    assert (await ended(api, saga.saga_id)).status == saga_pb2.STATUS_COMPENSATED
    told = (await get(api, saga.saga_id, journal=True)).journal
    (resolved,) = (entry.reason for entry in told if entry.kind == "CompensationResolved")
    assert (resolved.message, resolved.requested_by) == ("put back by hand", "ada")


async def test_a_compensation_that_was_refused_is_tried_again_when_resumed(api: Api, an_order: AnOrder) -> None:
    api.mocks.refused.update({"ArrangeShipment": 1, "ReleaseStock": 1})
    saga = await start(api, an_order(), wait=10)

    await api.sagas.ResumeSaga(pb.ResumeSagaRequest(saga_id=saga.saga_id, **WHY))

    assert (await ended(api, saga.saga_id)).status == saga_pb2.STATUS_COMPENSATED
    assert api.mocks.core.ledger.balance() == {}


async def test_an_outcome_in_doubt_is_resolved_by_an_operator_and_the_saga_goes_on(api: Api, an_order: AnOrder) -> None:
    saga_id = await in_doubt(api, an_order(), "AuthorizePayment")
    reply = packed(AuthorizePaymentResponse(payment_id="by-hand"))

    await api.sagas.ResolveOutcome(
        pb.ResolveOutcomeRequest(saga_id=saga_id, key=AUTHORIZE, took_effect=True, reply=reply, evidence="seen")
    )
    await api.sagas.ResumeSaga(pb.ResumeSagaRequest(saga_id=saga_id, **WHY))

    assert (await ended(api, saga_id)).status == saga_pb2.STATUS_COMPLETED
    assert api.mocks.called.count("AuthorizePayment") == 1


async def test_a_reply_that_breaks_the_commands_contract_is_refused(api: Api, an_order: AnOrder) -> None:
    saga_id = await in_doubt(api, an_order(), "AuthorizePayment")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.sagas.ResolveOutcome(
            pb.ResolveOutcomeRequest(
                saga_id=saga_id,
                key=AUTHORIZE,
                took_effect=True,
                reply=packed(AuthorizePaymentResponse()),
                evidence="seen",
            )
        )

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (refused.value.details() or "").startswith("reply: ")
    assert "payment_id" in (refused.value.details() or "")


async def test_an_outcome_that_did_not_happen_rolls_the_saga_back(api: Api, an_order: AnOrder) -> None:
    saga_id = await in_doubt(api, an_order(), "AuthorizePayment")

    await api.sagas.ResolveOutcome(pb.ResolveOutcomeRequest(saga_id=saga_id, key=AUTHORIZE, evidence="no such hold"))
    await api.sagas.ResumeSaga(pb.ResumeSagaRequest(saga_id=saga_id, **WHY))

    saga = await ended(api, saga_id)
    assert (saga.status, saga.reason.step_key) == (saga_pb2.STATUS_COMPENSATED, AUTHORIZE)
    assert "VoidAuthorization" not in api.mocks.called


@pytest.mark.parametrize(
    ("rpc", "request_", "reason"),
    [
        ("ResumeSaga", pb.ResumeSagaRequest(**WHY), "NOT_SUSPENDED"),
        ("RetryNow", pb.RetryNowRequest(**WHY), "SAGA_ENDED"),
        ("PauseSaga", pb.PauseSagaRequest(**WHY), "SAGA_ENDED"),
        ("CancelSaga", pb.CancelSagaRequest(**WHY), "SAGA_ENDED"),
        ("ResolveOutcome", pb.ResolveOutcomeRequest(key=AUTHORIZE, evidence="e"), "NOT_SUSPENDED"),
        (
            "SkipCompensation",
            pb.SkipCompensationRequest(key=AUTHORIZE, evidence="e"),
            "NOT_SUSPENDED",
        ),
    ],
)
async def test_what_cannot_be_done_is_refused_with_a_reason(
    api: Api, an_order: AnOrder, rpc: str, request_: AboutOneSaga, reason: str
) -> None:
    request_.saga_id = (await start(api, an_order(), wait=10)).saga_id

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await getattr(api.sagas, rpc)(request_)

    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason_of(refused.value) == reason


@pytest.mark.parametrize(
    ("key", "evidence", "reason"),
    [("Nothing#1", "e", "NO_SUCH_COMMAND"), ("InventoryService.ReserveStock#1", "e", "OUTCOME_KNOWN")],
)
async def test_only_a_command_in_doubt_is_resolved(
    api: Api, an_order: AnOrder, key: str, evidence: str, reason: str
) -> None:
    saga_id = await paused_at(api, an_order(), "PriceOrder")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.sagas.ResolveOutcome(pb.ResolveOutcomeRequest(saga_id=saga_id, key=key, evidence=evidence))

    assert reason_of(refused.value) == reason


async def test_statistics_count_sagas_and_show_the_participants(api: Api, an_order: AnOrder) -> None:
    await start(api, an_order(), wait=10)
    await held_at(api, an_order(), "PriceOrder")

    answer = await api.sagas.GetStatistics(pb.GetStatisticsRequest())

    counts = {saga_pb2.Status.Name(count.status): count.count for count in answer.counts}
    assert counts == {"STATUS_RUNNING": 1, "STATUS_COMPLETED": 1}
    pricing = next(each for each in answer.participants if each.service.endswith("PricingService"))
    assert (pricing.in_flight, pricing.is_down, answer.live_sagas) == (1, False, 1)


async def test_a_feed_tells_of_every_saga_that_the_filter_matches(api: Api, an_order: AnOrder) -> None:
    feed = api.sagas.WatchSagas(pb.WatchSagasRequest(filter=pb.SagaFilter(attributes={"customer_id": "bob"})))
    await api.until(lambda: api.worker._watchers._feeds)
    await start(api, an_order(customer_id="eve"), wait=10)
    bob = await start(api, an_order(customer_id="bob"), wait=10)

    async for answer in feed:
        assert answer.saga.saga_id == bob.saga_id
        assert not answer.saga.steps
        if answer.saga.status == saga_pb2.STATUS_COMPLETED:
            break
    feed.cancel()
