"""The facade over many sagas in one process."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from orchestrator.engine.bulk.sagas import BulkSagas
from orchestrator.engine.replay_check import Finding, Verifier
from orchestrator.engine.replica.acting.acts import Acts
from orchestrator.engine.replica.acting.asking import Asking
from orchestrator.engine.replica.acting.carrying_out import CarryingOut
from orchestrator.engine.replica.acting.signals import Signals
from orchestrator.engine.replica.answers import WakingByAnswers
from orchestrator.engine.replica.bulk.control import BulkControl
from orchestrator.engine.replica.bulk.runner import BulkRunner
from orchestrator.engine.replica.capacity.loads import loads_of
from orchestrator.engine.replica.noted_waits import NotingWaits
from orchestrator.engine.replica.readings import WorkerReadings
from orchestrator.engine.replica.schedule_runner import ScheduleRunner
from orchestrator.engine.run.rollback.preview import preview
from orchestrator.engine.run.waits.journalled import journalled_waits
from orchestrator.engine.sagas import PATIENCE_SECONDS, ParticipantHealth, RecoveryProgress, ReplayFinding
from orchestrator.engine.schedules.acts import ScheduleActs
from orchestrator.errors import ClaimLost
from orchestrator.journal.acts import Act, refuse_illegal
from orchestrator.journal.four_eyes import ONE_PERSON
from orchestrator.journal.state import CLAIMABLE, Status
from orchestrator.ports.wakes import Wake

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from orchestrator.contract.command import Command
    from orchestrator.engine.definitions import ServedSaga
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.engine.sagas import Loads, PlannedCompensation, Signal, Waiting
    from orchestrator.journal.actor import Actor
    from orchestrator.journal.decisions import CommandDecision
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.four_eyes import FourEyes
    from orchestrator.journal.outcome import Failure
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.catalogue import SagaCount, SagaFilter, SagaRecord, UnclaimedCount
    from orchestrator.ports.claims import LivingReplica
    from orchestrator.ports.figures import Counted, SuspendedGroup, Window


class Replica:
    """The sagas of one replica, and of the journal that it shares with others; see the facade for each method.

    Args:
        worker: advances the sagas.
        four_eyes: what two people must ask for.

    Attributes:
        worker: as given.
        acts: what operators can do to the sagas that are advanced here, or rest.
        signals: gives these sagas signals.
        carrying_out: what other replicas want to be done to them.
        schedules: when sagas start by themselves; see its own facade.
        bulk: the same act on many sagas; see its own facade.
        bulk_runner: carries these on.
        start: starts a saga; this and the following as the facade says.
        get: a saga as it stands.
        watch: a saga, then after each of its changes.
        watch_all: every saga, after each of its changes.
        readings: what those who measure can read of it.
    """

    def __init__(self, worker: Worker, four_eyes: FourEyes = ONE_PERSON) -> None:
        self.worker = worker
        self.acts = Acts(worker, four_eyes)
        self.signals = Signals(worker, self.acts, four_eyes)
        self.carrying_out = CarryingOut(worker, self.acts, self.signals, worker.served.versions)
        journal, clock = worker.adapters.journal, worker.adapters.clock
        WakingByAnswers(worker, worker.adapters.answers)
        runner = ScheduleRunner(worker)
        worker.beside.append(runner)
        self.schedules = ScheduleActs(journal, journal.find, runner.hurry)
        self.bulk_runner = BulkRunner(worker, BulkSagas(self, clock))
        worker.beside.append(self.bulk_runner)
        self.bulk = BulkControl(journal, clock, self.bulk_runner.hurry)
        self._noting_waits = NotingWaits(journal, clock, worker.owner, worker.live)
        if journal.shared:
            worker.beside += (self.carrying_out, self._noting_waits)
        self._asking = Asking(worker.adapters, worker.owner, self.carrying_out.hurry)
        worker.waking.on(Wake.REQUESTED, lambda _: self.carrying_out.hurry())
        worker.waking.on(Wake.ANSWERED, lambda _: self._asking.hurry())
        # The worker's own, and not called from here: nothing is to be added.
        self.start = worker.start
        self.get = worker.get
        self.watch = worker.watch
        self.watch_all = worker.watch_all
        self.readings = WorkerReadings(worker)

    @property
    def live(self) -> int:
        """See :class:`~orchestrator.engine.sagas.Sagas`."""
        return len(self.worker.live)

    def served(self) -> Iterable[ServedSaga]:
        """See the facade."""
        return self.worker.served

    def find(self, definition: str, version: int) -> ServedSaga | None:
        """See the facade."""
        return self.worker.served.find(definition, version)

    def contract(self, method: str) -> Command | None:
        """See the facade."""
        binding = self.worker.bindings.by_name(method)
        return None if binding is None else binding.command

    def flaw(self, method: str, reply: bytes) -> Failure | None:
        """See the facade."""
        binding = self.worker.bindings.by_name(method)
        assert binding is not None, f"no contract of {method} is at hand"
        return binding.flaw(reply)

    def is_live(self, saga_id: str) -> bool:
        """See the facade."""
        return saga_id in self.worker.live

    async def entries(self, saga_id: str) -> list[Entry]:
        """See the facade."""
        return await self.worker.adapters.journal.read(saga_id)

    async def search(
        self, where: SagaFilter, limit: int, page_token: str, *, oldest_first: bool = False
    ) -> tuple[list[SagaRecord], str]:
        """See the facade."""
        return await self.worker.adapters.journal.search(where, limit, page_token, oldest_first=oldest_first)

    async def count(self) -> Sequence[SagaCount]:
        """See the facade."""
        return await self.worker.adapters.journal.count()

    async def unclaimed(self) -> Sequence[UnclaimedCount]:
        """See the facade."""
        # Where no other replica can be, this one claims all that it finds.
        journal = self.worker.adapters.journal
        return await journal.unclaimed() if journal.shared else []

    async def loads(self) -> Loads:
        """See the facade."""
        return await loads_of(self.worker.queueing, {saga.definition.name for saga in self.worker.served})

    def waiting(self, state: SagaState) -> list[Waiting]:
        """See the facade."""
        executor = self.worker.live.get(state.saga_id)
        return ([] if executor is None else executor.waiting) + journalled_waits(state)

    def all_waiting(self) -> Iterable[tuple[SagaState, list[Waiting]]]:
        """See the facade."""
        for executor in self.worker.live.values():
            if waiting := executor.waiting + journalled_waits(executor.state):
                yield executor.state, waiting

    async def waiting_elsewhere(self, reasons: Collection[int]) -> Sequence[SagaRecord]:
        """See the facade."""
        return await self._noting_waits.elsewhere(reasons)

    async def refuse_act(self, act: Act, saga_id: str) -> None:
        """See the facade."""
        await self.worker.ensure_recovered(saga_id)
        executor = self.worker.live.get(saga_id)
        backs_off = executor.backs_off if executor is not None else await self.worker.is_elsewhere(saga_id)
        refuse_illegal(act, await self.get(saga_id), backs_off=backs_off)

    async def act(
        self,
        act: Act,
        saga_id: str,
        why: str,
        requested_by: Actor,
        *,
        patience: float = PATIENCE_SECONDS,
        request_id: str = "",
    ) -> SagaState:
        """See the facade. The id of a request, where one is given, is journalled; see :class:`BulkSagas`."""
        await self.worker.ensure_recovered(saga_id)
        if not await self._is_for_another(act, saga_id):
            try:
                return await self._act(act, saga_id, why, requested_by, request_id)
            except ClaimLost:
                if not self.worker.adapters.journal.shared:
                    raise
                # Another replica has the saga since: nothing was done here.
        await self._asking.ask(act, saga_id, why, requested_by, patience, request_id)
        return await self.get(saga_id)

    async def _is_for_another(self, act: Act, saga_id: str) -> bool:
        """Whether the saga is advanced elsewhere, or has to go on with code that is not served here."""
        if not self.worker.adapters.journal.shared or saga_id in self.worker.live:
            return False
        state = await self.get(saga_id)
        goes_on = act in {Act.CANCEL, Act.RESUME, Act.SIGNAL} and state.status in {Status.SUSPENDED, Status.WAITING}
        return state.status in CLAIMABLE or (goes_on and self.find(state.definition, state.version) is None)

    async def _act(self, act: Act, saga_id: str, why: str, requested_by: Actor, request_id: str) -> SagaState:
        match act:
            case Act.CANCEL:
                return await self.acts.cancel(saga_id, why, requested_by, request_id)
            case Act.PAUSE:
                return await self.acts.pause(saga_id, why, requested_by, request_id)
            case Act.RESUME:
                return await self.acts.resume(saga_id, why, requested_by, request_id)
            case Act.RETRY_NOW:
                return await self.acts.retry_now(saga_id, why, requested_by, request_id)
            case Act.RESOLVE_OUTCOME | Act.RESOLVE_COMPENSATION | Act.SKIP_COMPENSATION | Act.SIGNAL:
                raise ValueError(f"{act} says more than that; it has a method of its own")

    async def signal(self, saga_id: str, signal: Signal, *, patience: float = PATIENCE_SECONDS) -> SagaState:
        """See the facade."""
        await self.worker.ensure_recovered(saga_id)
        if not await self._is_for_another(Act.SIGNAL, saga_id):
            try:
                return await self.signals.give(saga_id, signal)
            except ClaimLost:
                if not self.worker.adapters.journal.shared:
                    raise
        await self._asking.ask(Act.SIGNAL, saga_id, signal.written(), signal.requested_by, patience)
        return await self.get(saga_id)

    async def resolve_outcome(
        self, saga_id: str, key: str, *, took_effect: bool, reply: bytes | None, evidence: str, requested_by: Actor
    ) -> SagaState:
        """See the facade."""
        await self.worker.ensure_recovered(saga_id)
        return await self.acts.resolve_outcome(
            saga_id, key, took_effect=took_effect, reply=reply, evidence=evidence, requested_by=requested_by
        )

    async def resolve_compensation(self, saga_id: str, key: str, evidence: str, requested_by: Actor) -> SagaState:
        """See the facade."""
        await self.worker.ensure_recovered(saga_id)
        return await self.acts.resolve_compensation(saga_id, key, evidence, requested_by)

    async def skip_compensation(self, saga_id: str, key: str, evidence: str, requested_by: Actor) -> SagaState:
        """See the facade."""
        await self.worker.ensure_recovered(saga_id)
        return await self.acts.skip_compensation(saga_id, key, evidence, requested_by)

    async def decide(
        self, act: Act, saga_id: str, decision: CommandDecision, evidence: str, requested_by: Actor, request_id: str
    ) -> SagaState:
        """See :class:`Acts`."""
        await self.worker.ensure_recovered(saga_id)
        return await self.acts.decide(act, saga_id, decision, evidence, requested_by, request_id)

    async def needs_second(self, act: Act, saga_id: str, decision: CommandDecision, requested_by: Actor) -> bool:
        """See :class:`Acts`."""
        await self.worker.ensure_recovered(saga_id)
        return await self.acts.needs_second(act, saga_id, decision, requested_by)

    def preview(self, state: SagaState) -> list[PlannedCompensation]:
        """See the facade."""
        return preview(state, self.worker.bindings)

    def participants(self) -> list[ParticipantHealth]:
        """See the facade."""
        return [
            ParticipantHealth(service, breaker.in_flight, breaker.waiting, breaker.down_since, breaker.rate)
            for service, breaker in self.worker.bindings.breakers.items()
        ]

    def recovery(self) -> RecoveryProgress:
        """See the facade."""
        recovery = self.worker.recovery
        return RecoveryProgress(recovery.under_way, recovery.recovered, recovery.expected)

    async def figures(self, window: Window) -> Sequence[Counted]:
        """See the facade."""
        return await self.worker.adapters.journal.figures(window)

    async def suspended(self) -> Sequence[SuspendedGroup]:
        """See the facade."""
        return await self.worker.adapters.journal.suspended()

    async def inputs(self, saga_ids: Sequence[str]) -> Mapping[str, bytes]:
        """See the facade."""
        return await self.worker.adapters.journal.inputs(saga_ids)

    async def replicas(self) -> Sequence[LivingReplica]:
        """See the facade."""
        return await self.worker.adapters.journal.living()

    async def verify(self, saga_id: str) -> ReplayFinding:
        """See the facade."""
        verdict = await self._verifier.verify(saga_id, await self.entries(saga_id))
        return ReplayFinding(verdict.finding is Finding.IN_LINE, verdict.finding.value, verdict.message)

    @cached_property
    def _verifier(self) -> Verifier:
        return Verifier((served.definition, served.plan) for served in self.served())
