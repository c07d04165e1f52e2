"""Sagas are listed, searched and counted. A list may be a moment late, and is right then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.testing.conformance.engines.answers import REJECTED
from orchestrator.testing.conformance.engines.collecting import Scenarios
from orchestrator.testing.conformance.engines.harness import Mark
from orchestrator.testing.conformance.engines.sagas import ORDER, sleepy, trip, trip_at_once
from shop.order.v1.order_service_pb2 import StartOrderRequest

if TYPE_CHECKING:
    from orchestrator.ports.catalogue import SagaRecord
    from orchestrator.testing.conformance.engines.harness import Stage

scenario = Scenarios()


async def _found(stage: Stage, where: SagaFilter, limit: int = 50) -> list[SagaRecord]:
    return (await stage.sagas.search(where, limit, ""))[0]


async def _some_sagas(stage: Stage) -> None:
    stage.participants.scripts["ArrangeShipment"] = [REJECTED]
    await stage.run(trip, "trip-1")
    await stage.run(trip, "trip-2", StartOrderRequest(customer_id="bob"))
    await stage.run(trip_at_once, "trip-3")
    await stage.run(sleepy, "sleepy-1")

    async def all_are_listed() -> bool:
        records = await _found(stage, SagaFilter())
        return len(records) == 4 and all(each.ended_at is not None for each in records)  # noqa: PLR2004 - as above

    await stage.eventually(all_are_listed)


async def _ids(stage: Stage, where: SagaFilter) -> list[str]:
    return [each.saga_id for each in await _found(stage, where)]


@scenario()
async def sagas_are_listed_the_newest_first(stage: Stage) -> None:
    """Each with what is known of it."""
    await _some_sagas(stage)

    records = await _found(stage, SagaFilter())

    assert [each.saga_id for each in records] == ["sleepy-1", "trip-3", "trip-2", "trip-1"]
    last = records[-1]
    assert (last.definition, last.version, last.status) == ("trip", 1, Status.COMPENSATED)
    assert dict(last.attributes) == {"customer_id": "ada"}
    assert last.ended_at is not None
    assert last.started_at <= last.ended_at
    assert last.cause is not None
    assert last.cause.command.endswith("ArrangeShipment")


@scenario()
async def sagas_are_found_by_what_is_known_of_them(stage: Stage) -> None:
    """By definition, version, status, attribute, instant, cause and the beginning of the id."""
    await _some_sagas(stage)
    first = await stage.sagas.get("trip-1")

    assert await _ids(stage, SagaFilter(definition="sleepy")) == ["sleepy-1"]
    assert await _ids(stage, SagaFilter(definition="trip", version=2)) == ["trip-3"]
    assert await _ids(stage, SagaFilter(statuses=frozenset({Status.COMPENSATED}))) == ["trip-1"]
    assert await _ids(stage, SagaFilter(attributes=(("customer_id", "bob"),))) == ["trip-2"]
    assert await _ids(stage, SagaFilter(id_prefix="trip-")) == ["trip-3", "trip-2", "trip-1"]
    assert await _ids(stage, SagaFilter(started_before=first.started_at + 1)) == ["trip-1"]
    assert await _ids(stage, SagaFilter(reason_code="REJECTED")) == ["trip-1"]
    assert await _ids(stage, SagaFilter(failed_command="shop.shipping.v1.ShippingService.ArrangeShipment")) == [
        "trip-1"
    ]
    assert await _ids(stage, SagaFilter(statuses=frozenset({Status.RUNNING}))) == []


@scenario(Mark.REASON_TEXT)
async def sagas_are_found_by_a_text_in_their_reason(stage: Stage) -> None:
    """In either case of letters."""
    await _some_sagas(stage)

    assert await _ids(stage, SagaFilter(reason="NO")) == ["trip-1"]
    assert await _ids(stage, SagaFilter(reason="something else")) == []


@scenario()
async def sagas_are_listed_the_oldest_first(stage: Stage) -> None:
    """Where that is asked for."""
    await _some_sagas(stage)

    records, _ = await stage.sagas.search(SagaFilter(), 50, "", oldest_first=True)

    assert [each.saga_id for each in records] == ["trip-1", "trip-2", "trip-3", "sleepy-1"]


@scenario()
async def a_list_comes_in_pages(stage: Stage) -> None:
    """Each saga once."""
    await _some_sagas(stage)
    seen, token = [], ""
    while True:
        records, token = await stage.sagas.search(SagaFilter(), 3, token)
        seen += [each.saga_id for each in records]
        if not token:
            break

    assert sorted(seen) == ["sleepy-1", "trip-1", "trip-2", "trip-3"]


@scenario()
async def sagas_are_counted(stage: Stage) -> None:
    """By definition and status."""
    await _some_sagas(stage)

    async def are_counted() -> bool:
        counts = {(each.definition, each.status): each.number for each in await stage.sagas.count()}
        return counts == {
            ("trip", Status.COMPENSATED): 1,
            ("trip", Status.COMPLETED): 2,
            ("sleepy", Status.COMPLETED): 1,
        }

    await stage.eventually(are_counted)


@scenario(Mark.INPUTS)
async def inputs_are_read_together(stage: Stage) -> None:
    """Those of the sagas that there are."""
    await stage.run(trip_at_once, "trip-1")

    inputs = await stage.sagas.inputs(["trip-1", "nobody"])

    assert {each: StartOrderRequest.FromString(data) for each, data in inputs.items()} == {"trip-1": ORDER}


@scenario()
async def a_suspended_saga_is_found_with_its_reason(stage: Stage) -> None:
    """It waits for somebody."""
    stage.participants.scripts["SendConfirmation"] = [REJECTED]
    await stage.run(trip, "trip-1")

    async def is_found() -> bool:
        records = await _found(stage, SagaFilter(statuses=frozenset({Status.SUSPENDED})))
        return [(each.saga_id, each.cause and each.cause.code) for each in records] == [
            ("trip-1", "REJECTED_AFTER_PIVOT")
        ]

    await stage.eventually(is_found)
