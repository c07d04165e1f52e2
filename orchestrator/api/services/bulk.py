"""``saga.v1.BulkActService``: the same act on many sagas."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from orchestrator.access.subject import actor
from orchestrator.api.requests import DEFAULT_PAGE_SIZE
from orchestrator.api.searching import find_sagas
from orchestrator.api.views.bulk_view import ACTIONS, bulk_act_view, bulk_result_view
from orchestrator.engine.bulk.facade import NewBulkAct
from orchestrator.errors import InvalidInput
from orchestrator.journal.acts import Act
from orchestrator.journal.decisions import DECISIONS, CommandDecision
from orchestrator.ports.bulk_acts import Answer
from saga.v1 import bulk_pb2
from saga.v1 import bulk_service_pb2 as api
from saga.v1.bulk_service_pb2_grpc import BulkActServiceServicer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    import grpc.aio

    from orchestrator.engine.bulk.facade import BulkActs
    from orchestrator.engine.sagas import Sagas
    from saga.v1.saga_service_pb2 import SagaFilter

    Context = grpc.aio.ServicerContext[Any, Any]

_DIGITS: Final = 9
_PAGE: Final = 500
"""How many sagas are looked for, or sent, at once."""


class BulkActService(BulkActServiceServicer):
    """Everything that can be asked about, and done to, the bulk acts of one engine. See the contract for each rpc.

    Args:
        bulk: the bulk acts of the engine.
        sagas: finds those that a filter matches.
    """

    def __init__(self, bulk: BulkActs, sagas: Sagas) -> None:
        self._bulk = bulk
        self._sagas = sagas

    async def PrepareBulkAct(self, request: api.PrepareBulkActRequest, context: Context) -> api.PrepareBulkActResponse:
        """See the contract."""
        act = await self._bulk.prepare(new_bulk_act(request), matching(request.filter, self._sagas))
        return api.PrepareBulkActResponse(bulk_act=bulk_act_view(act))

    async def StartBulkAct(self, request: api.StartBulkActRequest, context: Context) -> api.StartBulkActResponse:
        """See the contract."""
        act = await self._bulk.start(request.bulk_act_id, request.reason, actor())
        return api.StartBulkActResponse(bulk_act=bulk_act_view(act))

    async def StopBulkAct(self, request: api.StopBulkActRequest, context: Context) -> api.StopBulkActResponse:
        """See the contract."""
        act = await self._bulk.stop(request.bulk_act_id, actor())
        return api.StopBulkActResponse(bulk_act=bulk_act_view(act))

    async def GetBulkAct(self, request: api.GetBulkActRequest, context: Context) -> api.GetBulkActResponse:
        """See the contract."""
        return api.GetBulkActResponse(bulk_act=bulk_act_view(await self._bulk.get(request.bulk_act_id)))

    async def ListBulkActs(self, request: api.ListBulkActsRequest, context: Context) -> api.ListBulkActsResponse:
        """See the contract."""
        size = request.page_size or DEFAULT_PAGE_SIZE
        found = await self._bulk.list_before(_text(request.page_token), size + 1)
        token = _token(found[size - 1].bulk_id) if len(found) > size else ""
        return api.ListBulkActsResponse(bulk_acts=map(bulk_act_view, found[:size]), next_page_token=token)

    async def WatchBulkAct(
        self, request: api.WatchBulkActRequest, context: Context
    ) -> AsyncIterator[api.WatchBulkActResponse]:
        """See the contract."""
        async for act in self._bulk.watch(request.bulk_act_id):
            yield api.WatchBulkActResponse(bulk_act=bulk_act_view(act))

    async def ListBulkResults(
        self, request: api.ListBulkResultsRequest, context: Context
    ) -> api.ListBulkResultsResponse:
        """See the contract."""
        size, after = request.page_size or DEFAULT_PAGE_SIZE, _position(request.page_token)
        found = await self._bulk.sagas(request.bulk_act_id, after, size + 1, _answers(request.answers))
        token = _token(str(found[size - 1].position)) if len(found) > size else ""
        return api.ListBulkResultsResponse(results=map(bulk_result_view, found[:size]), next_page_token=token)

    async def ExportBulkResults(
        self, request: api.ExportBulkResultsRequest, context: Context
    ) -> AsyncIterator[api.ExportBulkResultsResponse]:
        """See the contract."""
        after, answers = 0, _answers(request.answers)
        while found := await self._bulk.sagas(request.bulk_act_id, after, _PAGE, answers):
            yield api.ExportBulkResultsResponse(results=map(bulk_result_view, found))
            after = found[-1].position


def new_bulk_act(request: api.PrepareBulkActRequest) -> NewBulkAct:
    """What a request asks for, in the name of the caller.

    Raises:
        InvalidInput: its filter restricts nothing, or its decision does not go with the act.
    """
    if not request.filter.ByteSize():
        raise InvalidInput(("filter", "restricts nothing; name a definition, a status, a time or an attribute"))
    act, asked_for = ACTIONS[request.action], request.filter.SerializeToString(deterministic=True)
    return NewBulkAct(act, asked_for, actor(), _decision(request, act))


async def matching(where: SagaFilter, sagas: Sagas) -> AsyncIterator[Sequence[str]]:
    """The ids of all sagas that a filter matches, page by page."""
    token, is_last = "", False
    while not is_last:
        records, token = await find_sagas(sagas, where, _PAGE, token)
        yield [record.saga_id for record in records]
        is_last = not token


def _decision(request: api.PrepareBulkActRequest, act: Act) -> CommandDecision | None:
    if act not in DECISIONS:
        if request.HasField("decision"):
            raise InvalidInput(("decision", "goes with the acts that are about one command of each saga"))
        return None
    decision = request.decision
    if not request.HasField("decision"):
        raise InvalidInput(("decision", "is needed: which command of each saga?"))
    if not decision.HasField("reply"):
        return CommandDecision(decision.key, decision.took_effect)
    if act is not Act.RESOLVE_OUTCOME or not decision.took_effect:
        raise InvalidInput(("decision.reply", "goes with a command that took effect"))
    return CommandDecision(decision.key, True, decision.reply.value, decision.reply.TypeName())


def _answers(numbers: Iterable[bulk_pb2.BulkAnswer.ValueType]) -> frozenset[Answer]:
    return frozenset(Answer(number) for number in numbers)


def _token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _text(page_token: str) -> str:
    try:
        return base64.b64decode(page_token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise _no_token() from None


def _position(page_token: str) -> int:
    text = _text(page_token)
    if text and not (text.isdecimal() and text.isascii() and len(text) <= _DIGITS):
        raise _no_token()
    return int(text or 0)


def _no_token() -> InvalidInput:
    return InvalidInput(("page_token", "is not a token that a previous page gave out"))
