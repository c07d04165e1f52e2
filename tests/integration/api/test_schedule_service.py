"""``saga.v1.ScheduleService`` over a real server: what it answers, and what it refuses by which status and field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from orchestrator.contract.redaction import MASK
from saga.v1 import saga_pb2
from saga.v1 import schedule_service_pb2 as pb
from saga.v1.schedule_pb2 import (
    MISSED_POLICY_RUN_ALL,
    MISSED_POLICY_RUN_LAST,
    OVERLAP_POLICY_BUFFER_ONE,
    OVERLAP_POLICY_SKIP,
    START_OUTCOME_STARTED,
    Schedule,
)
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.type.v1.type_pb2 import Line
from tests.integration.api.situations import ended, get, packed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.integration.api.conftest import Answer, Api

    Command = Callable[..., Awaitable[Answer]]

ONE, OTHER = "6f1a4a52-54a2-4a43-a2c4-3a4a9d2b8c11", "7f1a4a52-54a2-4a43-a2c4-3a4a9d2b8c11"


@pytest.fixture
def daily(an_order: Callable[..., StartOrderRequest]) -> Schedule:
    """An order every morning."""
    return Schedule(
        name="daily",
        cron="0 9 * * *",
        time_zone="Europe/Berlin",
        definition="place_order",
        input=packed(an_order()),
    )


async def create(api: Api, schedule: Schedule, request_id: str = "") -> Schedule:
    request = pb.CreateScheduleRequest(schedule=schedule, request_id=request_id)
    return (await api.schedules.CreateSchedule(request)).schedule


async def show(api: Api, name: str = "daily") -> Schedule:
    return (await api.schedules.GetSchedule(pb.GetScheduleRequest(name=name))).schedule


async def refusal(call: Any) -> tuple[str, str, dict[str, str]]:  # noqa: ANN401 - any call
    """The status, the reason, and the fields at fault."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    status: Any = rpc_status.from_call(refused.value)  # type: ignore[arg-type]
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    return refused.value.code().name, info.reason, {each.field: each.description for each in bad.field_violations}


async def test_a_schedule_is_created_with_what_it_does_by_default(api: Api, daily: Schedule) -> None:
    created = await create(api, daily)
    assert (created.name, created.cron, created.time_zone) == ("daily", "0 9 * * *", "Europe/Berlin")
    assert (created.overlap_policy, created.missed_policy) == (OVERLAP_POLICY_SKIP, MISSED_POLICY_RUN_LAST)
    assert (created.missed_limit, created.start_window.seconds, created.created_by) == (10, 60, "ada")
    instants = [each.ToDatetime(UTC) for each in created.next_instants]
    assert len(instants) == 5
    assert all(each.hour in {7, 8} and each.minute == 0 for each in instants)
    assert await show(api) == created


async def test_the_input_of_a_schedule_is_shown_without_what_must_not_be(api: Api, daily: Schedule) -> None:
    await create(api, daily)
    order = StartOrderRequest()
    assert (await show(api)).input.Unpack(order)

    assert (order.customer_id, order.card_token) == ("ada", MASK)


async def test_schedules_are_listed_page_by_page(api: Api, daily: Schedule) -> None:
    for name in ("c", "a", "b"):
        await create(api, Schedule(name=name, cron="* * * * *", definition=daily.definition, input=daily.input))
    first = await api.schedules.ListSchedules(pb.ListSchedulesRequest(page_size=2))
    assert [each.name for each in first.schedules] == ["a", "b"]
    assert not first.schedules[0].HasField("input")

    rest = await api.schedules.ListSchedules(pb.ListSchedulesRequest(page_token=first.next_page_token))
    assert ([each.name for each in rest.schedules], rest.next_page_token) == (["c"], "")
    code, _, fields = await refusal(api.schedules.ListSchedules(pb.ListSchedulesRequest(page_token="-")))
    assert (code, list(fields)) == ("INVALID_ARGUMENT", ["page_token"])


async def test_a_schedule_starts_its_saga_once_at_its_instant(api: Api, daily: Schedule) -> None:
    daily.at.FromDatetime(datetime.now(UTC) + timedelta(seconds=0.5))
    await create(api, daily)
    await api.called("PriceOrder")
    (saga_id,) = api.journal._sagas
    assert (await ended(api, saga_id)).status == saga_pb2.STATUS_COMPLETED

    while not (shown := await show(api)).last_starts:
        pass
    (start,) = shown.last_starts
    assert (start.saga_id, start.outcome, list(shown.next_instants)) == (saga_id, START_OUTCOME_STARTED, [])


