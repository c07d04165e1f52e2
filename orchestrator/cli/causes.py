"""The sagas that wait for a person, grouped by what is the matter, those that have waited longest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.cli.client import PATIENCE_SECONDS
from saga.v1.saga_pb2 import STATUS_SUSPENDED
from saga.v1.saga_service_pb2 import ListSagasRequest, SagaFilter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from saga.v1.saga_pb2 import Saga
    from saga.v1.saga_service_pb2_grpc import SagaServiceStub

_PAGE: Final = 500
MOST: Final = 10_000
"""So many sagas are looked at."""


class Cause(NamedTuple):
    """Why some sagas are suspended.

    Attributes:
        definition: the name of their definition.
        code: the reason's code, such as ``COMPENSATION_REJECTED``.
        step: the step that it is about, without its number; empty for none.
        sagas: those that wait for this cause, the oldest first.
    """

    definition: str
    code: str
    step: str
    sagas: Sequence[Saga]


async def suspended_sagas(service: SagaServiceStub, definition: str = "") -> list[Saga]:
    """The sagas that are suspended, the newest first, without their steps."""
    where = SagaFilter(statuses=[STATUS_SUSPENDED], definition=definition)
    request = ListSagasRequest(page_size=_PAGE, filter=where)
    found: list[Saga] = []
    while len(found) < MOST:
        answer = await service.ListSagas(request, timeout=PATIENCE_SECONDS)
        found += answer.sagas
        request.page_token = answer.next_page_token
        if not answer.next_page_token:
            break
    return found


def causes_of(sagas: Iterable[Saga]) -> list[Cause]:
    """The causes, the one with the oldest saga first."""
    grouped: dict[tuple[str, str, str], list[Saga]] = {}
    for saga in sorted(sagas, key=lambda each: each.started_at.ToNanoseconds()):
        step = saga.reason.step_key.rpartition("#")[0] or saga.reason.step_key
        grouped.setdefault((saga.definition, saga.reason.code, step), []).append(saga)
    return [Cause(*key, each) for key, each in grouped.items()]
