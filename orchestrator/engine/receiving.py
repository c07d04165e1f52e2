"""What becomes of a signal that is given to a saga: whether it comes in time, and what is journalled of it. Pure.

Each engine decides so, wherever the saga is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import ActRefused, RequestIdUsed, SignalTypeDiffers, UnknownSignal
from orchestrator.journal.acts import Act, refuse_illegal, signal_capacity
from orchestrator.journal.entries import SignalReceived
from orchestrator.journal.four_eyes import second_person_needed, seconded_yes
from orchestrator.journal.waiting import open_waits

if TYPE_CHECKING:
    from orchestrator.engine.sagas import Served, Signal
    from orchestrator.journal.entries import ActProposed
    from orchestrator.journal.state import SagaState


def received_of(
    state: SagaState, signal: Signal, served: Served | None, now: int, *, needs_two: bool
) -> SignalReceived | ActProposed | None:
    """What is to be journalled of a signal; ``None`` where the journal holds it.

    Args:
        state: of the saga.
        signal: what it is told.
        served: its definition, where that is at hand.
        now: by the clock of the journal, nanoseconds since the epoch, UTC.
        needs_two: it is a yes that two people must say.

    Raises:
        ActRefused: it cannot be given to this saga as it stands.
    """
    known = state.signals.get(signal.request_id)
    if known is not None:
        if (known.name, known.message_type, known.payload) == (signal.name, signal.message_type, signal.payload):
            return None
        message = f"the request id {signal.request_id!r} was used for another signal of saga {state.saga_id}"
        raise RequestIdUsed(state.saga_id, "REQUEST_ID_REUSED", message)
    asked = _refuse_unknown(state, signal, served)
    refuse_illegal(Act.SIGNAL, state)
    if signal_capacity(state, signal.name, asked, now) == 0:
        message = f"saga {state.saga_id} does not wait for another signal {signal.name!r}, and will not"
        raise ActRefused(state.saga_id, "TOO_LATE", message)
    received = SignalReceived(
        now, signal.request_id, signal.name, signal.message_type, signal.payload, signal.requested_by
    )
    return seconded_yes(state, received) if needs_two else received


def _refuse_unknown(state: SagaState, signal: Signal, served: Served | None) -> int | None:
    """How often the saga's code asks for this signal at most; ``None`` where that cannot be told."""
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


def refuse_proposed(state: SagaState, signal: Signal) -> None:
    """Tell the first person, once it is durable, that a second one is needed.

    Raises:
        ActRefused: so it is.
    """
    if signal.request_id not in state.signals:
        raise second_person_needed(state.saga_id, f"the signal {signal.name!r}", signal.requested_by.name)


def asked_for(state: SagaState, signal: Signal) -> bool:
    """Whether some wait of a parked saga is open for it."""
    return any(wait.signal == signal.name for wait in open_waits(state))
