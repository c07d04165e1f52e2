"""The journal as the API shows it: every entry, what it says in its own field, what the contract masks masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from orchestrator.api.views.journal_view import journal_view
from orchestrator.api.views.preview_view import preview_view
from orchestrator.api.views.reason_view import reason_view
from orchestrator.api.views.saga_view import saga_view
from orchestrator.contract.command import Effect
from orchestrator.journal import entries as e
from orchestrator.journal.codec import name_of
from orchestrator.journal.fold import fold
from orchestrator.journal.reason import Reason, ReasonCode
from saga.v1 import saga_pb2
from shop.inventory.v1.inventory_pb2 import ReleaseStockRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, AuthorizePaymentResponse
from tests.support.engine_world import AUTHORIZE, RESERVE, SAGA, Answer, rejected, unknown, until
from tests.support.journals import AT, EVERY_ENTRY, FAILURE, REASON

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from tests.support.engine_world import EngineProcess, EngineWorld

STOCK = "InventoryService.ReserveStock#1"
RESERVE_STOCK = "shop.inventory.v1.InventoryService.ReserveStock"


def shown(process: EngineProcess, entries: list[e.Entry]) -> list[saga_pb2.JournalEntry]:
    return journal_view(entries, None, process.sagas.contract)


@pytest.fixture
async def process(world: EngineWorld) -> EngineProcess:
    return world.process()


def test_every_kind_of_entry_is_shown_in_its_place(process: EngineProcess) -> None:
    view = shown(process, list(EVERY_ENTRY))

    assert [(each.sequence, each.kind) for each in view] == [
        (number, name_of(entry)) for number, entry in enumerate(EVERY_ENTRY, start=1)
    ]
    assert [each.at.ToNanoseconds() for each in view] == [entry.at for entry in EVERY_ENTRY]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            e.CompensationBegan(AT, "Shop.Buy#1", "shop.v1.Shop.Return"),
            saga_pb2.JournalEntry(method="shop.v1.Shop.Return"),
        ),
        (e.CompensationCompleted(AT, "Shop.Buy#1", 2, AT), saga_pb2.JournalEntry(attempt=2)),
        (
            e.CompensationSkipped(AT, "Shop.Buy#1", REASON),
            saga_pb2.JournalEntry(reason=reason_view(REASON)),
        ),
        (e.ValueRecorded(AT, "Shop.Buy#1", "1700000000"), saga_pb2.JournalEntry(value="1700000000")),
    ],
    ids=["method", "attempt", "reason", "value"],
)
def test_what_an_entry_says_is_in_its_own_field(
    process: EngineProcess, entry: e.Entry, said: saga_pb2.JournalEntry
) -> None:
    (view,) = shown(process, [entry])

    expected = saga_pb2.JournalEntry(
        sequence=1, at=Timestamp(seconds=AT // 10**9), kind=name_of(entry), key="Shop.Buy#1"
    )
    expected.MergeFrom(said)
    assert view == expected


def test_a_failure_is_shown_as_the_status_that_it_was(process: EngineProcess) -> None:
    (view,) = shown(process, [e.CompensationRejected(AT, "Shop.Buy#1", 1, AT, FAILURE)])

    assert (view.error.code, view.error.message) == (14, FAILURE.message)


@pytest.mark.parametrize("took_effect", [True, False])
def test_what_an_operator_said_of_an_outcome_is_shown_either_way(process: EngineProcess, *, took_effect: bool) -> None:
    intended = e.CommandIntended(AT, STOCK, "shop.inventory.v1.InventoryService.ReserveStock", *reserve())

    view = shown(process, [intended, e.OutcomeResolved(AT, STOCK, took_effect, b"", REASON)])[-1]

    assert view.HasField("took_effect")
    assert view.took_effect is took_effect
    assert not view.HasField("payload")


def test_an_entry_that_knows_nothing_of_an_effect_does_not_speak_of_one(process: EngineProcess) -> None:
    assert not shown(process, [e.SagaCompensated(AT)])[0].HasField("took_effect")


def reserve() -> tuple[Effect, bytes]:
    return Effect.COMPENSABLE, RESERVE.SerializeToString()


async def test_requests_replies_input_and_result_are_shown(world: EngineWorld) -> None:
    held = AuthorizePaymentResponse(payment_id="pay-7")
    world.participants.replies["AuthorizePayment"] = held
    process = world.process()
    await process.run()
    served = process.worker.served.find(world.definitions[0].name, world.definitions[0].version)

    view = journal_view(world.entries(), served, process.sagas.contract)

    definition = world.definitions[0]
    assert unpacked(view[0], definition.input) is not None
    assert unpacked(view[-1], definition.result) is not None
    intended, completed = (each for each in view if each.key == "PaymentService.AuthorizePayment#1")
    assert unpacked(intended, AuthorizePaymentRequest) == AUTHORIZE
    assert unpacked(completed, AuthorizePaymentResponse) == held


def unpacked(entry: saga_pb2.JournalEntry, kind: type[Message]) -> Message | None:
    message = kind()
    return message if entry.payload.Unpack(message) else None


async def test_the_request_of_a_compensation_is_shown(world: EngineWorld) -> None:
    world.participants.scripts["AuthorizePayment"] = [rejected()]
    process = world.process()
    await process.run()

    view = journal_view(world.entries(), None, process.sagas.contract)

    (began,) = (each for each in view if each.kind == "CompensationBegan")
    assert unpacked(began, ReleaseStockRequest) == ReleaseStockRequest(order_id=RESERVE.order_id)


async def test_without_the_definition_and_the_contract_nothing_is_decoded(process: EngineProcess) -> None:
    intended = e.CommandIntended(AT, "Gone.Do#1", "gone.v1.Gone.Do", Effect.PIVOT, b"\x0a\x01a")
    completed = e.CommandCompleted(AT, "Gone.Do#1", 1, AT, b"\x0a\x01a")

    view = shown(process, [e.SagaStarted(AT, "gone", 1, b"\x0a\x01a"), intended, completed, e.SagaCompleted(AT, b"a")])

    assert len(view) == 4
    assert not any(each.HasField("payload") for each in view)


async def held_at_shipping(world: EngineWorld) -> EngineProcess:
    world.participants.scripts |= {"ReserveStock": [unknown()], "ArrangeShipment": [answer := Answer()]}
    process = world.process()
    await process.worker.start(world.order())
    await until(lambda: answer.asked)
    return process


async def test_a_preview_names_each_command_its_compensation_and_the_request(world: EngineWorld) -> None:
    process = await held_at_shipping(world)

    state = await process.worker.get(SAGA)
    view = preview_view(state, process.sagas.preview(state))

    assert (view.possible, view.refusal, list(view.standing)) == (True, "", [])
    assert [
        (each.key, each.method, each.compensation, each.in_doubt, each.obstacle) for each in view.compensations
    ] == [
        (
            "ShippingService.ArrangeShipment#1",
            "shop.shipping.v1.ShippingService.ArrangeShipment",
            "shop.shipping.v1.ShippingService.CancelShipment",
            True,
            "",
        ),
        (
            "PaymentService.AuthorizePayment#1",
            "shop.payment.v1.PaymentService.AuthorizePayment",
            "shop.payment.v1.PaymentService.VoidAuthorization",
            False,
            "",
        ),
        (
            STOCK,
            "shop.inventory.v1.InventoryService.ReserveStock",
            "shop.inventory.v1.InventoryService.ReleaseStock",
            False,
            "",
        ),
    ]
    request = ReleaseStockRequest()
    assert view.compensations[-1].request.Unpack(request)
    assert request == ReleaseStockRequest(order_id=SAGA)


async def test_a_preview_without_a_contract_says_what_is_in_the_way(
    world: EngineWorld, world_of: Callable[..., EngineWorld]
) -> None:
    process = await held_at_shipping(world)
    state = await process.worker.get(SAGA)
    bare = world_of().process()

    view = preview_view(state, bare.sagas.preview(state))

    assert [(each.compensation, each.HasField("request")) for each in view.compensations] == [("", False)] * 3
    assert {each.obstacle for each in view.compensations} == {"no contract at hand says how; serve a saga that uses it"}


async def test_a_preview_past_the_pivot_names_what_would_stand(world: EngineWorld) -> None:
    world.participants.scripts["SendConfirmation"] = [rejected()]
    process = world.process()
    state = await process.run()

    view = preview_view(state, process.sagas.preview(state))

    assert not view.possible
    assert "point of no return" in view.refusal
    assert [(each.key, each.method, each.message) for each in view.standing] == [
        (
            "PaymentService.CapturePayment#1",
            "shop.payment.v1.PaymentService.CapturePayment",
            "pivot: nothing takes it back",
        )
    ]


def test_a_reason_is_shown_with_all_that_it_says(process: EngineProcess) -> None:
    reason = Reason(ReasonCode.RESUMED, "mended", "Shop.Buy#1", "ada")

    (view,) = shown(process, [e.SagaResumed(AT, reason)])

    assert view.reason == saga_pb2.Reason(code="RESUMED", message="mended", step_key="Shop.Buy#1", requested_by="ada")


BROKEN = b"\x0a\x03\xff\xfeA"


def test_what_cannot_be_read_is_shown_by_type_and_size(process: EngineProcess) -> None:
    intended = e.CommandIntended(AT, STOCK, RESERVE_STOCK, Effect.COMPENSABLE, BROKEN)
    completed = e.CommandCompleted(AT, STOCK, 1, AT, BROKEN)

    view = shown(process, [intended, completed])

    assert [each.unreadable for each in view] == [
        "5 bytes that cannot be read as shop.inventory.v1.ReserveStockRequest",
        "5 bytes that cannot be read as shop.inventory.v1.ReserveStockResponse",
    ]
    assert not any(each.HasField("payload") for each in view)


def test_an_input_and_a_result_that_cannot_be_read_hide_nothing_else(world: EngineWorld) -> None:
    process = world.process()
    served = process.worker.served.find(world.definitions[0].name, world.definitions[0].version)
    started = e.SagaStarted(AT, world.definitions[0].name, 1, b"\xff\xff")
    completed = e.SagaCompleted(AT, b"\xff\xff")

    view = journal_view([started, completed], served, process.sagas.contract)
    saga = saga_view(fold(SAGA, [started, completed]), served)

    assert ["2 bytes" in each.unreadable for each in view] == [True, True]
    assert not saga.HasField("input")
    assert not saga.HasField("result")
    assert saga.status == saga_pb2.STATUS_COMPLETED


async def test_a_preview_takes_a_reply_that_cannot_be_read_for_a_lost_one(world: EngineWorld) -> None:
    process = await held_at_shipping(world)
    state = await process.worker.get(SAGA)
    for command in state.commands.values():
        command.reply = BROKEN

    view = preview_view(state, process.sagas.preview(state))

    assert {each.obstacle for each in view.compensations} == {""}


async def test_a_preview_of_a_request_that_cannot_be_read_says_what_is_in_the_way(world: EngineWorld) -> None:
    process = await held_at_shipping(world)
    state = await process.worker.get(SAGA)
    state.commands[STOCK].request = BROKEN

    view = preview_view(state, process.sagas.preview(state))

    assert [each.obstacle for each in view.compensations][-1] == (
        "its request, 5 bytes, cannot be read as shop.inventory.v1.ReserveStockRequest"
    )


@pytest.mark.parametrize(("first", "most", "shows"), [(1, 2, [1, 2]), (2, 1, [2]), (4, 9, []), (3, 9, [3])])
def test_a_page_of_the_journal_keeps_the_sequences(
    process: EngineProcess, first: int, most: int, shows: list[int]
) -> None:
    intended = e.CommandIntended(AT, STOCK, RESERVE_STOCK, Effect.COMPENSABLE, b"")
    entries: list[e.Entry] = [intended, e.CommandCompleted(AT, STOCK, 1, AT, b""), e.SagaRecovered(AT, "other")]

    view = journal_view(entries, None, process.sagas.contract, first, most)

    assert [each.sequence for each in view] == shows
