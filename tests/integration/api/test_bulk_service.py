"""Bulk acts over the API: to all that match when they are prepared, with one count, and what came of each saga."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from orchestrator.journal.four_eyes import FourEyes
from saga.v1 import bulk_pb2, saga_pb2
from saga.v1 import bulk_service_pb2 as pb
from saga.v1.saga_service_pb2 import SagaFilter
from tests.integration.api.situations import AUTHORIZE, get, held_at, in_doubt, packed, reason_of, start
from tests.support.bulk_calls import acted, answers_of, carried_out, counted, followed, prepared, results

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop.order.v1.order_service_pb2 import StartOrderRequest
    from tests.integration.api.conftest import Api

    AnOrder = Callable[..., StartOrderRequest]

BOBS = SagaFilter(attributes={"customer_id": "bob"})
RUNNING = SagaFilter(statuses=[saga_pb2.STATUS_RUNNING])


async def test_what_a_dry_run_has_shown_is_done_to_those_sagas_and_to_no_other(api: Api, an_order: AnOrder) -> None:
    done = (await start(api, an_order(customer_id="bob"), wait=10)).saga_id
    running = await held_at(api, an_order(customer_id="bob"), "PriceOrder")
    await held_at(api, an_order(customer_id="eve"), "PriceOrder")

    act = await prepared(api.bulk, BOBS, bulk_pb2.ACTION_CANCEL)
    assert (act.status, act.total, act.to_do) == (bulk_pb2.BULK_ACT_STATUS_PREPARED, 2, 1)
    assert counted(act) == {"allowed": 1, "excluded": 1}
    assert (await get(api, running)).status == saga_pb2.STATUS_RUNNING
    later = await held_at(api, an_order(customer_id="bob"), "PriceOrder")

    carrying_out = asyncio.ensure_future(carried_out(api.bulk, act.bulk_act_id, "fraud"))
    await api.until(lambda: api.worker.live[running]._run.stop_control.stop)
    api.mocks.held["PriceOrder"].set()
    over = await carrying_out

    assert (over.status, over.total, over.to_do) == (bulk_pb2.BULK_ACT_STATUS_ENDED, 2, 1)
    assert counted(over) == {"excluded": 1, "done": 1}
    assert answers_of(await results(api.bulk, act.bulk_act_id)) == {running: "done", done: "excluded"}
    assert (await get(api, running)).status == saga_pb2.STATUS_COMPENSATED
    assert (await get(api, later)).status != saga_pb2.STATUS_COMPENSATED


async def test_the_journal_of_each_saga_keeps_who_started_a_bulk_act_and_which_one(api: Api, an_order: AnOrder) -> None:
    saga_id = await held_at(api, an_order(), "PriceOrder")
    act = await prepared(api.bulk, RUNNING, bulk_pb2.ACTION_PAUSE)
    carrying_out = asyncio.ensure_future(carried_out(api.bulk, act.bulk_act_id, "the bank is closed"))
    await api.until(lambda: api.worker.live[saga_id]._run.stop_control.stop)
    api.mocks.held["PriceOrder"].set()
    over = await carrying_out

    reason = (await get(api, saga_id)).reason
    assert (reason.requested_by, reason.message) == ("ada", f"the bank is closed (bulk act {act.bulk_act_id})")
    assert (over.started_by, over.reason) == ("ada", "the bank is closed")


async def test_sagas_of_a_bulk_act_do_not_wait_for_one_another(api: Api, an_order: AnOrder) -> None:
    sagas = [await held_at(api, an_order(), "PriceOrder") for _ in range(3)]
    acting = asyncio.ensure_future(acted(api.bulk, RUNNING, bulk_pb2.ACTION_PAUSE))

    await api.until(lambda: all(api.worker.live[saga_id]._run.stop_control.stop for saga_id in sagas))
    api.mocks.held["PriceOrder"].set()

    assert answers_of((await acting).values()) == dict.fromkeys(sagas, "done")


async def test_a_bulk_act_that_is_stopped_begins_nothing_more(api: Api, an_order: AnOrder) -> None:
    await start(api, an_order(customer_id="bob"), wait=10)
    act = await prepared(api.bulk, BOBS, bulk_pb2.ACTION_PAUSE)

    stopped = (await api.bulk.StopBulkAct(pb.StopBulkActRequest(bulk_act_id=act.bulk_act_id))).bulk_act

    assert (stopped.status, stopped.stopped_by) == (bulk_pb2.BULK_ACT_STATUS_STOPPED, "ada")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await carried_out(api.bulk, act.bulk_act_id)
    assert (refused.value.code(), reason_of(refused.value)) == (grpc.StatusCode.FAILED_PRECONDITION, "STOPPED")


async def test_a_bulk_act_is_started_once_however_often_that_is_asked_for(api: Api, an_order: AnOrder) -> None:
    await start(api, an_order(customer_id="bob"), wait=10)
    act = await prepared(api.bulk, BOBS, bulk_pb2.ACTION_PAUSE)
    over = await carried_out(api.bulk, act.bulk_act_id, "the first reason")

    again = await carried_out(api.bulk, act.bulk_act_id, "another reason")

    assert again == over
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.bulk.StopBulkAct(pb.StopBulkActRequest(bulk_act_id=act.bulk_act_id))
    assert reason_of(refused.value) == "ENDED"


async def test_bulk_acts_are_listed_page_by_page_and_the_last_one_comes_first(api: Api, an_order: AnOrder) -> None:
    await start(api, an_order(customer_id="bob"), wait=10)
    ids = sorted([(await prepared(api.bulk, BOBS, bulk_pb2.ACTION_PAUSE)).bulk_act_id for _ in range(3)], reverse=True)

    first = await api.bulk.ListBulkActs(pb.ListBulkActsRequest(page_size=2))
    second = await api.bulk.ListBulkActs(pb.ListBulkActsRequest(page_size=2, page_token=first.next_page_token))

    assert [each.bulk_act_id for each in (*first.bulk_acts, *second.bulk_acts)] == ids
    assert not second.next_page_token
    assert first.bulk_acts[0].filter == BOBS


async def test_results_are_listed_page_by_page_and_by_answer(api: Api, an_order: AnOrder) -> None:
    sagas = [(await start(api, an_order(customer_id="bob"), wait=10)).saga_id for _ in range(3)]
    act = await prepared(api.bulk, BOBS, bulk_pb2.ACTION_PAUSE)

    def page(token: str, *answers: bulk_pb2.BulkAnswer.ValueType) -> pb.ListBulkResultsRequest:
        return pb.ListBulkResultsRequest(bulk_act_id=act.bulk_act_id, page_size=2, page_token=token, answers=answers)

    first = await api.bulk.ListBulkResults(page(""))
    second = await api.bulk.ListBulkResults(page(first.next_page_token))
    assert [each.saga_id for each in (*first.results, *second.results)] == sagas[::-1]
    assert {each.reason for each in first.results} == {"SAGA_ENDED"}
    assert not (await api.bulk.ListBulkResults(page("", bulk_pb2.BULK_ANSWER_DONE))).results


async def test_the_same_decision_is_made_for_a_whole_group(api: Api, an_order: AnOrder) -> None:
    sagas = [await in_doubt(api, an_order(customer_id="bob"), "AuthorizePayment") for _ in range(2)]
    await api.worker.open()
    decision = bulk_pb2.CommandDecision(key=AUTHORIZE, took_effect=False)

    act = await prepared(api.bulk, BOBS, bulk_pb2.ACTION_RESOLVE_OUTCOME, decision)
    over = await carried_out(api.bulk, act.bulk_act_id, "the bank's page")

    assert counted(over) == {"done": 2}
    for saga_id in sagas:
        step = next(step for step in (await get(api, saga_id)).steps if step.key.startswith(AUTHORIZE))
        assert step.state == saga_pb2.STEP_STATE_REJECTED


async def test_a_decision_that_two_people_must_make_is_proposed_for_each_saga(api: Api, an_order: AnOrder) -> None:
    await in_doubt(api, an_order(customer_id="bob"), "AuthorizePayment")
    await api.worker.open()
    api.replica.acts._four_eyes = FourEyes(["resolve"])
    decision = bulk_pb2.CommandDecision(key=AUTHORIZE, took_effect=False)

    act = await prepared(api.bulk, BOBS, bulk_pb2.ACTION_RESOLVE_OUTCOME, decision)
    assert (act.to_do, counted(act)) == (1, {"second_person_needed": 1})
    over = await carried_out(api.bulk, act.bulk_act_id)

    assert counted(over) == {"proposed": 1}
    again = await prepared(api.bulk, BOBS, bulk_pb2.ACTION_RESOLVE_OUTCOME, decision)
    assert counted(again) == {"excluded": 1}, "the same person is no second one"
    (result,) = await results(api.bulk, again.bulk_act_id)
    assert result.reason == "SECOND_PERSON_NEEDED"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [(StringValue(value="?"), "WRONG_REPLY_TYPE"), (None, "REPLY_NEEDED")],
)
async def test_a_reply_that_a_command_cannot_have_is_refused_by_the_dry_run(
    api: Api, an_order: AnOrder, reply: StringValue | None, reason: str
) -> None:
    await in_doubt(api, an_order(customer_id="bob"), "AuthorizePayment")
    await api.worker.open()
    decision = bulk_pb2.CommandDecision(key=AUTHORIZE, took_effect=True, reply=reply and packed(reply))

    act = await prepared(api.bulk, BOBS, bulk_pb2.ACTION_RESOLVE_OUTCOME, decision)

    assert [each.reason for each in await results(api.bulk, act.bulk_act_id)] == [reason]


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("filter", pb.PrepareBulkActRequest(filter=SagaFilter(), action=bulk_pb2.ACTION_CANCEL)),
        ("action", pb.PrepareBulkActRequest(filter=BOBS)),
        ("decision", pb.PrepareBulkActRequest(filter=BOBS, action=bulk_pb2.ACTION_SKIP_COMPENSATION)),
        (
            "decision",
            pb.PrepareBulkActRequest(
                filter=BOBS, action=bulk_pb2.ACTION_CANCEL, decision=bulk_pb2.CommandDecision(key="a")
            ),
        ),
        (
            "decision.reply",
            pb.PrepareBulkActRequest(
                filter=BOBS,
                action=bulk_pb2.ACTION_SKIP_COMPENSATION,
                decision=bulk_pb2.CommandDecision(key="a", reply=packed(StringValue())),
            ),
        ),
    ],
)
async def test_a_bulk_act_that_says_too_little_or_too_much_is_refused_and_nothing_is_kept(
    api: Api, field: str, request_: pb.PrepareBulkActRequest
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.bulk.PrepareBulkAct(request_)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (refused.value.details() or "").startswith(field)
    assert not (await api.bulk.ListBulkActs(pb.ListBulkActsRequest())).bulk_acts


async def test_a_filter_that_nothing_matches_makes_a_bulk_act_of_nothing(api: Api, an_order: AnOrder) -> None:
    await start(api, an_order(), wait=10)

    act = await prepared(api.bulk, BOBS, bulk_pb2.ACTION_CANCEL)

    assert (act.status, act.total) == (bulk_pb2.BULK_ACT_STATUS_PREPARED, 0)
    assert (await carried_out(api.bulk, act.bulk_act_id)).status == bulk_pb2.BULK_ACT_STATUS_ENDED


async def test_a_bulk_act_goes_on_when_nobody_follows_it(api: Api, an_order: AnOrder) -> None:
    sagas = [await held_at(api, an_order(), "PriceOrder") for _ in range(2)]
    act = await prepared(api.bulk, RUNNING, bulk_pb2.ACTION_CANCEL)
    following = asyncio.ensure_future(carried_out(api.bulk, act.bulk_act_id))
    await api.until(lambda: all(api.worker.live[saga_id]._run.stop_control.stop for saga_id in sagas))
    following.cancel()
    api.mocks.held["PriceOrder"].set()

    assert counted(await followed(api.bulk, act.bulk_act_id)) == {"done": 2}


async def test_a_page_token_that_no_page_gave_out_is_refused(api: Api) -> None:
    for token in ("?", "eA==", "MTIzNDU2Nzg5MDEy"):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await api.bulk.ListBulkResults(pb.ListBulkResultsRequest(bulk_act_id="a", page_token=token))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
