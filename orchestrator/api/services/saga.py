"""``saga.v1.SagaService``: any saga, whatever its definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.access.decisions import refuse_without_role
from orchestrator.access.narrowed import can_be_seen
from orchestrator.access.subject import actor, current
from orchestrator.api.calls.validation import refuse_invalid
from orchestrator.api.guidance.guidance import lacks_role, saga_guidance
from orchestrator.api.requests import DEFAULT_PAGE_SIZE, patience_of, priority_of, traceparent_of, unpack
from orchestrator.api.searching import find_sagas, refuse_unknown, suspension_of, waits_for, wanted
from orchestrator.api.signals import decision_of, signal_of
from orchestrator.api.views.guidance_view import guidance_view
from orchestrator.api.views.journal_view import journal_view
from orchestrator.api.views.preview_view import preview_view
from orchestrator.api.views.saga_view import record_view, saga_view
from orchestrator.api.views.seen_steps import SeenSteps, paced
from orchestrator.api.views.statistics_view import statistics_view
from orchestrator.contract.access import Role
from orchestrator.definition.waiting import APPROVAL
from orchestrator.engine.starting import start_request
from orchestrator.errors import InvalidInput
from orchestrator.journal.acts import Act, find_command
from orchestrator.journal.reason import Reason
from orchestrator.journal.state import Status
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as api
from saga.v1.saga_service_pb2_grpc import SagaServiceServicer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    import grpc.aio

    from orchestrator.api.feed import SagaFeed
    from orchestrator.api.starts import Starts
    from orchestrator.engine.sagas import Sagas, Served
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.catalogue import SagaRecord
    from orchestrator.ports.clock import Clock

    Context = grpc.aio.ServicerContext[Any, Any]
    _ActRequest = api.CancelSagaRequest | api.PauseSagaRequest | api.ResumeSagaRequest | api.RetryNowRequest


class SagaService(SagaServiceServicer):
    """Everything that can be asked about, and done to, the sagas of one engine. See the contract for each rpc."""

    def __init__(self, sagas: Sagas, starts: Starts, feed: SagaFeed, clock: Clock) -> None:
        self._sagas = sagas
        self._starts = starts
        self._feed = feed
        self._clock = clock

    async def StartSaga(self, request: api.StartSagaRequest, context: Context) -> api.StartSagaResponse:
        """See the contract."""
        served = self._served(request.definition, request.version)
        message = unpack(request.input, served.definition.input(), "input")
        refuse_invalid(message)  # the interceptor cannot: to it, an Any is bytes
        start = start_request(served, message, request.request_id, traceparent_of(context), priority_of(context))
        state = await self._starts.start(start, request.wait.ToTimedelta().total_seconds())
        return api.StartSagaResponse(saga=self._view(state))

    async def GetSaga(self, request: api.GetSagaRequest, context: Context) -> api.GetSagaResponse:
        """See the contract."""
        state = await self._sagas.get(request.saga_id)
        answer = api.GetSagaResponse(saga=self._view(state))
        if request.include_guidance:
            guidance = saga_guidance(state, self._sagas, self._clock.now(), lacks_role)
            answer.guidance.CopyFrom(guidance_view(guidance))
        if request.include_journal:
            entries = await self._sagas.entries(request.saga_id)
            first = int(request.journal_page_token or 1)
            after = first + (request.journal_page_size or len(entries))
            page = journal_view(entries, self._find(state), self._sagas.contract, first, after - first)
            answer.saga.journal.extend(page)
            answer.next_journal_page_token = str(after) if after <= len(entries) else ""
        return answer

    async def ListSagas(self, request: api.ListSagasRequest, context: Context) -> api.ListSagasResponse:
        """See the contract."""
        size = request.page_size or DEFAULT_PAGE_SIZE
        records, token = await find_sagas(
            self._sagas, request.filter, size, request.page_token, oldest_first=request.oldest_first
        )
        return api.ListSagasResponse(sagas=[await self._listed(each) for each in records], next_page_token=token)

    async def WatchSaga(self, request: api.WatchSagaRequest, context: Context) -> AsyncIterator[api.WatchSagaResponse]:
        """See the contract."""
        seen = SeenSteps()

        def view(state: SagaState) -> api.WatchSagaResponse:
            return api.WatchSagaResponse(
                saga=saga_view(state, self._find(state), self._sagas.waiting(state), seen.view)
            )

        async for answer in paced(self._sagas.watch(request.saga_id), view, self._clock):
            yield answer

    async def WatchSagas(
        self, request: api.WatchSagasRequest, context: Context
    ) -> AsyncIterator[api.WatchSagasResponse]:
        """See the contract."""
        where, reasons = wanted(self._sagas, request.filter), request.filter.waiting_for
        await refuse_unknown(self._sagas, where)
        async for answer in self._feed.read(where):
            saga_id = answer.saga.saga_id
            if not can_be_seen(answer.saga.definition, answer.saga.attributes.items()):
                continue
            # Where only queued sagas are asked for, the feed has found them: by now they may have begun.
            if where.queued or not (reasons and saga_id) or await self._waits_for(saga_id, reasons):
                yield answer

    async def GetStatistics(self, request: api.GetStatisticsRequest, context: Context) -> api.GetStatisticsResponse:
        """See the contract."""
        counts, unclaimed, loads = await self._sagas.count(), await self._sagas.unclaimed(), await self._sagas.loads()
        admission, feed = self._starts.admission.statistics(), self._feed.statistics()
        return statistics_view(counts, unclaimed, loads, self._sagas, admission, feed)

    async def PreviewRollback(
        self, request: api.PreviewRollbackRequest, context: Context
    ) -> api.PreviewRollbackResponse:
        """See the contract."""
        state = await self._sagas.get(request.saga_id)
        return preview_view(state, self._sagas.preview(state))

    async def CancelSaga(self, request: api.CancelSagaRequest, context: Context) -> api.CancelSagaResponse:
        """See the contract."""
        state = await self._act(Act.CANCEL, request, context)
        return api.CancelSagaResponse(saga=self._view(state))

    async def PauseSaga(self, request: api.PauseSagaRequest, context: Context) -> api.PauseSagaResponse:
        """See the contract."""
        state = await self._act(Act.PAUSE, request, context)
        return api.PauseSagaResponse(saga=self._view(state))

    async def ResumeSaga(self, request: api.ResumeSagaRequest, context: Context) -> api.ResumeSagaResponse:
        """See the contract."""
        state = await self._act(Act.RESUME, request, context)
        return api.ResumeSagaResponse(saga=self._view(state))

    async def RetryNow(self, request: api.RetryNowRequest, context: Context) -> api.RetryNowResponse:
        """See the contract."""
        state = await self._act(Act.RETRY_NOW, request, context)
        return api.RetryNowResponse(saga=self._view(state))

    async def SignalSaga(self, request: api.SignalSagaRequest, context: Context) -> api.SignalSagaResponse:
        """See the contract."""
        if request.message.Is(saga_pb2.Decision.DESCRIPTOR):
            refuse_without_role(current(), Role.APPROVER, "SignalSaga with a Decision")
        signal = signal_of(request, self._find(await self._sagas.get(request.saga_id)))
        state = await self._sagas.signal(request.saga_id, signal, patience=patience_of(context))
        return api.SignalSagaResponse(saga=self._view(state))

    async def DecideSaga(self, request: api.DecideSagaRequest, context: Context) -> api.DecideSagaResponse:
        """See the contract."""
        decision = saga_pb2.Decision(approved=request.approved, reason=request.reason)
        signal = decision_of(decision, request.name or APPROVAL, request.request_id)
        state = await self._sagas.signal(request.saga_id, signal, patience=patience_of(context))
        return api.DecideSagaResponse(saga=self._view(state))

    async def ResolveOutcome(self, request: api.ResolveOutcomeRequest, context: Context) -> api.ResolveOutcomeResponse:
        """See the contract."""
        state = await self._sagas.resolve_outcome(
            request.saga_id,
            request.key,
            took_effect=request.took_effect,
            reply=await self._reply(request),
            evidence=request.evidence,
            requested_by=actor(),
        )
        return api.ResolveOutcomeResponse(saga=self._view(state))

    async def ResolveCompensation(
        self, request: api.ResolveCompensationRequest, context: Context
    ) -> api.ResolveCompensationResponse:
        """See the contract."""
        state = await self._sagas.resolve_compensation(request.saga_id, request.key, request.evidence, actor())
        return api.ResolveCompensationResponse(saga=self._view(state))

    async def SkipCompensation(
        self, request: api.SkipCompensationRequest, context: Context
    ) -> api.SkipCompensationResponse:
        """See the contract."""
        state = await self._sagas.skip_compensation(request.saga_id, request.key, request.evidence, actor())
        return api.SkipCompensationResponse(saga=self._view(state))

    async def _act(self, act: Act, request: _ActRequest, context: Context) -> SagaState:
        return await self._sagas.act(act, request.saga_id, request.reason, actor(), patience=patience_of(context))

    async def _reply(self, request: api.ResolveOutcomeRequest) -> bytes | None:
        """The reply that the operator gives, checked against the command's contract."""
        if not request.HasField("reply"):
            return None
        command = find_command(await self._sagas.get(request.saga_id), request.key)
        contract = self._sagas.contract(command.method)
        if contract is None:
            raise InvalidInput(("reply", f"no contract at hand tells what {command.key} replies"))
        reply = unpack(request.reply, contract.response(), "reply").SerializeToString()
        if flaw := self._sagas.flaw(command.method, reply):
            raise InvalidInput(("reply", flaw.message))
        return reply

    def _served(self, definition: str, version: int) -> Served:
        served = self._sagas.find(definition, version)
        if served is None:
            known = ", ".join(str(saga.definition) for saga in self._sagas.served()) or "none"
            wanted = f"the saga {definition!r}" + (f", version {version}," if version else "")
            raise InvalidInput(("definition", f"{wanted} is not served; there are: {known}"))
        return served

    def _find(self, state: SagaState) -> Served | None:
        return self._sagas.find(state.definition, state.version)

    def _view(self, state: SagaState) -> saga_pb2.Saga:
        return saga_view(state, self._find(state), self._sagas.waiting(state))

    async def _waits_for(self, saga_id: str, reasons: Iterable[int]) -> bool:
        return waits_for(self._sagas.waiting(await self._sagas.get(saga_id)), reasons)

    async def _listed(self, record: SagaRecord) -> saga_pb2.Saga:
        suspended, cause = record.status is Status.SUSPENDED, record.cause
        reason = None if cause is None else Reason(cause.code, cause.message)
        reason = await suspension_of(self._sagas, record.saga_id) if suspended else reason
        if record.status is not Status.WAITING and not self._sagas.is_live(record.saga_id):
            return record_view(record, reason, ())
        state = await self._sagas.get(record.saga_id)
        if record.status is Status.WAITING:
            reason = state.rollback  # the store tells no cause of one that is parked while it goes back
        return record_view(record, reason, self._sagas.waiting(state))
