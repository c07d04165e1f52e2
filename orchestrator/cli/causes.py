"""What waits for a person, by its cause, the cause first whose oldest saga has waited for the longest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.cli.connecting.client import PATIENCE_SECONDS
from orchestrator.cli.output.desk_page import Cause
from saga.v1.figures_service_pb2 import ListSuspendedGroupsRequest
from saga.v1.figures_service_pb2_grpc import FiguresServiceStub
from saga.v1.saga_pb2 import STATUS_SUSPENDED
from saga.v1.saga_service_pb2 import ListSagasRequest, SagaFilter
from saga.v1.saga_service_pb2_grpc import SagaServiceStub

if TYPE_CHECKING:
    from collections.abc import Sequence

    import grpc.aio

    from saga.v1.figures_service_pb2 import SuspendedGroup
    from saga.v1.saga_pb2 import Saga

LISTED: Final = 5
"""So many sagas of a cause are shown."""


async def suspended_groups(channel: grpc.aio.Channel, definition: str = "") -> list[SuspendedGroup]:
    """The groups, of all definitions or of one."""
    service = FiguresServiceStub(channel)
    answer = await service.ListSuspendedGroups(ListSuspendedGroupsRequest(), timeout=PATIENCE_SECONDS)
    return [each for each in answer.groups if definition in {"", each.definition}]


async def causes_at(channel: grpc.aio.Channel, definition: str = "") -> list[Cause]:
    """The groups with their first sagas. A group whose last saga has just gone on is not among them."""
    found = [Cause(each, await _first(channel, each)) for each in await suspended_groups(channel, definition)]
    return [each for each in found if each.sagas]


async def _first(channel: grpc.aio.Channel, group: SuspendedGroup) -> Sequence[Saga]:
    where = SagaFilter(
        statuses=[STATUS_SUSPENDED],
        definition=group.definition,
        failed_command=group.failed_command,
        reason_code=group.reason_code,
    )
    request = ListSagasRequest(page_size=LISTED, filter=where, oldest_first=True)
    return (await SagaServiceStub(channel).ListSagas(request, timeout=PATIENCE_SECONDS)).sagas
