"""One replica's connection to a journal that all replicas of a world share, and what can go wrong with it.

Purpose: durability as it really is. What is appended while a transaction is under way waits for the next one. A
transaction takes time; it may fail before it is durable, or after. A process that crashes loses what it has not sent,
and learns nothing more. Invariant: what is durable is only ever changed by the journal beneath, in one step.

::

    append ──▶ waiting ──▶ under way ──┬──▶ durable ──┬──▶ acknowledged
                  │                    │              └──▶ "unavailable": its acknowledgement was lost
                  ▼                    └──▶ "unavailable": nothing was written
           lost in a crash
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from orchestrator.testing.world.bulk_acts import BulkActsConnection
from orchestrator.testing.world.figures import FiguresConnection
from orchestrator.testing.world.outbox import OutboxConnection
from orchestrator.testing.world.retention import RetentionConnection
from orchestrator.testing.world.schedules import SchedulesConnection
from orchestrator.testing.world.virtual_loop import call_outside

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.ports.catalogue import SagaCount, SagaFilter, SagaRecord, UnclaimedCount
    from orchestrator.ports.claims import Claim, DueClaims, LivingReplica, Served, SilentReplica
    from orchestrator.ports.journal import Append, Journal, Moving
    from orchestrator.ports.noted_waits import NotedWait
    from orchestrator.ports.queues import QueuedCount
    from orchestrator.ports.requested_acts import RequestedAct
    from orchestrator.ports.wakes import Woken
    from orchestrator.testing.world.virtual_loop import Process

T = TypeVar("T")
Batch: TypeAlias = "list[tuple[Append, asyncio.Future[None]]]"
Results: TypeAlias = "list[Exception | None]"
"""What each append of a transaction is answered with: an error, or ``None`` for done."""


class JournalConnection(
    SchedulesConnection, BulkActsConnection, FiguresConnection, OutboxConnection, RetentionConnection
):
    """A connection with which nothing goes wrong, and that takes no time.

    It is a :class:`~orchestrator.ports.journal.Journal`. A subclass says what goes wrong, by overriding :meth:`delay`,
    :meth:`commit`, :meth:`travel`, :meth:`note_claims` and :meth:`note_begun`.

    Args:
        journal: the journal beneath. Its methods must not wait for anything.
        process: the replica's. A transaction that is under way goes on without it.
    """

    def __init__(self, journal: Journal, process: Process) -> None:
        SchedulesConnection.__init__(self, journal, self._ask)
        FiguresConnection.__init__(self, journal, self._ask)
        BulkActsConnection.__init__(self, journal, self._ask)
        OutboxConnection.__init__(self, journal, self._ask)
        RetentionConnection.__init__(self, journal, self._ask)
        self.journal = journal
        self.process = process
        self._waiting: Batch = []
        self._under_way = False

    @property
    def shared(self) -> bool:
        """See the port."""
        return self.journal.shared

    def delay(self) -> float:
        """Seconds that the next message takes, in one direction."""
        return 0.0

    def commit(self, appends: Sequence[Append]) -> Results | None:
        """A transaction has reached the journal: write it.

        Returns:
            What the process is answered; ``None`` where no answer ever comes.
        """
        results: Results = []
        for append in appends:
            if self.process.crashed:
                return None
            results.append(self.write(append))
        return None if self.process.crashed else results

    async def travel(self, *, answered: bool) -> None:
        """A question is on its way to the journal, or its answer on the way back.

        Raises:
            JournalUnavailable: it does not arrive.
        """

    def note_claims(self, claims: Sequence[Claim]) -> None:
        """The journal beneath has given these claims to the process."""

    def note_begun(self, claims: Sequence[Claim]) -> None:
        """The same of claims to sagas that were queued."""

    def write(self, append: Append) -> Exception | None:
        """Write one append to the journal beneath; the error that it answers with."""
        error = self.journal.append(append).exception()
        assert error is None or isinstance(error, Exception)
        return error

    def append(self, append: Append) -> asyncio.Future[None]:
        """See the port. All that waits when a transaction begins is part of it."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((append, written))
        if not self._under_way:
            self._begin()
        return written

    def _begin(self) -> None:
        batch, self._waiting = self._waiting, []
        self._under_way = True
        done = asyncio.get_running_loop().create_future()
        # The process learns of the end in its own context, so that it does not where it has crashed.
        done.add_done_callback(lambda done: self._end(batch, done.result()))
        call_outside(self.delay(), self._arrive, batch, done)

    def _arrive(self, batch: Batch, done: asyncio.Future[Results]) -> None:
        results = self.commit([append for append, _ in batch])
        if results is not None:
            call_outside(self.delay(), done.set_result, results)

    def _end(self, batch: Batch, results: Results) -> None:
        if self.process.crashed:
            return
        for (_, written), error in zip(batch, results, strict=True):
            if written.cancelled():
                continue
            if error is None:
                written.set_result(None)
            else:
                written.set_exception(error)
        self._under_way = False
        if self._waiting:
            self._begin()

    async def read(self, saga_id: str) -> list[Entry]:
        """See the port."""
        return await self._ask(lambda: self.journal.read(saga_id))

    async def find(self, saga_id: str) -> SagaRecord | None:
        """See the port."""
        return await self._ask(lambda: self.journal.find(saga_id))

    async def find_each(self, saga_ids: Sequence[str]) -> list[SagaRecord]:
        """See the port."""
        return await self._ask(lambda: self.journal.find_each(saga_ids))

    async def inputs(self, saga_ids: Sequence[str]) -> dict[str, bytes]:
        """See the port."""
        return await self._ask(lambda: self.journal.inputs(saga_ids))

    async def search(
        self, where: SagaFilter, limit: int, page_token: str, *, oldest_first: bool = False
    ) -> tuple[list[SagaRecord], str]:
        """See the port."""
        return await self._ask(lambda: self.journal.search(where, limit, page_token, oldest_first=oldest_first))

    async def heartbeat(self, owner: str, lease: int) -> int:
        """See the port."""
        return await self._ask(lambda: self.journal.heartbeat(owner, lease))

    async def claim_unfinished(self, owner: str, limit: int, served: Served | None = None) -> list[Claim]:
        """See the port."""

        async def claim() -> list[Claim]:
            claims = await self.journal.claim_unfinished(owner, limit, served)
            self.note_claims(claims)
            return claims

        return await self._ask(claim)

    async def claim_due(self, owner: str, limit: int, served: Served | None = None, *, anew: bool = False) -> DueClaims:
        """See the port."""

        async def claim() -> DueClaims:
            due = await self.journal.claim_due(owner, limit, served, anew=anew)
            self.note_claims(due.claims)
            return due

        return await self._ask(claim)

    async def claimed(self, owner: str) -> list[Claim]:
        """See the port."""
        return await self._ask(lambda: self.journal.claimed(owner))

    async def claim_resting(self, owner: str, saga_id: str) -> Claim | None:
        """See the port."""

        async def claim() -> Claim | None:
            claim = await self.journal.claim_resting(owner, saga_id)
            self.note_claims([claim] if claim else [])
            return claim

        return await self._ask(claim)

    async def count(self) -> list[SagaCount]:
        """See the port."""
        return list(await self._ask(self.journal.count))

    async def release(self, owner: str) -> None:
        """See the port."""
        await self._ask(lambda: self.journal.release(owner))

    async def moving(self, owner: str, before: Moving | None) -> Moving:
        """See the port."""
        return await self._ask(lambda: self.journal.moving(owner, before))

    async def unclaimed(self) -> list[UnclaimedCount]:
        """See the port."""
        return await self._ask(self.journal.unclaimed)

    async def request_act(self, requested: RequestedAct) -> None:
        """See the port."""
        await self._ask(lambda: self.journal.request_act(requested))

    async def requested_acts(self, owner: str, limit: int, served: Served | None = None) -> Sequence[RequestedAct]:
        """See the port."""
        return await self._ask(lambda: self.journal.requested_acts(owner, limit, served))

    async def answer_act(self, request_id: str, answer: str) -> None:
        """See the port."""
        await self._ask(lambda: self.journal.answer_act(request_id, answer))

    async def act_answers(self, request_ids: Sequence[str]) -> Mapping[str, str]:
        """See the port."""
        return await self._ask(lambda: self.journal.act_answers(request_ids))

    async def note_waits(self, owner: str, begun: Sequence[NotedWait], ended: Sequence[str]) -> None:
        """See the port."""
        await self._ask(lambda: self.journal.note_waits(owner, begun, ended))

    async def noted_waits(self, but_of: str) -> Sequence[NotedWait]:
        """See the port."""
        return await self._ask(lambda: self.journal.noted_waits(but_of))

    async def woken(self) -> Woken:
        """See the port."""
        await self._unless_crashed()
        return await self.journal.woken()

    async def living(self) -> list[LivingReplica]:
        """See the port."""
        return await self._ask(self.journal.living)

    async def silent(self) -> list[SilentReplica]:
        """See the port."""
        return await self._ask(self.journal.silent)

    async def forget(self, owners: Sequence[str]) -> None:
        """See the port."""
        await self._ask(lambda: self.journal.forget(owners))

    async def queued(self) -> list[QueuedCount]:
        """See the port."""
        return await self._ask(self.journal.queued)

    async def claim_queued(self, owner: str, wanted: Mapping[str, int], served: Served | None = None) -> list[Claim]:
        """See the port."""

        async def claim() -> list[Claim]:
            claims = await self.journal.claim_queued(owner, wanted, served)
            self.note_begun(claims)
            return claims

        return await self._ask(claim)

    async def take_portion(self, name: str, interval: int, number: int) -> int:
        """See the port."""
        return await self._ask(lambda: self.journal.take_portion(name, interval, number))

    async def close(self) -> None:
        """See the port. The journal beneath stays open: other replicas use it."""

    async def _ask(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Everything that is not an append."""
        await self._unless_crashed()
        await self.travel(answered=False)
        answer = await ask()
        await self.travel(answered=True)
        await self._unless_crashed()
        return answer

    async def _unless_crashed(self) -> None:
        if self.process.crashed:
            await asyncio.get_running_loop().create_future()


def result_of(answer: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that waits for nothing."""
    try:
        answer.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    raise AssertionError("the journal beneath waits for something")
