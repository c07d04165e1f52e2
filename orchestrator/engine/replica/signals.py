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

from orchestrator.engine.replica.acts import raise_failed
from orchestrator.errors import ActRefused, RequestIdUsed, SagaExists, SignalTypeDiffers, UnknownSignal
from orchestrator.journal.acts import Act, refuse_illegal, signal_capacity
from orchestrator.journal.entries import ActProposed, SignalReceived
from orchestrator.journal.four_eyes import ONE_PERSON, second_person_needed, seconded_yes
from orchestrator.journal.state import Status
from orchestrator.journal.waiting import open_waits

if TYPE_CHECKING:
    from orchestrator.engine.replica.acts import Acts
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.engine.run.executor import Executor
    from orchestrator.engine.sagas import Signal
    from orchestrator.journal.entries import Entry
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
                    _refuse_proposed(executor.state, signal)
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
        if state.status is Status.WAITING and _asked_for(state, signal) and isinstance(received, SignalReceived):
            going_on: list[Entry] = [self._worker.woken("signal"), received]
            executor: Executor = self._worker.recover(claim, entries, state, going_on=going_on)
            await executor.ensure_persisted()
            return executor.state
        writer = self._worker.writer(state, token=claim.token, sequence=len(entries))
        writer.record(received)
        await writer.persist()
        _refuse_proposed(state, signal)
        return state

    def _received(self, state: SagaState, signal: Signal) -> SignalReceived | ActProposed | None:
        """What is to be journalled of a signal; ``None`` where the journal holds it.

        Raises:
            ActRefused: it cannot be given to this saga as it stands.
        """
        known = state.signals.get(signal.request_id)
        if known is not None:
            if (known.name, known.message_type, known.payload) == (signal.name, signal.message_type, signal.payload):
                return None
            message = f"the request id {signal.request_id!r} was used for another signal of saga {state.saga_id}"
            raise RequestIdUsed(state.saga_id, "REQUEST_ID_REUSED", message)
        asked = self._refuse_unknown(state, signal)
        refuse_illegal(Act.SIGNAL, state)
        now = self._worker.time.now()
        if signal_capacity(state, signal.name, asked, now) == 0:
            message = f"saga {state.saga_id} does not wait for another signal {signal.name!r}, and will not"
            raise ActRefused(state.saga_id, "TOO_LATE", message)
        received = SignalReceived(
            now, signal.request_id, signal.name, signal.message_type, signal.payload, signal.requested_by
        )
        return seconded_yes(state, received) if self._four_eyes.needs_two_to_say(received) else received

    def _refuse_unknown(self, state: SagaState, signal: Signal) -> int | None:
        """How often the saga's code asks for this signal at most; ``None`` where that cannot be told."""
        served = self._worker.served.find(state.definition, state.version)
        if served is None:
            message = f"no code of {state.definition} v{state.version} is served here, which would know its signals"
            raise ActRefused(state.saga_id, "DEFINITION_MISSING", message)
        planned = served.plan.signals.get(signal.name)
        if planned is None:
            names = ", ".join(served.plan.signals) or "none"
            message = f"{served.definition} asks for no signal {signal.name!r}; it asks for: {names}"
            raise UnknownSignal(state.saga_id, "UNKNOWN_SIGNAL", message)
        expected = planned.message.DESCRIPTOR.full_name
        if expected != signal.message_type:
            message = f"the signal {signal.name!r} of {served.definition} is a {expected}, not a {signal.message_type}"
            raise SignalTypeDiffers(state.saga_id, "WRONG_SIGNAL_TYPE", message)
        return planned.asked


def _refuse_proposed(state: SagaState, signal: Signal) -> None:
    """Tell the first person, once it is durable, that a second one is needed."""
    if signal.request_id not in state.signals:
        raise second_person_needed(state.saga_id, f"the signal {signal.name!r}", signal.requested_by.name)


def _asked_for(state: SagaState, signal: Signal) -> bool:
    """Some wait of a parked saga is open for it."""
    return any(wait.signal == signal.name for wait in open_waits(state))
