"""Answers the acts that a saga's workflow is asked for.

Purpose: an act is done in whatever the saga is at: advanced, at rest, or about to go on in a new run. Invariant: what
is answered as done is in the journal, and what is refused changes nothing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from temporalio import workflow

from orchestrator.engine.child_outcomes import handed_on, hears_by_hand
from orchestrator.engine.receiving import asked_for, received_of
from orchestrator.engine.run.first_done import first_done
from orchestrator.engine.sagas import Signal
from orchestrator.engine.temporal.wire import bytes_of, held_of
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act, refuse_illegal, was_carried_out, was_proposed
from orchestrator.journal.decisions import CommandDecision, decided
from orchestrator.journal.entries import ActProposed, SagaResumed, SagaSuspended
from orchestrator.journal.four_eyes import second_person_needed, seconded
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import CLAIMABLE, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.engine.temporal.hosting.hosted import HostedSaga
    from orchestrator.engine.temporal.hosting.serving import Serving
    from orchestrator.journal.events import HeldEvent
    from orchestrator.journal.four_eyes import Decided
    from orchestrator.journal.state import SagaState


class Answering:
    """Answers the acts on one saga.

    Args:
        saga: the saga.
        serving: what the worker serves.

    Attributes:
        released: the saga's parent has ended, and will not have it rolled back.
    """

    def __init__(self, saga: HostedSaga, serving: Serving) -> None:
        self._saga = saga
        self._serving = serving
        self.released = False

    async def do(self, asked: dict[str, Any]) -> bool:
        """Do what is asked for; whether it is done. It may not be where the saga leaves: then the next run is asked.

        Raises:
            ActRefused: the saga is not in a state for it.
        """
        if not await self._stays():
            return False
        what, by, request_id = asked["act"], Actor(*asked["by"]), asked.get("request_id", "")
        entries = self._saga.entries
        if request_id and was_carried_out(entries, request_id) and not was_proposed(entries, request_id):
            return True  # for somebody who has not heard the answer
        if what == "ROLL_BACK_CHILD":
            return await self._roll_back(Reason(ReasonCode.CANCELLED, asked["why"]), lambda _: None)
        if what == "RELEASE":
            self.released = True
        elif what == Act.SIGNAL.name:
            await self._signal(Signal.read(asked["why"], by), needs_two=asked["needs_two"])
        elif "key" in asked:
            decision = CommandDecision(asked["key"], asked["took_effect"], bytes_of(asked["reply"]))
            say = partial(decided, Act[what], decision, evidence=asked["why"], by=by, request_id=request_id)
            left = held_of(asked.get("events", ()))
            await self._decide(Act[what], say, by, left, needs_two=asked["needs_two"])
            return True
        else:
            return await self._act(Act[what], asked["why"], by, request_id)
        return not self._saga.leaving

    async def cancel(self, why: str, by: Actor) -> None:
        """Cancel the saga, because somebody has cancelled its workflow, who hears no answer and does not ask again.

        Where the saga leaves for a new run before the cancel is done, that run is told to cancel it.

        Raises:
            ActRefused: it is past its pivot.
        """
        while not (await self._stays() and await self._act(Act.CANCEL, why, by)):
            await workflow.wait_condition(lambda: not self._saga.leaving)

    async def _stays(self) -> bool:
        """Whether the saga does not leave. Where it is about to, that shows once its attempts in flight are answered.

        Who asked again at once, would be told the same again: each time by some events more.
        """
        saga = self._saga
        if saga.leaving:
            await workflow.wait_condition(lambda: saga.left or not saga.leaving)
        return not saga.leaving

    async def _act(self, act: Act, why: str, by: Actor, request_id: str = "") -> bool:
        """Do what an operator wants, where the act and a reason say it all; whether it is done, as above.

        Raises:
            ActRefused: the saga is not in a state for it.
        """
        asked = partial(Reason.asked, message=why, by=by, request_id=request_id)
        saga = self._saga
        is_done, refuse = True, partial(refuse_illegal, act)  # done though it leaves: again, it would be refused
        match act:
            case Act.CANCEL:
                is_done = await self._roll_back(asked(ReasonCode.CANCELLED), refuse)
            case Act.PAUSE:
                is_done = await self._pause(asked(ReasonCode.PAUSED))
            case Act.RESUME:
                await self._at_rest()
                refuse(saga.state)
                saga.go_on(SagaResumed(saga.clock.now(), asked(ReasonCode.RESUMED)))
            case Act.RETRY_NOW:
                executor = saga.executor
                refuse(saga.state, backs_off=executor is not None and executor.backs_off)
                assert executor is not None
                executor.retry_now(asked(ReasonCode.RETRY_NOW))
            case _:
                raise ValueError(f"{act} says more than that; it has a method of its own")
        if saga.executor is not None:
            await saga.executor.ensure_persisted()
        return is_done

    async def _roll_back(self, reason: Reason, refuse: Callable[[SagaState], None]) -> bool:
        """Roll back, and wait until that is journalled; whether it is: it may not be where the saga leaves.

        Nothing where a rollback is under way.

        Args:
            reason: why.
            refuse: raises where the saga's state forbids it.
        """
        saga = self._saga
        while not saga.leaving:
            executor = saga.executor
            if executor is None:
                refuse(saga.state)
                if saga.state.rollback:
                    return True
                woken = [saga.wake("act")] if saga.state.status is Status.WAITING else []
                executor = saga.go_on(*woken, rollback=reason)
            if await executor.cancel(reason, refuse):
                return True
        return False

    async def _signal(self, signal: Signal, *, needs_two: bool) -> None:
        """Give it a signal; see the facade.

        Args:
            signal: what it is told.
            needs_two: it is a yes that two people must say.
        """
        received = partial(self._received, signal=signal, needs_two=needs_two)
        saga = self._saga
        while not saga.leaving:
            executor = saga.executor
            if executor is None:
                await self._signal_resting(signal, received)
                break
            if await executor.signal(received):
                break
        if signal.request_id not in saga.state.signals and not saga.leaving:
            raise second_person_needed(saga.state.saga_id, f"the signal {signal.name!r}", signal.requested_by.name)

    async def _signal_resting(self, signal: Signal, received_by: Callable[[SagaState], Any]) -> None:
        saga = self._saga
        received = received_by(saga.state)
        if received is None:
            return
        is_due = saga.state.status is Status.WAITING and asked_for(saga.state, signal)
        if is_due and not isinstance(received, ActProposed):
            await saga.go_on(saga.wake("signal"), received).ensure_persisted()
        else:
            await saga.record(received)

    def _received(self, state: SagaState, *, signal: Signal, needs_two: bool) -> Any:  # noqa: ANN401 - see received_of
        served = self._serving.served.find(state.definition, state.version)
        return received_of(state, signal, served, self._saga.time.now(), needs_two=needs_two)

    async def _decide(
        self, act: Act, say: Callable[..., Decided], by: Actor, left: Sequence[HeldEvent], *, needs_two: bool
    ) -> None:
        """Journal a decision about one command, or the proposal of one, where a second person must ask for the same.

        Args:
            act: which it is.
            say: the decision, by the state and the instant.
            by: who says so.
            left: what the child that the command is has left to this saga to tell.
            needs_two: two people must ask for it. Who asks says so, as the history then does: a worker whose settings
                are others, and which replays it, comes to the same.
        """
        saga = self._saga
        await self._at_rest()
        refuse_illegal(act, saga.state)
        entry = say(saga.state, now=saga.clock.now())
        journalled = seconded(act, saga.state, entry) if needs_two else entry
        told = left if hears_by_hand(saga.state, journalled) else ()
        await saga.record(journalled, *handed_on(saga.clock.now(), entry.key, told))
        if isinstance(journalled, ActProposed):
            raise second_person_needed(saga.state.saga_id, journalled.key, by.name)

    async def _pause(self, reason: Reason) -> bool:
        saga = self._saga
        await saga.suspend(reason)
        refuse_illegal(Act.PAUSE, saga.state)
        if saga.state.status is Status.WAITING:
            await saga.record(SagaSuspended(saga.clock.now(), reason))
        return saga.state.status is Status.SUSPENDED or not saga.leaving

    async def _at_rest(self) -> None:
        """Where the saga has just come to rest, let its executor end."""
        executor = self._saga.executor
        if executor is not None and self._saga.state.status not in CLAIMABLE:
            await first_done(executor.stopped)
