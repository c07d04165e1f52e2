"""What happens to a saga that waits: for a time, for a signal, out of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.journal.actor import Actor  # noqa: TC001 - as the types of all fields, it can be read at run time
from orchestrator.journal.state import Status
from orchestrator.journal.waits import SignalState, WaitEnd, WaitState

if TYPE_CHECKING:
    from orchestrator.journal.state import SagaState


class WaitBegan(NamedTuple):
    """The saga's code waits: for a time, for a signal, or for whichever comes first. Durable before it is parked.

    Attributes:
        key: as that of a command, such as ``sleep#1``, ``signal:approval#1`` or ``timeout#1``.
        signal: the name of the signal that ends it; empty for a timer.
        message_type: the full name of the signal's message, or empty.
        due_at: when its time comes, by the clock of the store; 0 for never.
    """

    at: int
    key: str
    signal: str = ""
    message_type: str = ""
    due_at: int = 0

    def apply(self, state: SagaState) -> None:
        """The wait is open."""
        state.waits[self.key] = WaitState(
            self.key, self.signal, self.message_type, self.due_at, self.at, len(state.signals)
        )


class SignalReceived(NamedTuple):
    """Somebody gave the saga a signal in time. Durable before that is acknowledged.

    Attributes:
        at: by the clock of the store, as the times of the waits are.
        request_id: of the request; a repeated one changes nothing.
        payload: the serialized message.
        requested_by: who gave it.
    """

    at: int
    request_id: str
    name: str
    message_type: str
    payload: bytes
    requested_by: Actor

    def apply(self, state: SagaState) -> None:
        """The signal is there for the next wait that asks for it."""
        state.signals[self.request_id] = SignalState(
            self.request_id,
            self.name,
            self.message_type,
            self.payload,
            self.requested_by,
            self.at,
            len(state.signals) + 1,
        )


class WaitEnded(NamedTuple):
    """A wait has ended, in one way of those in which it could: whichever comes later finds this.

    Attributes:
        how: in which.
        request_id: of the signal that ended it, or empty.
    """

    at: int
    key: str
    how: WaitEnd
    request_id: str = ""

    def apply(self, state: SagaState) -> None:
        """The code goes on; a wait that it left answers nothing to a replay."""
        wait = state.waits[self.key]
        wait.how = self.how
        wait.ended_at = self.at
        if self.request_id:
            wait.request_id = self.request_id
            state.signals[self.request_id].wait = self.key
        if self.how is not WaitEnd.LEFT:
            state.settled[self.key] = None


class SagaParked(NamedTuple):
    """The saga waits for long: it leaves the memory, and the replica's claim ends with this entry.

    Attributes:
        wake_at: when it is due again, by the clock of the store; 0 where only a signal or an act wakes it.
    """

    at: int
    wake_at: int

    def apply(self, state: SagaState) -> None:
        """Nobody advances the saga until it is woken."""
        state.move(Status.WAITING)
        state.wake_at = self.wake_at


class SagaWoken(NamedTuple):
    """A replica has claimed a parked saga, and advances it. No attempt was in flight, so no attempt is counted.

    Attributes:
        why: ``timer``, ``signal``, ``act`` or ``answer``.
    """

    at: int
    owner: str
    why: str

    def apply(self, state: SagaState) -> None:
        """The saga goes on, forward or backward."""
        state.move(Status.COMPENSATING if state.rollback else Status.RUNNING)