async def test_a_start_by_hand_is_made_at_once_and_once_for_one_request(api: Api, daily: Schedule) -> None:
    await create(api, daily)
    run = pb.RunScheduleRequest(name="daily", request_id=ONE)
    saga_id = (await api.schedules.RunSchedule(run)).saga_id
    await api.until(lambda: saga_id in api.journal._sagas)
    assert (await ended(api, saga_id)).status == saga_pb2.STATUS_COMPLETED
    assert (await api.schedules.RunSchedule(run)).saga_id == saga_id

    assert len(api.journal._sagas) == 1
    while not (shown := await show(api)).last_starts:
        pass
    (start,) = shown.last_starts
    assert (start.saga_id, start.message) == (saga_id, "by hand, by ada")
    saga = await get(api, saga_id, journal=True)
    assert (saga.definition, saga.journal[0].reason.requested_by) == ("place_order", "ada")


async def test_a_schedule_is_paused_resumed_and_deleted(api: Api, daily: Schedule) -> None:
    await create(api, daily)
    pause = pb.PauseScheduleRequest(name="daily", reason="holidays")
    paused = (await api.schedules.PauseSchedule(pause)).schedule
    assert (paused.pause.reason, list(paused.next_instants)) == ("holidays", [])
    resumed = (await api.schedules.ResumeSchedule(pb.ResumeScheduleRequest(name="daily"))).schedule
    assert not resumed.HasField("pause")
    assert len(resumed.next_instants) == 5

    gone = (await api.schedules.DeleteSchedule(pb.DeleteScheduleRequest(name="daily"))).schedule
    assert gone == resumed
    code, reason, _ = await refusal(api.schedules.GetSchedule(pb.GetScheduleRequest(name="daily")))
    assert (code, reason) == ("NOT_FOUND", "SCHEDULE_NOT_FOUND")


async def test_a_repeated_request_creates_one_schedule_and_none_after_its_deletion(api: Api, daily: Schedule) -> None:
    created = await create(api, daily, ONE)
    assert await create(api, daily, ONE) == created
    assert (await refusal(create(api, daily, OTHER)))[:2] == ("ALREADY_EXISTS", "SCHEDULE_EXISTS")
    daily.missed_policy = MISSED_POLICY_RUN_ALL
    assert (await refusal(create(api, daily, ONE)))[:2] == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")

    await api.schedules.DeleteSchedule(pb.DeleteScheduleRequest(name="daily"))
    assert (await refusal(create(api, daily, ONE)))[:2] == ("FAILED_PRECONDITION", "SCHEDULE_DELETED")


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"cron": "0 25 * * *"}, "schedule.cron", "bad hour"),
        ({"cron": "hourly"}, "schedule.cron", "has five fields"),
        ({"time_zone": "Mars/Olympus"}, "schedule.time_zone", "no time zone"),
        ({"definition": "place_oder"}, "schedule.definition", "there are: place_order v1"),
        ({"version": 99}, "schedule.definition", "no saga place_order v99 is served"),
        ({"input": packed(Line(sku="A", quantity=1))}, "schedule.input", "must be a shop.order.v1.StartOrderRequest"),
        ({"input": packed(StartOrderRequest())}, "customer_id", ""),
        ({"input": AnyMessage()}, "schedule.input", "message without a type"),
        ({"at": Timestamp(seconds=1)}, "schedule.at", "lies in the past"),
        ({"at": Timestamp(seconds=2**62)}, "schedule.at", ""),
        ({"name": "no good"}, "schedule.name", ""),
        ({"name": ""}, "schedule.name", ""),
        ({"start_window": Duration(seconds=-1)}, "schedule.start_window", ""),
        ({"missed_limit": -1}, "schedule.missed_limit", ""),
        ({"overlap_policy": 77}, "schedule.overlap_policy", ""),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_is_wrong_is_named_by_its_field_and_nothing_is_kept(
    api: Api, daily: Schedule, changes: dict[str, Any], field: str, told: str
) -> None:
    changed = Schedule(**changes)
    daily.MergeFrom(changed)
    if changes == {"name": ""}:
        daily.ClearField("name")
    if "input" in changes:
        daily.input.CopyFrom(changed.input)
    code, reason, fields = await refusal(create(api, daily))

    assert (code, reason) == ("INVALID_ARGUMENT", "INVALID_INPUT")
    assert told in fields[field]
    assert not (await api.schedules.ListSchedules(pb.ListSchedulesRequest())).schedules


async def test_a_schedule_without_an_instant_is_refused(api: Api, daily: Schedule) -> None:
    daily.ClearField("when")
    code, _, fields = await refusal(create(api, daily))

    assert (code, list(fields)) == ("INVALID_ARGUMENT", ["schedule.when"])


async def test_a_policy_that_is_named_is_kept(api: Api, daily: Schedule) -> None:
    daily.overlap_policy, daily.missed_limit = OVERLAP_POLICY_BUFFER_ONE, 3
    created = await create(api, daily)

    assert (created.overlap_policy, created.missed_limit) == (OVERLAP_POLICY_BUFFER_ONE, 3)
