"""Flaws of replicas that share a store, each found by the simulator: claims, leases, appends and hand-overs gone wrong.

They are mistakes that the port of the journal invites: to let each replica bring its own time, to take the token for
enough, to count on a process that ends to say so, to count on a wake.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from orchestrator.engine.replica.claiming.doubt import Doubt
from orchestrator.engine.replica.claiming.recovery import Recovery
from orchestrator.engine.replica.pause import Pause
from orchestrator.engine.replica.worker import Worker
from orchestrator.ports.claims import Claim
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.simulation import Promise
from tests.unit.simulation.engine_flaws import EngineFlaw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.ports.claims import Served
    from orchestrator.ports.journal import Append
    from orchestrator.store.memory.claims import Kept
    from orchestrator.store.memory.journal import MemoryState


@contextlib.contextmanager
def claim_is_not_fenced() -> Iterator[None]:
    """A claim changes the owner, and leaves the token as it was."""

    def claim(kept: Kept, owner: str) -> Claim:
        kept.owner = owner
        return Claim(kept.record.saga_id, kept.token)

    with patch("orchestrator.store.memory.claims._claim", claim):
        yield


@contextlib.contextmanager
def lease_is_judged_by_the_local_clock() -> Iterator[None]:
    """A heartbeat and a claim bring the time that the replica's own clock shows."""
    local: ContextVar[Callable[[], int] | None] = ContextVar("local", default=None)
    beat, claim, init = Recovery._beat, Recovery._claim, MemoryJournal.__init__

    async def beat_with_own_time(self: Recovery) -> None:
        before = local.set(self._clock.now)
        try:
            await beat(self)
        finally:
            local.reset(before)

    async def claim_with_own_time(self: Recovery) -> list[Claim]:
        before = local.set(self._clock.now)
        try:
            return await claim(self)
        finally:
            local.reset(before)

    def with_the_callers_time(self: MemoryJournal, now: Callable[[], int], state: MemoryState | None = None) -> None:
        def time() -> int:
            return (local.get() or now)()

        init(self, time, state)

    with (
        patch.object(Recovery, "_beat", beat_with_own_time),
        patch.object(Recovery, "_claim", claim_with_own_time),
        patch.object(MemoryJournal, "__init__", with_the_callers_time),
    ):
        yield


@contextlib.contextmanager
def sequence_is_not_checked() -> Iterator[None]:
    """The journal takes entries of the owner wherever the owner believes that the journal ends."""
    write = MemoryJournal._write

    def unchecked(self: MemoryJournal, append: Append) -> None:
        known = self._sagas.get(append.saga_id)
        if known is not None and append.new is None:
            append = append._replace(expected_sequence=known.record.sequence)
        write(self, append)

    with patch.object(MemoryJournal, "_write", unchecked):
        yield


@contextlib.contextmanager
def hand_over_forgets_a_saga() -> Iterator[None]:
    """A replica that ends releases all its sagas but the first."""

    async def release(self: MemoryJournal, owner: str) -> None:
        claimed = [kept for kept in self._sagas.values() if kept.owner == owner]
        for kept in claimed[1:]:
            kept.owner = None

    with patch.object(MemoryJournal, "release", release):
        yield


@contextlib.contextmanager
def hand_over_is_forgotten() -> Iterator[None]:
    """A replica that ends stops its sagas, and leaves it to its lease to say so."""
    close = Worker.close

    async def leave(self: Worker, grace: float) -> None:
        async def nothing(_owner: str) -> None:
            return None

        with patch.object(self.adapters.journal, "release", nothing):
            await close(self, grace)

    with patch.object(Worker, "close", leave):
        yield


@contextlib.contextmanager
def what_comes_to_stand_late_is_forgotten() -> Iterator[None]:
    """Four leases after a failure, nobody asks any more what has come to stand."""

    def only_for_a_while(self: Doubt) -> bool:
        return self._clock.now() < self._until

    with patch.object(Doubt, "is_due", only_for_a_while):
        yield


@contextlib.contextmanager
def replicas_look_only_when_woken() -> Iterator[None]:
    """A replica that looks again and again waits for a wake, and for nothing else."""

    async def wait_for_a_wake(self: Pause, _seconds: float) -> None:
        await self._over.wait()
        self._over.clear()

    with patch.object(Pause, "last", wait_for_a_wake):
        yield


@contextlib.contextmanager
def versions_are_not_looked_at() -> Iterator[None]:
    """A replica claims every saga, also those that only a newer replica serves."""
    claim = MemoryJournal.claim_unfinished

    async def claim_all(self: MemoryJournal, owner: str, limit: int, served: Served | None = None) -> list[Claim]:
        del served
        return await claim(self, owner, limit)

    with patch.object(MemoryJournal, "claim_unfinished", claim_all):
        yield


REPLICA_FLAWS: Final = (
    EngineFlaw(claim_is_not_fenced, frozenset({Promise.ONE_OWNER})),
    # A replica also takes its own clock for that of the journal then, by which timers are due.
    EngineFlaw(lease_is_judged_by_the_local_clock, frozenset({Promise.ONE_OWNER, Promise.TIME_AND_SIGNALS_ARE_FACTS})),
    EngineFlaw(sequence_is_not_checked, frozenset({Promise.ONE_OWNER})),
    EngineFlaw(hand_over_forgets_a_saga, frozenset({Promise.NOTHING_IS_LOST})),
    EngineFlaw(hand_over_is_forgotten, frozenset({Promise.NOTHING_IS_LOST})),
    EngineFlaw(what_comes_to_stand_late_is_forgotten, frozenset({Promise.NOTHING_IS_LOST})),
    EngineFlaw(replicas_look_only_when_woken, frozenset({Promise.NOTHING_IS_LOST})),
    EngineFlaw(
        versions_are_not_looked_at,
        # A saga is suspended for want of its code, wherever it stands.
        frozenset({Promise.NOTHING_IS_LOST, Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR, Promise.ONLY_FORWARDS}),
    ),
)
