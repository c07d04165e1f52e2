"""Schedules as Temporal keeps them, and what others do to them with Temporal's own tools."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest
from temporalio.client import Schedule, ScheduleActionExecutionStartWorkflow, ScheduleActionStartWorkflow, ScheduleSpec

from orchestrator.bootstrap.clock import SystemClock
from orchestrator.engine.schedules.timetable import read_cron
from orchestrator.engine.temporal.replaying import Replayed, replay_histories
from orchestrator.engine.temporal.schedules.kept import schedules_on
from orchestrator.errors import InvalidInput, NotOffered, ScheduleExists, ScheduleNotFound
from orchestrator.journal.actor import Actor
from orchestrator.journal.outbox import outbox_of
from orchestrator.testing.conformance.engines.answers import ADA
from orchestrator.testing.conformance.engines.harness import PATIENCE_SECONDS
from orchestrator.testing.conformance.engines.sagas import ORDER, announced, approved
from orchestrator.testing.world.participants import ScriptedParticipants
from orchestrator.testing.world.sink import ScriptedSink
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.integration.temporal.test_from_outside import client, served
from tests.support.schedules import new_schedule

if TYPE_CHECKING:
    from temporalio.client import Client

    from orchestrator.engine.schedules.acts import ScheduleActs
    from orchestrator.testing.conformance.engines.harness import Stage

__all__ = ["client"]

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SAID: Final = new_schedule(ORDER, cron="0 0 1 1 *", definition="approved")
A_MINUTE: Final = 60 * 10**9
EXPRESSIONS: Final = (
    "30 2 * * *",
    "*/15 * * * *",
    "30 9 * * MON-FRI",
    "0 0 13 * FRI",
    "0 0 */2 * FRI",
    "0 0 1-7 * mon",
    "5/20 1,2 * JAN,JUL 7",
    "0 0 29 2 *",
    "59 23 31 * 5-7",
)


@pytest.fixture
async def schedules(client: Client) -> ScheduleActs:
    return schedules_on(client, SystemClock())


@pytest.mark.parametrize("expression", EXPRESSIONS)
async def test_temporal_starts_at_the_instants_of_an_expression(
    client: Client,
    schedules: ScheduleActs,
    expression: str,
) -> None:
    await schedules.create(SAID._replace(cron=expression))

    info = (await client.get_schedule_handle("trips").describe()).info

    cron, instant, ours = read_cron(expression, SAID.zone), int(info.created_at.timestamp() * 1e9), []
    for _ in info.next_action_times:
        instant = cron.after(instant) or 0
        ours.append(instant // 1_000_000_000)
    assert [int(each.timestamp()) for each in info.next_action_times] == ours


@pytest.mark.parametrize("expression", ["0 0 * * MON#2", "0 0 L * *", "0 0 LW * *", "0 0 * * 5L"])
async def test_an_expression_that_temporal_would_read_otherwise_is_refused(
    schedules: ScheduleActs, expression: str
) -> None:
    with pytest.raises(NotOffered):
        await schedules.create(SAID._replace(cron=expression))
    with pytest.raises(ScheduleNotFound):
        await schedules.get("trips")


async def test_an_input_that_temporal_does_not_carry_is_refused(schedules: ScheduleActs) -> None:
    large = StartOrderRequest(customer_id="a" * 2_000_000).SerializeToString()

    with pytest.raises(InvalidInput, match="Temporal carries"):
        await schedules.create(SAID._replace(input=large))


async def test_changes_at_the_same_time_all_stand(schedules: ScheduleActs) -> None:
    await schedules.create(SAID)

    await asyncio.gather(*(schedules.run("trips", "", Actor(f"person-{number}")) for number in range(4)))

    acts = (await schedules.get("trips")).acts
    assert sorted(act.by.name for act in acts) == ["ada", *(f"person-{number}" for number in range(4))]


async def test_a_saga_that_a_schedule_starts_tells_its_events(client: Client, schedules: ScheduleActs) -> None:
    sink = ScriptedSink()
    async with served(client, ScriptedParticipants(), announced, sink=sink) as stage:
        await schedules.create(SAID._replace(definition="announced"))
        _, saga_id = await schedules.run("trips", "now", ADA)

        async def all_is_told() -> bool:
            return any(kept.event.type == "saga.v1.SagaCompleted" for kept in sink.told)

        await stage.eventually(all_is_told)
        entries = await stage.sagas.entries(saga_id)

    assert [kept.event for kept in sink.told] == outbox_of(saga_id, entries, 0, tells_life=True)


async def test_the_note_says_who_did_the_last_thing_also_of_a_schedule_that_was_deleted(
    client: Client,
    schedules: ScheduleActs,
) -> None:
    await schedules.create(SAID)
    await schedules.pause("trips", "holidays", Actor("bob"))
    handle = client.get_schedule_handle("trips")
    paused = (await handle.describe()).schedule.state
    await schedules.delete("trips", Actor("bob"))
    deleted = (await handle.describe()).schedule.state

    assert (paused.paused, paused.note) == (True, "paused by bob: holidays")
    assert (deleted.paused, deleted.note) == (True, "deleted by bob")


async def test_a_schedule_of_temporal_that_is_not_ours_is_left_alone(
    client: Client,
    schedules: ScheduleActs,
) -> None:
    action = ScheduleActionStartWorkflow("theirs", id="theirs", task_queue="theirs")
    await client.create_schedule("trips", Schedule(action=action, spec=ScheduleSpec()))

    with pytest.raises(ScheduleExists, match="starts no sagas"):
        await schedules.create(SAID)
    with pytest.raises(ScheduleNotFound):
        await schedules.delete("trips", ADA)
    assert await schedules.list_after("", 10) == []


async def test_a_pause_with_temporals_own_tools_is_shown_and_can_be_ended(
    client: Client,
    schedules: ScheduleActs,
) -> None:
    await schedules.create(SAID)
    await client.get_schedule_handle("trips").pause(note="a bad day")

    pause = (await schedules.get("trips")).pause
    resumed = await schedules.resume("trips", ADA)

    assert pause is not None
    assert (pause.why, pause.by.name) == ("a bad day", "temporal")
    assert resumed.pause is None
    assert not (await client.get_schedule_handle("trips").describe()).schedule.state.paused


async def test_a_start_with_temporals_own_tools_is_skipped_while_a_saga_of_the_schedule_has_not_ended(
    client: Client,
    schedules: ScheduleActs,
) -> None:
    await schedules.create(SAID)
    handle = client.get_schedule_handle("trips")
    async with served(client, ScriptedParticipants(), approved) as stage:
        await handle.trigger()
        await stage.eventually(lambda: number_of_starts(stage, 1))
        await handle.trigger()
        (start,) = (await schedules.get("trips")).recent
        state = await stage.sagas.get(start.saga_id)

    assert (await handle.describe()).info.num_actions_skipped_overlap == 1
    if start.instant % A_MINUTE:  # Temporal tells the second: at a whole minute, it counts as one of the timetable
        assert state.started_by == Actor("temporal", "a tool of Temporal")
        assert start.message == "by hand, by temporal"
    (starter,) = (await handle.describe()).info.running_actions
    assert isinstance(starter, ScheduleActionExecutionStartWorkflow)
    replayed = list[Replayed]()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(replayed) < 2:
            replayed = [each async for each in replay_histories(client, [approved], SystemClock())]
    assert sorted(replayed) == sorted([Replayed(start.saga_id, ""), Replayed(starter.workflow_id, "")])


async def number_of_starts(stage: Stage, number: int) -> bool:
    return len((await stage.schedules.get("trips")).recent) == number
