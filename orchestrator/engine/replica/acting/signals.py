r"""Gives signals to sagas.

Purpose: a signal that was acknowledged acts once, wherever its saga is. Invariant: a signal is journalled if and only
if it came in time; so a repeated request finds it and is answered in the same way, and one that came too late has never
been there. The claim decides between two replicas, the journal between a signal and a timer.

::

    live here ────▶ SignalReceived, durable ──▶ the wait that asks for it goes on
    parked ───────▶ claimed ──▶ does a wait ask for it? ──yes──▶ SagaWoken, SignalReceived ──▶ it goes on
                                        │no
                                        └──▶ SignalReceived, and it stays parked as it was
    suspended ────▶ claimed ──▶ SignalReceived, and it stays suspended
    live elsewhere ▶ asked for there

A yes that two people must say is an ActProposed instead, the first time, and the saga stays as it was.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from orchestrator.engine.receiving import asked_for, received_of, refuse_proposed
from orchestrator.engine.replica.acting.acts import raise_failed
from orchestrator.errors import SagaExists
from orchestrator.journal.entries import SignalReceived
from orchestrator.journal.four_eyes import ONE_PERSON
from orchestrator.journal.state import Status

if TYPE_CHECKING:
    from orchestrator.engine.replica.acting.acts import Acts
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.engine.run.executor import Executor
    from orchestrator.engine.sagas import Signal
    from orchestrator.journal.entries import ActProposed, Entry
    from orchestrator.journal.four_eyes import FourEyes
    from orchestrator.journal.state import SagaState


class Signals:
    """Gives signals to the sagas of one replica, and to those that rest.

    Args:
        worker: the replica's.
        acts: claims sagas that rest.
        four_eyes: what two people must ask for.
    """

    def __init__(self, worker: Worker, acts: Acts, four_eyes: FourEyes = ONE_PERSON) -> None:
        self._worker = worker
        self._acts = acts
        self._four_eyes = four_eyes

    async def give(self, saga_id: str, signal: Signal) -> SagaState:
        """Give a saga a signal; the saga, once that is durable.

        Raises:
            ActRefused: it comes too late, or is not one for which the saga's code asks, or is a yes that a second
                person must say.
            JournalError: what is durable is not known, or another replica advances the saga.
        """
        while True:
            executor = self._worker.live.get(saga_id)
            if executor is None:
                return await self._give_resting(saga_id, signal)
            with contextlib.suppress(SagaExists):  # a repeated start looks like a new one for a moment
                if await executor.signal(lambda state: self._received(state, signal)):
                    refuse_proposed(executor.state, signal)
                    return executor.state
                if executor.stopped.done():
                    raise_failed(executor)

    async def _give_resting(self, saga_id: str, signal: Signal) -> SagaState:
        state = await self._worker.get(saga_id)
        if self._received(state, signal) is None:
            return state
        claim, state, entries = await self._acts.claim_resting(saga_id)
        received = self._received(state, signal)
        if received is None:
            return state
        if state.status is Status.WAITING and asked_for(state, signal) and isinstance(received, SignalReceived):
            going_on: list[Entry] = [self._worker.woken("signal"), received]
            executor: Executor = self._worker.recover(claim, entries, state, going_on=going_on)
            await executor.ensure_persisted()
            return executor.state
        writer = self._worker.live.writer(state, token=claim.token, sequence=len(entries))
        writer.record(received)
        await writer.persist()
        refuse_proposed(state, signal)
        return state

    def _received(self, state: SagaState, signal: Signal) -> SignalReceived | ActProposed | None:
        """What is to be journalled of a signal; ``None`` where the journal holds it.

        Raises:
            ActRefused: it cannot be given to this saga as it stands.
        """
        served = self._worker.served.find(state.definition, state.version)
        needs_two = self._four_eyes.needs_two_to_say(signal.name, signal.message_type, signal.payload)
        return received_of(state, signal, served, self._worker.live.time.now(), needs_two=needs_two)
