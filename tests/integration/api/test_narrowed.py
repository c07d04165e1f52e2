"""A subject who is narrowed to some sagas: the others are not there, whichever rpc is asked."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import StringValue

from orchestrator.access.fingerprints import fingerprint
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.channels.grpc.bearer import with_token
from orchestrator.ports.dead_commands import FoundDeadCommands
from orchestrator.store.memory.journal import MemoryJournal
from saga.v1 import bulk_service_pb2 as bulk_pb
from saga.v1 import figures_service_pb2 as figures_pb
from saga.v1 import saga_service_pb2 as pb
from saga.v1 import schedule_service_pb2 as schedules_pb
from saga.v1.access_service_pb2 import WhoAmIRequest
from saga.v1.access_service_pb2_grpc import AccessServiceStub
from saga.v1.bulk_pb2 import ACTION_PAUSE
from saga.v1.bulk_service_pb2_grpc import BulkActServiceStub
from saga.v1.figures_service_pb2_grpc import FiguresServiceStub
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from saga.v1.schedule_pb2 import Schedule
from saga.v1.schedule_service_pb2_grpc import ScheduleServiceStub
from shop.order.v1 import order_service_pb2 as orders_pb
from shop.order.v1.order_service_pb2_grpc import OrderServiceStub
from tests.integration.api.conftest import Mocks, an_order, serving
from tests.integration.api.situations import WHY, packed, paused_at, start
from tests.support.bulk_calls import prepared, results
from tests.support.dead_commands import INVENTORY, dead_command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from tests.integration.api.conftest import Api

ROLES = "roles: [operator, starter, approver]"
SUBJECTS = f"""
shop_of_ada: {{sha256: {fingerprint("saga_shop_of_ada")}, {ROLES}, attributes: {{customer_id: ada}}}}
trips: {{sha256: {fingerprint("saga_trips")}, {ROLES}, definitions: [book_trip]}}
orders: {{sha256: {fingerprint("saga_orders")}, {ROLES}, definitions: [place_order, book_trip]}}
"""


class Caller(NamedTuple):
    """The API as one subject has it."""

    sagas: SagaServiceStub
    orders: OrderServiceStub
    access: AccessServiceStub
    schedules: ScheduleServiceStub
    bulk: BulkActServiceStub
    figures: FiguresServiceStub


class Shop(NamedTuple):
    """An API with an order of ada, and one of bob."""

    api: Api
    adas: str
    bobs: str
    as_subject: Callable[[str], Caller]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with AsyncExitStack() as stack:
        opening = serving(MemoryJournal(SystemClock().now), Mocks(), "test", subjects=SUBJECTS)
        api = await stack.enter_async_context(opening)
        channels = {
            name: await stack.enter_async_context(
                grpc.aio.insecure_channel(api.address, interceptors=with_token(f"saga_{name}"))
            )
            for name in ("shop_of_ada", "trips", "orders")
        }

        def as_subject(name: str) -> Caller:
            channel = channels[name]
            stubs = SagaServiceStub(channel), OrderServiceStub(channel), AccessServiceStub(channel)
            return Caller(
                *stubs, ScheduleServiceStub(channel), BulkActServiceStub(channel), FiguresServiceStub(channel)
            )

        adas, bobs = [(await start(api, an_order(customer_id=name), wait=10)).saga_id for name in ("ada", "bob")]
        yield Shop(api, adas, bobs, as_subject)


async def listed(caller: Caller, **where: str) -> set[str]:
    request = pb.ListSagasRequest(filter=pb.SagaFilter(**where))  # type: ignore[arg-type]  # any field
    return {saga.saga_id for saga in (await caller.sagas.ListSagas(request)).sagas}


SAYING: dict[str, str] = {"key": "a", "evidence": "e"}
CALLS_ON_ONE_SAGA: list[tuple[str, Callable[..., object], Mapping[str, Any]]] = [
    ("GetSaga", pb.GetSagaRequest, {}),
    ("PreviewRollback", pb.PreviewRollbackRequest, {}),
    ("CancelSaga", pb.CancelSagaRequest, WHY),
    ("PauseSaga", pb.PauseSagaRequest, WHY),
    ("ResumeSaga", pb.ResumeSagaRequest, WHY),
    ("RetryNow", pb.RetryNowRequest, WHY),
    ("SignalSaga", pb.SignalSagaRequest, {"name": "paid", "message": packed(StringValue(value="yes"))}),
    ("DecideSaga", pb.DecideSagaRequest, {"approved": True}),
    ("ResolveOutcome", pb.ResolveOutcomeRequest, SAYING),
    ("ResolveCompensation", pb.ResolveCompensationRequest, SAYING),
    ("SkipCompensation", pb.SkipCompensationRequest, SAYING),
]


def test_every_rpc_that_names_one_saga_is_asked() -> None:
    service = pb.DESCRIPTOR.services_by_name["SagaService"]
    names = {method.name for method in service.methods if "saga_id" in method.input_type.fields_by_name}
    assert names == {name for name, *_ in CALLS_ON_ONE_SAGA} | {"WatchSaga"}


@pytest.mark.parametrize(("rpc", "request_of", "said"), CALLS_ON_ONE_SAGA, ids=[name for name, *_ in CALLS_ON_ONE_SAGA])
async def test_a_saga_out_of_reach_is_not_found(
    shop: Shop, rpc: str, request_of: Callable[..., object], said: Mapping[str, Any]
) -> None:
    request = request_of(saga_id=shop.bobs, **said)
    before = len(await shop.api.journal.read(shop.bobs))

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await getattr(shop.as_subject("shop_of_ada").sagas, rpc)(request)

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert refused.value.details() == f"there is no saga {shop.bobs!r}"
    assert len(await shop.api.journal.read(shop.bobs)) == before


async def test_a_saga_out_of_reach_cannot_be_watched_nor_asked_for_as_an_order(shop: Shop) -> None:
    ada = shop.as_subject("shop_of_ada")
    with pytest.raises(grpc.aio.AioRpcError, match="there is no saga"):
        await ada.sagas.WatchSaga(pb.WatchSagaRequest(saga_id=shop.bobs)).read()
    for call in (
        ada.orders.GetOrder(orders_pb.GetOrderRequest(order_id=shop.bobs)),
        ada.orders.CancelOrder(orders_pb.CancelOrderRequest(order_id=shop.bobs, reason="mine")),
        ada.orders.GetOrderDetails(orders_pb.GetOrderDetailsRequest(order_id=shop.bobs)),
    ):
        with pytest.raises(grpc.aio.AioRpcError, match="there is no saga"):
            await call

    assert (await ada.sagas.GetSaga(pb.GetSagaRequest(saga_id=shop.adas))).saga.saga_id == shop.adas
    assert (await ada.orders.GetOrder(orders_pb.GetOrderRequest(order_id=shop.adas))).order.order_id == shop.adas


async def test_only_sagas_within_reach_are_listed(shop: Shop) -> None:
    ada, trips, orders = map(shop.as_subject, ("shop_of_ada", "trips", "orders"))

    assert await listed(ada) == {shop.adas}
    assert await listed(ada, definition="place_order") == {shop.adas}
    assert await listed(trips) == set()
    assert await listed(trips, definition="place_order") == set()
    assert await listed(orders) == {shop.adas, shop.bobs}
    theirs = await ada.orders.ListOrders(orders_pb.ListOrdersRequest(customer_id="bob"))
    assert not theirs.orders


async def test_only_sagas_within_reach_are_counted(shop: Shop) -> None:
    told = {
        name: await shop.as_subject(name).sagas.GetStatistics(pb.GetStatisticsRequest())
        for name in ("shop_of_ada", "trips", "orders")
    }

    assert {name: [count.count for count in each.counts] for name, each in told.items()} == {
        "shop_of_ada": [],
        "trips": [],
        "orders": [2],
    }
    assert {name: [load.definition for load in each.loads] for name, each in told.items()} == {
        "shop_of_ada": [],
        "trips": [],
        "orders": ["place_order"],
    }


async def test_figures_and_groups_are_of_sagas_within_reach_alone(shop: Shop) -> None:
    await paused_at(shop.api, an_order(customer_id="ada"), "ReserveStock")
    since = Timestamp()
    since.GetCurrentTime()
    day = figures_pb.GetFiguresRequest(since=since, step=figures_pb.FIGURE_STEP_DAY)
    told: dict[str, list[int]] = {}
    for name in ("shop_of_ada", "trips", "orders"):
        figures = shop.as_subject(name).figures
        totals = (await figures.GetFigures(day)).totals
        groups = (await figures.ListSuspendedGroups(figures_pb.ListSuspendedGroupsRequest())).groups
        told[name] = [*(total.started for total in totals), *(group.count for group in groups)]

    assert told == {"shop_of_ada": [], "trips": [], "orders": [3, 1]}


async def test_what_was_given_up_is_told_to_those_alone_who_see_every_saga(shop: Shop) -> None:
    shop.api.dead_commands.found = FoundDeadCommands({INVENTORY: 1}, [dead_command(shop.adas)], ["one is away"])
    request = figures_pb.ListDeadCommandsRequest()

    told = {"everybody": await shop.api.figures.ListDeadCommands(request)}
    for name in ("shop_of_ada", "trips", "orders"):
        told[name] = await shop.as_subject(name).figures.ListDeadCommands(request)

    assert [each.saga_id for each in told.pop("everybody").newest] == [shop.adas]
    assert set(map(str, told.values())) == {""}


async def test_what_was_given_up_is_forgotten_by_those_alone_who_see_every_saga(shop: Shop) -> None:
    letter = dead_command(shop.adas)
    shop.api.dead_commands.found = FoundDeadCommands({INVENTORY: 1}, [letter])
    one = figures_pb.ForgetDeadCommandsRequest(service=INVENTORY, id=letter.id, reason="dealt with")
    every = figures_pb.ForgetDeadCommandsRequest(service=INVENTORY, reason="dealt with")
    every.until.FromNanoseconds(letter.at)

    for name in ("shop_of_ada", "trips", "orders"):
        for request in (one, every):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await shop.as_subject(name).figures.ForgetDeadCommands(request)
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED

    assert shop.api.dead_commands.found.newest == [letter]
    assert (await shop.api.figures.ForgetDeadCommands(one)).number == 1


async def test_only_sagas_within_reach_are_acted_on_together(shop: Shop) -> None:
    bulk = shop.as_subject("shop_of_ada").bulk

    act = await prepared(bulk, pb.SagaFilter(definition="place_order"), ACTION_PAUSE)

    assert [each.saga_id for each in await results(bulk, act.bulk_act_id)] == [shop.adas]


async def test_a_bulk_act_is_there_for_those_who_see_at_least_as_much_as_who_prepared_it(shop: Shop) -> None:
    everybody = (await prepared(shop.api.bulk, pb.SagaFilter(definition="place_order"), ACTION_PAUSE)).bulk_act_id
    adas = (
        await prepared(shop.as_subject("shop_of_ada").bulk, pb.SagaFilter(definition="place_order"), ACTION_PAUSE)
    ).bulk_act_id

    seen = {}
    for name, bulk in {
        "ada, an admin": shop.api.bulk,
        **{name: shop.as_subject(name).bulk for name in ("shop_of_ada", "trips", "orders")},
    }.items():
        listed = (await bulk.ListBulkActs(bulk_pb.ListBulkActsRequest())).bulk_acts
        seen[name] = {each.bulk_act_id for each in listed}

    assert seen == {"ada, an admin": {everybody, adas}, "shop_of_ada": {adas}, "trips": set(), "orders": set()}


@pytest.mark.parametrize(
    ("rpc", "request_of", "said"),
    [
        ("GetBulkAct", bulk_pb.GetBulkActRequest, {}),
        ("StartBulkAct", bulk_pb.StartBulkActRequest, WHY),
        ("StopBulkAct", bulk_pb.StopBulkActRequest, {}),
        ("ListBulkResults", bulk_pb.ListBulkResultsRequest, {}),
    ],
)
async def test_a_bulk_act_out_of_reach_is_not_found(
    shop: Shop, rpc: str, request_of: Callable[..., object], said: Mapping[str, Any]
) -> None:
    act = await prepared(shop.api.bulk, pb.SagaFilter(definition="place_order"), ACTION_PAUSE)
    bulk = shop.as_subject("shop_of_ada").bulk

    for bulk_act_id in (act.bulk_act_id, "20260101-120000-aaaaaa"):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await getattr(bulk, rpc)(request_of(bulk_act_id=bulk_act_id, **said))
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await results(bulk, act.bulk_act_id)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await bulk.WatchBulkAct(bulk_pb.WatchBulkActRequest(bulk_act_id=act.bulk_act_id)).read()
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_only_sagas_within_reach_are_told_of(shop: Shop) -> None:
    feed = shop.as_subject("shop_of_ada").sagas.WatchSagas(pb.WatchSagasRequest())
    reading = asyncio.ensure_future(feed.read())
    await shop.api.until(lambda: shop.api.feed.readers)
    await start(shop.api, an_order(customer_id="bob"), wait=10)
    started = await start(shop.api, an_order(customer_id="ada"))

    told = await reading
    assert isinstance(told, pb.WatchSagasResponse)
    assert told.saga.saga_id == started.saga_id
    feed.cancel()


@pytest.mark.parametrize(
    ("name", "customer", "why"),
    [("shop_of_ada", "bob", "you may start only sagas of customer_id=ada"), ("trips", "ada", "sagas of book_trip")],
)
async def test_a_saga_out_of_reach_cannot_be_started(shop: Shop, name: str, customer: str, why: str) -> None:
    caller = shop.as_subject(name)

    with pytest.raises(grpc.aio.AioRpcError, match=why) as refused:
        await caller.orders.StartOrder(an_order(customer_id=customer))

    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert shop.api.admission.statistics().in_flight == 0
    assert (
        await shop.as_subject("shop_of_ada").orders.StartOrder(an_order(customer_id="ada"))
    ).order.customer_id == "ada"


async def test_a_subject_is_told_to_what_it_is_narrowed(shop: Shop) -> None:
    told = await shop.as_subject("shop_of_ada").access.WhoAmI(WhoAmIRequest())

    assert (told.subject, told.authority) == ("shop_of_ada", "token file")
    assert dict(told.attributes) == {"customer_id": "ada"}
    assert told.peer.startswith("ipv4:127.0.0.1:")


def daily(customer: str) -> schedules_pb.CreateScheduleRequest:
    """An order of this customer every morning."""
    order = packed(an_order(customer_id=customer))
    return schedules_pb.CreateScheduleRequest(
        schedule=Schedule(name=f"daily-{customer}", cron="0 9 * * *", definition="place_order", input=order)
    )


CALLS_ON_ONE_SCHEDULE: list[tuple[str, Callable[..., object], Mapping[str, Any]]] = [
    ("GetSchedule", schedules_pb.GetScheduleRequest, {}),
    ("PauseSchedule", schedules_pb.PauseScheduleRequest, WHY),
    ("ResumeSchedule", schedules_pb.ResumeScheduleRequest, {}),
    ("DeleteSchedule", schedules_pb.DeleteScheduleRequest, {}),
    ("RunSchedule", schedules_pb.RunScheduleRequest, {}),
]


def test_every_rpc_that_names_one_schedule_is_asked() -> None:
    service = schedules_pb.DESCRIPTOR.services_by_name["ScheduleService"]
    names = {method.name for method in service.methods if "name" in method.input_type.fields_by_name}
    assert names == {name for name, *_ in CALLS_ON_ONE_SCHEDULE}


@pytest.mark.parametrize("caller", ["shop_of_ada", "trips"])
async def test_a_schedule_whose_sagas_are_out_of_reach_is_not_there(shop: Shop, caller: str) -> None:
    before = (await shop.api.schedules.CreateSchedule(daily("bob"))).schedule
    narrowed = shop.as_subject(caller).schedules

    for rpc, request_of, said in CALLS_ON_ONE_SCHEDULE:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await getattr(narrowed, rpc)(request_of(name="daily-bob", **said))
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND, rpc
        assert refused.value.details() == "there is no schedule 'daily-bob'"
    listed = await narrowed.ListSchedules(schedules_pb.ListSchedulesRequest())
    after = (await shop.api.schedules.GetSchedule(schedules_pb.GetScheduleRequest(name="daily-bob"))).schedule

    assert not listed.schedules
    assert after == before


async def test_schedules_within_reach_are_listed_by_full_pages(shop: Shop) -> None:
    for customer in ("ada", "bob"):
        await shop.api.schedules.CreateSchedule(daily(customer))
    ada, orders = shop.as_subject("shop_of_ada").schedules, shop.as_subject("orders").schedules
    first = await orders.ListSchedules(schedules_pb.ListSchedulesRequest(page_size=1))
    rest = await orders.ListSchedules(schedules_pb.ListSchedulesRequest(page_token=first.next_page_token))
    adas = await ada.ListSchedules(schedules_pb.ListSchedulesRequest(page_size=1))

    assert [each.name for each in (*first.schedules, *rest.schedules)] == ["daily-ada", "daily-bob"]
    assert ([each.name for each in adas.schedules], adas.next_page_token) == (["daily-ada"], "")


async def test_only_sagas_within_reach_are_scheduled(shop: Shop) -> None:
    ada = shop.as_subject("shop_of_ada").schedules
    with pytest.raises(grpc.aio.AioRpcError, match="you may schedule only sagas of customer_id=ada") as refused:
        await ada.CreateSchedule(daily("bob"))

    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    created = (await ada.CreateSchedule(daily("ada"))).schedule
    assert (created.name, created.created_by) == ("daily-ada", "shop_of_ada")
