"""Claims the sagas that no replica advances, and keeps this replica's claims alive.

Purpose: a saga that a crashed or silent replica no longer advances is recovered, and so is one that a failing journal
has stopped here, and one that was parked and is due (:mod:`~orchestrator.engine.replica.claiming.timers`). Invariant: a
claimed saga is live, or its recovery is deferred until the journal is back, or this version cannot read it, which is
logged; it is never forgotten.

A start or a claim that has failed may stand all the same, and it may come to stand at any time: while a synchronous
standby does not answer, the transaction waits in the server for as long as that lasts. Then this replica owns a saga
of which it does not know, and no other one claims what a living replica owns. So after a failure the journal is asked
again and again what is claimed here: with each heartbeat for a while, and once in a lease for as long as the replica
lives. (The other way was a new name for the replica after a failure, so that what stands under the old one lapses. But
the sagas that are live have the old one, too: to leave them to others would send again what is in flight, and would
suspend whatever cannot be sent again.)
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.engine.replica.claiming.doubt import Doubt
from orchestrator.engine.replica.claiming.timers import Timers
from orchestrator.engine.replica.claiming.unclaimed import Unclaimed
from orchestrator.engine.replica.pause import Pause
from orchestrator.errors import JournalError
from orchestrator.journal.fold import fold
from orchestrator.journal.logged import about_saga_id
from orchestrator.journal.state import UNFINISHED, Status

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from orchestrator.engine.run.executor import Executor
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.claims import Claim, Served
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.journal import Journal

_log = logging.getLogger(__name__)

_CLAIM_BATCH = 500
_READ_AT_ONCE = 50
_TELL_SECONDS = 2
_NANOSECONDS = 1_000_000_000
CLAIM_SECONDS = 1.0
"""How often a replica looks unasked for sagas that no other one advances, where there are others."""
RETRY_SECONDS = 1.0
"""How long to wait before asking the journal again."""


class Recovered(Protocol):
    """A saga that goes on."""

    @property
    def stopped(self) -> Future[Any]:
        """It is advanced here no more."""


class Recovery:
    """Recovers sagas for one worker.

    Args:
        journal: where the sagas are.
        clock: the time.
        owner: the replica's name.
        lease: seconds after which others may take over when this replica falls silent.
        served: the definitions that this replica serves. What it does not serve, another one may, before a deploy and
            after it: it is left to that one. Where there can be no other, it is claimed all the same, and suspended in
            front of an operator.
        live: what advances sagas here, by id.
        claimed: called with the number of the sagas that were claimed, before they are advanced.
        recover: advances a claimed saga with these entries, which lead to this state. The claim says whether it was
            parked and is due.
        rests: called with the entries of a saga that was to be recovered and rests: what was written last stood.

    Attributes:
        timers: wakes those that are due.
        under_way: what was there at the start is being recovered.
        recovered: how many sagas have been so far.
        expected: how many there were at the start, where that was asked.
        reached: called again and again with whether the journal can be reached.
        noted_time: called after each heartbeat with what the clock of the journal has just shown, and with what had
            elapsed here when it was asked, both in nanoseconds.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        *,
        owner: str,
        lease: float,
        served: Served,
        live: Mapping[str, Executor],
        claimed: Callable[[int], Awaitable[None]],
        recover: Callable[[Claim, Sequence[Entry], SagaState], Recovered],
        rests: Callable[[str, Sequence[Entry]], None],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._owner = owner
        self._lease = lease
        self._served = served if journal.shared else None
        self._live = live
        self._after_claim = claimed
        self._recover_saga = recover
        self._note_rest = rests
        self.timers = Timers(
            journal,
            clock,
            owner=owner,
            served=self._served,
            live=live,
            longest_pause=self._seconds,
            lease=lease,
            recover=self._recover_one,
        )
        self._deferred: dict[str, Claim] = {}
        self._recovering_deferred = False
        self._doubt = Doubt(clock, lease)
        self._being_recovered: set[str] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._closed = False
        self._told_at = 0
        self._unclaimed = Unclaimed(journal, clock, lease, self._served)
        self._pause = Pause(clock)
        self.reached: Callable[[bool], None] = lambda _: None
        self.noted_time: Callable[[int, int], None] = lambda _shown, _asked_at: None
        self.under_way = False
        self.recovered = self.expected = 0

    async def open(self) -> int:
        """Recover every saga that no replica advances, then keep doing so; how many there were."""
        await self._beat()
        await self._recover()
        self._spawn(self._keep_alive(self._seconds))
        self._spawn(self.timers.run())
        return self.recovered

    async def begin(self) -> None:
        """The same in the background. From now on, what is started here is kept from other replicas."""
        await self._beat()
        self.expected = sum(count.number for count in await self._journal.unclaimed())
        self._told_at = self._clock.now()
        self.under_way = True
        self._spawn(self._keep_alive(0.0))
        self._spawn(self.timers.run())

    def hurry(self) -> None:
        """There is something to claim: look for it now."""
        self._pause.end()

    def close(self) -> None:
        """Recover no more."""
        self._closed = True
        for task in self._background:
            task.cancel()

    async def take(self, claims: Sequence[Claim]) -> None:
        """Go on with sagas that were claimed; with those that the journal fails, once it is back."""
        await asyncio.gather(*map(self._recover_one, claims))

    def doubt(self) -> None:
        """Something may stand, now or later, of which this replica does not know: ask what is claimed here."""
        self._doubt.begin()

    def defer_recovery(self, claim: Claim) -> None:
        """The journal failed this saga: recover it once the journal is back.

        A repeated start that failed believes in its own, first claim; the latest is the one that counts.
        """
        self.doubt()
        known = self._deferred.get(claim.saga_id)
        if known is None or known.token < claim.token:
            self._deferred[claim.saga_id] = claim
        if not self._recovering_deferred and not self._closed:
            self._recovering_deferred = True
            self._spawn(self._recover_deferred())

    @property
    def _seconds(self) -> float:
        """What another replica has released, or has let lapse, is looked for often: it is not advanced until then."""
        return min(CLAIM_SECONDS, self._lease / 3) if self._journal.shared else self._lease / 3

    async def _keep_alive(self, seconds: float) -> None:
        """After a pause, and then again and again: renew the lease, and take over what others have let lapse."""
        while True:
            await self._pause.last(seconds)
            seconds = self._seconds
            late = self._clock.call_after(self._lease / 3, lambda: self.reached(False))
            try:
                await self._beat()
                await self._recover()
            except JournalError as error:
                _log.warning("the journal is unavailable, trying again: %s", error)
                self.reached(False)
            else:
                self.reached(True)
                self._end_first()
                await self._tell_unclaimed()
            finally:
                late.cancel()

    def _end_first(self) -> None:
        if self.under_way:
            self.under_way = False
            _log.info("recovered %d sagas", self.recovered)

    async def _tell_unclaimed(self) -> None:
        """Say now and then which sagas nobody advances."""
        for each in await self._unclaimed.look():
            of = each.number, each.definition, each.version
            _log.warning("no replica advances %d sagas of %s v%d: serve the code of that version", *of)

    def _tell_progress(self) -> None:
        now = self._clock.now()
        if self.under_way and now >= self._told_at + _TELL_SECONDS * _NANOSECONDS:
            self._told_at = now
            _log.info("recovering: %d of %d unfinished sagas so far", self.recovered, self.expected)

    async def _beat(self) -> None:
        asked_at = self._clock.elapsed()
        self.noted_time(await self._journal.heartbeat(self._owner, int(self._lease * _NANOSECONDS)), asked_at)

    async def _recover(self) -> None:
        while not self._closed:
            claims = await self._claim()
            if claims:
                await self._after_claim(len(claims))
            for first in range(0, len(claims), _READ_AT_ONCE):
                at_once = claims[first : first + _READ_AT_ONCE]
                await self.take(at_once)
                self.recovered += len(at_once)
                self._tell_progress()
            if claims:
                await self._beat()  # there may be so many that the lease would lapse before their end
            if len(claims) < _CLAIM_BATCH:
                break

    async def _claim(self) -> list[Claim]:
        """Claim what no replica advances; first, what was claimed when the journal's answer was lost."""
        found = await self._claimed_unknowingly() if self._doubt.is_due() else []
        try:
            return found + await self._journal.claim_unfinished(self._owner, _CLAIM_BATCH, self._served)
        except JournalError:
            self.doubt()
            raise

    async def _claimed_unknowingly(self) -> list[Claim]:
        claims = await self._journal.claimed(self._owner)
        self._doubt.asked()
        return [claim for claim in claims if not self._is_known(claim)]

    def _is_known(self, claim: Claim) -> bool:
        executor = self._live.get(claim.saga_id)
        is_live = executor is not None and executor.token >= claim.token
        return is_live or claim.saga_id in self._deferred or claim.saga_id in self._being_recovered

    async def _recover_deferred(self) -> None:
        """Recover the sagas that the journal failed, as soon as the journal is back."""
        while self._deferred:
            await self._clock.sleep(RETRY_SECONDS)
            # One that is live seems to be started again; the journal will say that it exists.
            for saga_id in [saga_id for saga_id in self._deferred if saga_id not in self._live]:
                await self._recover_one(self._deferred.pop(saga_id))
        self._recovering_deferred = False

    async def _recover_one(self, claim: Claim) -> Future[Any] | None:
        self._being_recovered.add(claim.saga_id)
        try:
            entries = await self._journal.read(claim.saga_id)
            state = fold(claim.saga_id, entries)
            # One that is parked, and was claimed for an act which failed, stays parked until it is due. A queued one
            # had its turn.
            if state.status in UNFINISHED and (claim.due or state.queued or state.status is not Status.WAITING):
                return self._recover_saga(claim, entries, state).stopped
            self._note_rest(claim.saga_id, entries)
        except JournalError as error:
            _log.warning("saga %s waits for the journal: %s", claim.saga_id, error, extra=about_saga_id(claim.saga_id))
            self.defer_recovery(claim)
        except Exception:  # noqa: BLE001 - one saga that cannot be read must not keep the others waiting
            about = about_saga_id(claim.saga_id)
            _log.critical("saga %s cannot be recovered by this version", claim.saga_id, exc_info=True, extra=about)
        finally:
            self._being_recovered.discard(claim.saga_id)
        return None

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
