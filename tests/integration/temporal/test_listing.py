"""Lists in both orders, and counts, of a cluster that knows of one order and may know several runs of a saga."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.finding import listing
from orchestrator.engine.temporal.opening import WorkerOptions
from orchestrator.journal.acts import Act
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import ENDED, Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.testing.conformance.engines.answers import ADA, REJECTED
from orchestrator.testing.conformance.engines.sagas import MANY as COMMANDS
from orchestrator.testing.conformance.engines.sagas import RECODED, long, parcel, sleepy, trip, trip_at_once
from orchestrator.testing.world.participants import ScriptedParticipants
from tests.integration.temporal.test_from_outside import served, was_sent

if TYPE_CHECKING:
    from temporalio.client import Client

    from orchestrator.engine.sagas import Sagas
    from orchestrator.testing.conformance.engines.harness import Stage
    from tests.support.temporal import Namespaces

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel"),
]

MANY = 9


@pytest.fixture
async def client(temporal_namespaces: Namespaces) -> Client:
    return await connect(temporal_namespaces.take())


async def everyone(sagas: Sagas, where: SagaFilter, limit: int) -> list[str]:
    """The ids on all pages, the oldest first."""
    found, token = [], ""
    while True:
        page, token = await sagas.search(where, limit, token, oldest_first=True)
        assert len(page) <= limit
        found += [each.saga_id for each in page]
        if not token:
            return found


async def all_have_ended(stage: Stage, number: int) -> None:
    async def have_ended() -> bool:
        counts = await stage.sagas.count()
        return sum(each.number for each in counts if each.status in ENDED) == number

    await stage.eventually(have_ended)


@pytest.mark.parametrize("limit", [1, 2, 4, 50])
async def test_the_oldest_come_first_in_windows_of_few(
    client: Client, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_MOST_SORTED", 3)
    async with served(client, ScriptedParticipants(), trip_at_once, trip) as stage:
        ids = [f"trip-{number}" for number in range(MANY)]
        for saga_id in ids:
            await stage.start(trip_at_once, saga_id)
        await all_have_ended(stage, MANY)
        fourth = (await stage.sagas.get("trip-3")).started_at

        assert await everyone(stage.sagas, SagaFilter(), limit) == ids
        assert await everyone(stage.sagas, SagaFilter(started_from=fourth), limit) == ids[3:]
        assert await everyone(stage.sagas, SagaFilter(started_before=fourth), limit) == ids[:3]
        assert await everyone(stage.sagas, SagaFilter(statuses=frozenset({Status.SUSPENDED})), limit) == []


async def test_a_saga_is_listed_and_counted_once_also_after_it_was_begun_again(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        stage.participants.scripts["SendConfirmation"] = [REJECTED]
        await stage.start(trip, "trip-0")
        await stage.comes_to("trip-0", Status.SUSPENDED)
        answer = stage.hold("AuthorizePayment")
        await stage.start(trip, "trip-1")
        await answer.asked.wait()
        await client.get_workflow_handle("trip-1").terminate()
        answer.give()
        await stage.sagas.act(Act.RESUME, "trip-1", "that was a mistake", ADA)
        await stage.comes_to("trip-1", Status.COMPLETED)
        await all_have_ended(stage, 1)

        counts = {each.status: each.number for each in await stage.sagas.count()}
        suspended = SagaFilter(statuses=frozenset({Status.SUSPENDED}))

        assert counts == {Status.COMPLETED: 1, Status.SUSPENDED: 1}
        assert [each.saga_id for each in (await stage.sagas.search(suspended, 10, ""))[0]] == ["trip-0"]
        assert sorted(each.saga_id for each in (await stage.sagas.search(SagaFilter(), 10, ""))[0]) == [
            "trip-0",
            "trip-1",
        ]
        assert await everyone(stage.sagas, SagaFilter(), 10) == ["trip-0", "trip-1"]
        assert sum(each.number for each in await stage.sagas.suspended()) == 1


async def test_a_saga_whose_code_has_diverged_is_listed_and_counted_as_suspended(client: Client) -> None:
    participants = ScriptedParticipants()
    async with served(client, participants, sleepy) as stage:
        await stage.start(sleepy, "sleepy-1")
        await stage.eventually(lambda: was_sent(participants, "ReserveStock"))
    recoded = next(each for each in RECODED if each.name == "sleepy")
    async with served(client, participants, recoded) as stage:
        suspended, going = (SagaFilter(statuses=frozenset({each})) for each in (Status.SUSPENDED, Status.RUNNING))

        async def is_listed() -> bool:
            return bool((await stage.sagas.search(suspended, 10, ""))[0])

        await stage.eventually(is_listed)
        (record,) = (await stage.sagas.search(SagaFilter(), 10, ""))[0]
        counts = {each.status: each.number for each in await stage.sagas.count()}
        going_on, _ = await stage.sagas.search(going, 10, "")

    assert record.status is Status.SUSPENDED
    assert record.cause is not None
    assert record.cause.code is ReasonCode.DIVERGED
    assert counts == {Status.SUSPENDED: 1}
    assert going_on == []


async def test_sagas_whose_definition_is_not_served_here_are_counted_with_the_start_of_the_oldest(
    client: Client,
) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        first = await stage.start(trip, "trip-0")
        await stage.start(trip, "trip-1")
        await all_have_ended(stage, 2)
    async with served(client, ScriptedParticipants(), parcel) as elsewhere:
        counts = await elsewhere.sagas.count()

    assert [tuple(each) for each in counts] == [("trip", Status.COMPLETED, 2, first.started_at)]


async def test_a_list_tells_why_a_saga_rolls_back_also_after_its_workflow_has_gone_on_in_a_new_run(
    client: Client,
) -> None:
    participants = ScriptedParticipants()
    participants.scripts["CapturePayment"] = [REJECTED]
    participants.scripts["ReleaseStock"] = [None] * (COMMANDS - 1)
    options = WorkerOptions(grace=0.0, most_events=60)
    async with served(client, participants, long, options=options) as stage:
        answer = stage.hold("ReleaseStock")
        await stage.start(long, "long-1")
        await answer.asked.wait()

        async def is_told() -> bool:
            found, _ = await stage.sagas.search(SagaFilter(statuses=frozenset({Status.COMPENSATING})), 10, "")
            return bool(found) and found[0].cause is not None and found[0].cause.code is ReasonCode.REJECTED

        await stage.eventually(is_told)
        answer.give()
        await stage.comes_to("long-1", Status.COMPENSATED)
