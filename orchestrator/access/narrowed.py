"""The engine as a caller sees it who is narrowed to some definitions, or to sagas with some attributes.

Purpose: a tenant's token opens the tenant's sagas alone, in our API and in an application's, whatever their servicers
ask for. Invariant: a saga out of reach is not there: it is not found, not listed, not counted and not told of. Only to
start one is refused with a reason, because that tells nothing.

A caller who is not narrowed, and the process itself, see the engine as it is.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.access.subject import current
from orchestrator.engine.sagas import PATIENCE_SECONDS
from orchestrator.errors import NotAllowed, SagaNotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence

    from orchestrator.access.subject import Subject
    from orchestrator.contract.command import Command
    from orchestrator.engine.sagas import (
        Loads,
        ParticipantHealth,
        PlannedCompensation,
        RecoveryProgress,
        ReplayFinding,
        Sagas,
        Served,
        Signal,
        StartSaga,
        Waiting,
    )
    from orchestrator.journal.actor import Actor
    from orchestrator.journal.acts import Act
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.outcome import Failure
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.catalogue import SagaCount, SagaFilter, SagaRecord, UnclaimedCount
    from orchestrator.ports.claims import LivingReplica
    from orchestrator.ports.figures import Counted, SuspendedGroup, Window


class NarrowedSagas:
    """The facade of an engine, :class:`~orchestrator.engine.sagas.Sagas`, for the present caller.

    Args:
        sagas: the engine.
    """

    def __init__(self, sagas: Sagas) -> None:
        self._sagas = sagas

    @property
    def live(self) -> int:
        """See the facade."""
        return self._sagas.live

    def served(self) -> Iterable[Served]:
        """See the facade."""
        return self._sagas.served()

    def find(self, definition: str, version: int) -> Served | None:
        """See the facade."""
        return self._sagas.find(definition, version)

    def contract(self, method: str) -> Command | None:
        """See the facade."""
        return self._sagas.contract(method)

    def flaw(self, method: str, reply: bytes) -> Failure | None:
        """See the facade."""
        return self._sagas.flaw(method, reply)

    def is_live(self, saga_id: str) -> bool:
        """See the facade."""
        return self._sagas.is_live(saga_id)

    async def start(
        self, start: StartSaga, wait: float = 0.0, *, stopped: Callable[[], None] = lambda: None
    ) -> SagaState:
        """See the facade.

        Raises:
            NotAllowed: the caller could not see the saga.
        """
        subject = narrowing()
        if subject and not subject.covers(start.definition, start.attributes):
            stopped()
            raise NotAllowed("OUT_OF_REACH", f"you may start only sagas of {told_reach(subject)}")
        return await self._sagas.start(start, wait, stopped=stopped)

    async def get(self, saga_id: str) -> SagaState:
        """See the facade."""
        state = await self._sagas.get(saga_id)
        return _reached(state)

    async def entries(self, saga_id: str) -> list[Entry]:
        """See the facade."""
        await self._reach(saga_id)
        return await self._sagas.entries(saga_id)

    async def search(
        self, where: SagaFilter, limit: int, page_token: str, *, oldest_first: bool = False
    ) -> tuple[list[SagaRecord], str]:
        """See the facade. A page of a caller who is narrowed may have fewer sagas than there is room for."""
        subject = narrowing()
        if subject is None:
            return await self._sagas.search(where, limit, page_token, oldest_first=oldest_first)
        wanted = replace(where, attributes=tuple(dict.fromkeys((*where.attributes, *subject.attributes))))
        if not where.definition and len(subject.definitions) == 1:
            wanted = replace(wanted, definition=next(iter(subject.definitions)))
        found, token = await self._sagas.search(wanted, limit, page_token, oldest_first=oldest_first)
        return [each for each in found if subject.covers(each.definition, each.attributes)], token

    async def count(self) -> Sequence[SagaCount]:
        """See the facade. What is counted says nothing of attributes, so who is narrowed by these is told nothing."""
        return _countable(await self._sagas.count())

    async def unclaimed(self) -> Sequence[UnclaimedCount]:
        """See the facade, and :meth:`count`."""
        return _countable(await self._sagas.unclaimed())

    async def watch(self, saga_id: str) -> AsyncIterator[SagaState]:
        """See the facade."""
        await self._reach(saga_id)
        async for state in self._sagas.watch(saga_id):
            yield state

    async def watch_all(self) -> AsyncIterator[SagaState]:
        """See the facade."""
        async for state in self._sagas.watch_all():
            if can_be_seen(state.definition, state.attributes):
                yield state

    async def loads(self) -> Loads:
        """See the facade, and :meth:`count`."""
        loads = await self._sagas.loads()
        return loads._replace(definitions=_countable(loads.definitions))

    def waiting(self, state: SagaState) -> list[Waiting]:
        """See the facade. Who has the state may see the saga."""
        return self._sagas.waiting(state)

    def all_waiting(self) -> Iterable[tuple[SagaState, list[Waiting]]]:
        """See the facade."""
        for state, waiting in self._sagas.all_waiting():
            if can_be_seen(state.definition, state.attributes):
                yield state, waiting

    async def waiting_elsewhere(self, reasons: Collection[int]) -> Sequence[SagaRecord]:
        """See the facade."""
        found = await self._sagas.waiting_elsewhere(reasons)
        return [each for each in found if can_be_seen(each.definition, each.attributes)]

    async def refuse_act(self, act: Act, saga_id: str) -> None:
        """See the facade."""
        await self._reach(saga_id)
        await self._sagas.refuse_act(act, saga_id)

    async def act(
        self, act: Act, saga_id: str, why: str, requested_by: Actor, *, patience: float = PATIENCE_SECONDS
    ) -> SagaState:
        """See the facade."""
        await self._reach(saga_id)
        return await self._sagas.act(act, saga_id, why, requested_by, patience=patience)

    async def signal(self, saga_id: str, signal: Signal, *, patience: float = PATIENCE_SECONDS) -> SagaState:
        """See the facade."""
        await self._reach(saga_id)
        return await self._sagas.signal(saga_id, signal, patience=patience)

    async def resolve_outcome(
        self, saga_id: str, key: str, *, took_effect: bool, reply: bytes | None, evidence: str, requested_by: Actor
    ) -> SagaState:
        """See the facade."""
        await self._reach(saga_id)
        return await self._sagas.resolve_outcome(
            saga_id, key, took_effect=took_effect, reply=reply, evidence=evidence, requested_by=requested_by
        )

    async def resolve_compensation(self, saga_id: str, key: str, evidence: str, requested_by: Actor) -> SagaState:
        """See the facade."""
        await self._reach(saga_id)
        return await self._sagas.resolve_compensation(saga_id, key, evidence, requested_by)

    async def skip_compensation(self, saga_id: str, key: str, evidence: str, requested_by: Actor) -> SagaState:
        """See the facade."""
        await self._reach(saga_id)
        return await self._sagas.skip_compensation(saga_id, key, evidence, requested_by)

    def preview(self, state: SagaState) -> list[PlannedCompensation]:
        """See the facade."""
        return self._sagas.preview(state)

    def participants(self) -> list[ParticipantHealth]:
        """See the facade."""
        return self._sagas.participants()

    def recovery(self) -> RecoveryProgress:
        """See the facade."""
        return self._sagas.recovery()

    async def figures(self, window: Window) -> Sequence[Counted]:
        """See the facade, and :meth:`count`."""
        return _countable(await self._sagas.figures(window))

    async def suspended(self) -> Sequence[SuspendedGroup]:
        """See the facade, and :meth:`count`."""
        return _countable(await self._sagas.suspended())

    async def replicas(self) -> Sequence[LivingReplica]:
        """See the facade. What a replica advances is no saga's name, but who is narrowed is told of none."""
        return [] if narrowing() else await self._sagas.replicas()

    async def verify(self, saga_id: str) -> ReplayFinding:
        """See the facade."""
        await self._reach(saga_id)
        return await self._sagas.verify(saga_id)

    async def inputs(self, saga_ids: Sequence[str]) -> Mapping[str, bytes]:
        """See the facade. Who is narrowed is told no input of a saga that they may not see."""
        if narrowing() is None:
            return await self._sagas.inputs(saga_ids)
        found: dict[str, bytes] = {}
        for saga_id in saga_ids:
            with contextlib.suppress(SagaNotFound):
                found[saga_id] = (await self.get(saga_id)).input
        return found

    async def _reach(self, saga_id: str) -> None:
        """Raises: SagaNotFound: the caller may not see it, or there is none."""
        if narrowing():
            await self.get(saga_id)


def can_be_seen(definition: str, attributes: Iterable[tuple[str, str]]) -> bool:
    """Whether the caller may see such a saga."""
    subject = narrowing()
    return subject is None or subject.covers(definition, attributes)


def narrowing() -> Subject | None:
    """The caller, where there may be sagas that they may not see."""
    try:
        subject = current()
    except LookupError:
        return None
    return subject if subject.is_narrowed else None


def _reached(state: SagaState) -> SagaState:
    if not can_be_seen(state.definition, state.attributes):
        raise SagaNotFound(state.saga_id)
    return state


def _countable(counts: Sequence[Any]) -> list[Any]:
    subject = narrowing()
    if subject is None:
        return list(counts)
    return [] if subject.attributes else [each for each in counts if each.definition in subject.definitions]


def told_reach(subject: Subject) -> str:
    """Which sagas the caller may see, in words."""
    pairs = [f"{name}={value}" for name, value in subject.attributes]
    return " and ".join(filter(None, (" or ".join(sorted(subject.definitions)), *pairs)))
