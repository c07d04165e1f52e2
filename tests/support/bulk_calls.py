"""Bulk acts over the API: prepared, started and followed as a person does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saga.v1 import bulk_pb2
from saga.v1 import bulk_service_pb2 as api

if TYPE_CHECKING:
    from collections.abc import Iterable

    from saga.v1.bulk_service_pb2_grpc import BulkActServiceStub
    from saga.v1.saga_service_pb2 import SagaFilter


async def prepared(
    bulk: BulkActServiceStub,
    where: SagaFilter,
    action: bulk_pb2.Action.ValueType,
    decision: bulk_pb2.CommandDecision | None = None,
) -> bulk_pb2.BulkAct:
    """A bulk act whose dry run has ended."""
    request = api.PrepareBulkActRequest(filter=where, action=action, decision=decision)
    return await followed(bulk, (await bulk.PrepareBulkAct(request)).bulk_act.bulk_act_id)


async def carried_out(bulk: BulkActServiceStub, bulk_act_id: str, reason: str = "why") -> bulk_pb2.BulkAct:
    """A prepared bulk act once it has been started, and is over."""
    await bulk.StartBulkAct(api.StartBulkActRequest(bulk_act_id=bulk_act_id, reason=reason))
    return await followed(bulk, bulk_act_id)


async def followed(bulk: BulkActServiceStub, bulk_act_id: str) -> bulk_pb2.BulkAct:
    """A bulk act once nothing more happens by itself."""
    seen = [each.bulk_act async for each in bulk.WatchBulkAct(api.WatchBulkActRequest(bulk_act_id=bulk_act_id))]
    return seen[-1]


async def results(bulk: BulkActServiceStub, bulk_act_id: str) -> list[bulk_pb2.BulkResult]:
    """What came of it for each of its sagas."""
    request = api.ExportBulkResultsRequest(bulk_act_id=bulk_act_id)
    return [result async for answer in bulk.ExportBulkResults(request) for result in answer.results]


async def acted(
    bulk: BulkActServiceStub, where: SagaFilter, action: bulk_pb2.Action.ValueType
) -> dict[str, bulk_pb2.BulkResult]:
    """What came of the same act on all sagas that match, by the saga's id."""
    act = await prepared(bulk, where, action)
    await carried_out(bulk, act.bulk_act_id)
    return {result.saga_id: result for result in await results(bulk, act.bulk_act_id)}


def counted(act: bulk_pb2.BulkAct) -> dict[str, int]:
    """How many sagas have which answer, by its name."""
    return {answer_name(each.answer): each.count for each in act.counts}


def answer_name(answer: bulk_pb2.BulkAnswer.ValueType) -> str:
    return bulk_pb2.BulkAnswer.Name(answer).removeprefix("BULK_ANSWER_").lower()


def answers_of(found: Iterable[bulk_pb2.BulkResult]) -> dict[str, str]:
    """The answers, by the saga's id."""
    return {each.saga_id: answer_name(each.answer) for each in found}
