"""The facade over the sagas of one Temporal cluster; see the facade for each method.

What is not there says so when it is asked for: :class:`~orchestrator.errors.NotOffered`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from orchestrator.engine.replay_check import Finding, Verifier
from orchestrator.engine.run.rollback.preview import preview
from orchestrator.engine.sagas import (
    PATIENCE_SECONDS,
    Load,
    Loads,
    ParticipantHealth,
    RecoveryProgress,
    ReplayFinding,
    Signal,
)
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.acting import Acting
from orchestrator.engine.temporal.finding.asking import Workflows, told_as_journal_errors
from orchestrator.engine.temporal.finding.history import read_start
from orchestrator.engine.temporal.finding.listing import Listing
from orchestrator.engine.temporal.finding.looking import Looking
from orchestrator.engine.temporal.finding.told import has_told
from orchestrator.engine.temporal.finding.watching import Watching
from orchestrator.engine.temporal.hosting.beginning import Beginning, new_saga, shown_of
from orchestrator.engine.temporal.new_workflows import NewWorkflows
from orchestrator.engine.temporal.wire import read_delta, text_of, write
from orchestrator.errors import NotOffered, SagaNotFound
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act, refuse_illegal
from orchestrator.journal.entries import SagaStarted
from orchestrator.journal.fold import fold
from orchestrator.journal.four_eyes import ONE_PERSON
from orchestrator.journal.reason import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from temporalio.client import Client

    from orchestrator.contract.command import Command
    from orchestrator.engine.bindings.binding import Bindings
    from orchestrator.engine.definitions import ServedSaga, ServedSagas
    from orchestrator.engine.sagas import PlannedCompensation, StartSaga, Waiting
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.four_eyes import FourEyes
    from orchestrator.journal.outcome import Failure
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.catalogue import SagaCount, SagaFilter, SagaRecord, UnclaimedCount
    from orchestrator.ports.claims import LivingReplica
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.figures import Counted, Window
    from orchestrator.ports.observer import Observer

_INPUTS_AT_ONCE: Final = 20
_PARENT: Final = Actor("parent")


class TemporalSagas:
    """The sagas of one cluster, as one process sees them.

    Args:
        client: of the cluster.
        served: the definitions that this process serves.
        bindings: their commands and children.
        reached: the commands, with the circuit breakers of this process.
        observer: says whether a trace is exported.
        clock: the time.
        sinks: the names of those that are told events.
        four_eyes: what two people must ask for.

    Attributes:
        watch: a saga, then after each of its changes; see the facade.
        watch_all: every saga, after its changes.
        suspended: those that wait for an operator, by what for; see the facade.
        wait: a saga once it has ended or is suspended, or as it stands after so many seconds.
    """

    def __init__(
        self,
        client: Client,
        served: ServedSagas,
        bindings: Bindings,
        reached: Bindings,
        observer: Observer,
        clock: Clock,
        sinks: Sequence[str] = (),
        four_eyes: FourEyes = ONE_PERSON,
    ) -> None:
        self._client = client
        self._workflows = Workflows(client)
        self._served = served
        self._bindings = bindings
        self._reached = reached
        self._observer = observer
        self._clock = clock
        self._sinks = sinks
        self._new_workflows = NewWorkflows(client)
        self._looking = looking = Looking(self._workflows)
        self._verifier: Verifier | None = None
        watching = Watching(client, looking, clock)
        self._acting = Acting(client, self._workflows, self._new_workflows, looking.look, served, clock, four_eyes)
        self._listing = Listing(client, clock)
        self.suspended = self._listing.suspended
        self.watch = watching.watch
        self.watch_all = watching.watch_all
        self.wait = watching.wait

    @property
    def live(self) -> int:
        """Attempts that this process makes at this moment: the sagas themselves are on the cluster."""
        return sum(breaker.in_flight for breaker in self._reached.breakers.values())

    def served(self) -> Iterable[ServedSaga]:
        """See the facade."""
        return self._served

    def find(self, definition: str, version: int) -> ServedSaga | None:
        """See the facade."""
        return self._served.find(definition, version)

    def contract(self, method: str) -> Command | None:
        """See the facade."""
        binding = self._bindings.by_name(method)
        return None if binding is None else binding.command

    def flaw(self, method: str, reply: bytes) -> Failure | None:
        """See the facade."""
        binding = self._bindings.by_name(method)
        assert binding is not None, f"no contract of {method} is at hand"
        return binding.flaw(reply)

    def is_live(self, saga_id: str) -> bool:  # noqa: ARG002 - the facade's
        """Never here: a saga is on the cluster."""
        return False

    async def start(
        self, start: StartSaga, wait: float = 0.0, *, stopped: Callable[[], None] = lambda: None
    ) -> SagaState:
        """See the facade. Temporal knows a saga that has ended for as long as its retention says."""
        stopped()
        sampled = self._observer.samples(start.saga_id, start.traceparent)
        served = self.find(start.definition, start.version)
        beginning = new_saga(start, served, self._clock.now(), sampled=sampled, sinks=self._sinks)
        is_new = await self._new_workflows.start(start, beginning)
        if wait > 0:
            return await self.wait(start.saga_id, wait)
        return fold(start.saga_id, read_delta(beginning.first)[1]) if is_new else await self.get(start.saga_id)

    async def get(self, saga_id: str) -> SagaState:
        """See the facade."""
        return (await self._looking.look(saga_id)).state

    async def entries(self, saga_id: str) -> list[Entry]:
        """See the facade."""
        try:
            return (await self._looking.look(saga_id)).entries
        except SagaNotFound:
            return []

    async def search(
        self, where: SagaFilter, limit: int, page_token: str, *, oldest_first: bool = False
    ) -> tuple[list[SagaRecord], str]:
        """See the facade. The newest first are those that have not ended, then the others by their ends.

        A page may be short, and has a next one all the same.
        """
        page = self._listing.oldest if oldest_first else self._listing.newest
        return await page(where, limit, page_token)

    async def count(self) -> Sequence[SagaCount]:
        """See the facade."""
        return await self._listing.count({served.definition.name for served in self._served})

    async def unclaimed(self) -> Sequence[UnclaimedCount]:
        """None: what no worker takes stands in its task queue."""
        return []

    async def loads(self) -> Loads:
        """See the facade. There is no queue of ours, and no limit: task queues have theirs."""
        names_served = sorted({served.definition.name for served in self._served})
        return Loads([Load(name, 0, 0, 0, 0, 0) for name in names_served], 0, 0)

    def waiting(self, state: SagaState) -> list[Waiting]:
        """See the facade: what its history said when it was read last, and what the journal says."""
        return self._looking.waiting(state)

    def all_waiting(self) -> Iterable[tuple[SagaState, list[Waiting]]]:
        """None are advanced here."""
        return ()

    async def waiting_elsewhere(self, reasons: Collection[int]) -> Sequence[SagaRecord]:  # noqa: ARG002 - the facade's
        """Not known: a backoff is the workflow's own."""
        return []

    async def refuse_act(self, act: Act, saga_id: str) -> None:
        """See the facade."""
        asked = await self._looking.look(saga_id)
        refuse_illegal(act, asked.state, backs_off=asked.backs_off)

    async def act(
        self, act: Act, saga_id: str, why: str, requested_by: Actor, *, patience: float = PATIENCE_SECONDS
    ) -> SagaState:
        """See the facade."""
        await self._acting.act(act, saga_id, why, requested_by, patience)
        return await self.get(saga_id)

    async def signal(self, saga_id: str, signal: Signal, *, patience: float = PATIENCE_SECONDS) -> SagaState:
        """See the facade."""
        await self._acting.act(Act.SIGNAL, saga_id, signal.written(), signal.requested_by, patience)
        return await self.get(saga_id)

    async def resolve_outcome(
        self, saga_id: str, key: str, *, took_effect: bool, reply: bytes | None, evidence: str, requested_by: Actor
    ) -> SagaState:
        """See the facade."""
        more = {"key": key, "took_effect": took_effect, "reply": text_of(reply)}
        await self._acting.act(Act.RESOLVE_OUTCOME, saga_id, evidence, requested_by, PATIENCE_SECONDS, **more)
        return await self.get(saga_id)

    async def resolve_compensation(self, saga_id: str, key: str, evidence: str, requested_by: Actor) -> SagaState:
        """See the facade."""
        more = {"key": key, "took_effect": False, "reply": None}
        await self._acting.act(Act.RESOLVE_COMPENSATION, saga_id, evidence, requested_by, PATIENCE_SECONDS, **more)
        return await self.get(saga_id)

    async def skip_compensation(self, saga_id: str, key: str, evidence: str, requested_by: Actor) -> SagaState:
        """See the facade."""
        more = {"key": key, "took_effect": False, "reply": None}
        await self._acting.act(Act.SKIP_COMPENSATION, saga_id, evidence, requested_by, PATIENCE_SECONDS, **more)
        return await self.get(saga_id)

    def preview(self, state: SagaState) -> list[PlannedCompensation]:
        """See the facade."""
        return preview(state, self._bindings)

    def participants(self) -> list[ParticipantHealth]:
        """See the facade."""
        return [
            ParticipantHealth(service, breaker.in_flight, breaker.waiting, breaker.down_since, breaker.rate)
            for service, breaker in self._reached.breakers.items()
        ]

    def recovery(self) -> RecoveryProgress:
        """There is nothing to recover: the cluster knows every saga."""
        return RecoveryProgress(under_way=False, recovered=0, expected=0)

    async def figures(self, window: Window) -> Sequence[Counted]:  # noqa: ARG002 - the facade's
        """Not offered."""
        raise NotOffered("Temporal keeps no figures of how sagas fared; the metrics of the workers tell that")

    async def verify(self, saga_id: str) -> ReplayFinding:
        """See the facade: our own check, of what the history holds; Temporal's is ``orchestrator engine replay``."""
        asked = await self._looking.look(saga_id)
        stopped = asked.state.suspension
        if asked.diverged and stopped is not None and stopped.code is ReasonCode.DIVERGED:
            return ReplayFinding(in_line=False, finding=Finding.DIVERGED.value, message=stopped.message)
        if self._verifier is None:
            self._verifier = Verifier((served.definition, served.plan) for served in self._served)
        verdict = await self._verifier.verify(saga_id, asked.entries)
        return ReplayFinding(verdict.finding is Finding.IN_LINE, verdict.finding.value, verdict.message)

    async def inputs(self, saga_ids: Sequence[str]) -> Mapping[str, bytes]:
        """See the facade."""
        found: dict[str, bytes] = {}
        for first in range(0, len(saga_ids), _INPUTS_AT_ONCE):
            at_once = saga_ids[first : first + _INPUTS_AT_ONCE]
            inputs = await asyncio.gather(*map(self._input, at_once))
            found |= {saga_id: data for saga_id, data in zip(at_once, inputs, strict=True) if data is not None}
        return found

    async def replicas(self) -> Sequence[LivingReplica]:
        """None of ours: ``orchestrator doctor`` tells of the workers."""
        return []

    async def roll_back_child(self, saga_id: str, tombstone: bytes) -> None:
        """Roll a child back, also where it has completed; where it was never started, write that down."""
        state = fold(saga_id, read_delta(tombstone)[1])
        opening = write(why="tombstone", published=dict.fromkeys(self._sinks, 0))
        beginning = Beginning(opening, tombstone, *shown_of(state, b""))
        if not await self._new_workflows.begin(saga_id, names.queue_of(state.definition, state.version), beginning):
            await self._acting.roll_back_child(saga_id, "its parent is rolled back", _PARENT)

    async def release_child(self, saga_id: str) -> None:
        """Let a child that has completed end."""
        try:
            await self._workflows.act(saga_id, "RELEASE", "its parent has ended", _PARENT, PATIENCE_SECONDS)
        except SagaNotFound:
            return  # it was never started

    async def has_told(self, saga_id: str, sink: str) -> bool:
        """Whether a saga has told a sink all that it tells by itself; one whose workflow has ended does no more."""
        return await has_told(self._client, saga_id, sink)

    async def _input(self, saga_id: str) -> bytes | None:
        try:
            async with told_as_journal_errors(saga_id):
                _, entries = await read_start(self._client, saga_id)
        except SagaNotFound:
            return None
        return entries[0].input if entries and isinstance(entries[0], SagaStarted) else None
