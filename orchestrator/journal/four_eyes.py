"""Acts that two people must ask for: the first one proposes, and the second one has it done.

::

    first person ──▶ ActProposed, refused with SECOND_PERSON_NEEDED
    the same one again ──▶ refused as before
    another person, the same act ──▶ done, in the name of the second; the journal holds both

A proposal is of one act on one command with one outcome, or of a yes to one wait of the saga's code; the evidence of
each person is their own. It ends when the saga is resumed, and that of a yes also when its wait ends. A no needs one
person alone. Pure.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from orchestrator.definition.waiting import SIGNAL_NAME
from orchestrator.errors import ActRefused
from orchestrator.journal.acts import Act, spoken_for
from orchestrator.journal.entries import ActProposed, CompensationResolved, CompensationSkipped, OutcomeResolved
from orchestrator.journal.reason import Reason, ReasonCode
from saga.v1.saga_pb2 import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.journal.entries import SignalReceived
    from orchestrator.journal.state import SagaState

    Decided = CompensationResolved | CompensationSkipped | OutcomeResolved


_ACTS: Final[Mapping[str, tuple[Act, ...]]] = {
    "resolve": (Act.RESOLVE_OUTCOME, Act.RESOLVE_COMPENSATION),
    "skip": (Act.SKIP_COMPENSATION,),
}
_APPROVE: Final = "approve"


class FourEyes:
    """What two people must ask for.

    Args:
        names: ``resolve``, ``skip``, ``approve``, or ``approve:<name>`` for the approvals of one name.

    Raises:
        ValueError: a name is none of these.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = frozenset(names)
        for name in self._names - {*_ACTS, _APPROVE}:
            act, _, approval = name.partition(":")
            if act != _APPROVE or not SIGNAL_NAME.fullmatch(approval):
                raise ValueError(f"{name!r} is not resolve, skip, approve, or approve:<name of an approval>")

    def needs_two(self, act: Act) -> bool:
        """Whether two people must ask for this act on a command."""
        return any(act in _ACTS.get(name, ()) for name in self._names)

    def needs_two_to_say(self, name: str, message_type: str, payload: bytes) -> bool:
        """Whether a signal is a yes that two people must say.

        Args:
            name: of the signal.
            message_type: the full name of its message's type.
            payload: the message, serialized.
        """
        if message_type != Decision.DESCRIPTOR.full_name:
            return False
        is_meant = not self._names.isdisjoint({_APPROVE, f"{_APPROVE}:{name}"})
        return is_meant and Decision.FromString(payload).approved


ONE_PERSON: Final = FourEyes()
"""One person is enough for everything."""

SECOND_PERSON_NEEDED: Final = "SECOND_PERSON_NEEDED"
"""The reason of the refusal that the first person gets."""


def seconded(act: Act, state: SagaState, decided: Decided) -> Decided | ActProposed:
    """What is to be journalled of an act that two people must ask for: itself, or that it was proposed.

    Args:
        act: what is asked for.
        state: of the saga.
        decided: the entry of the act; its reason says who asks.

    Raises:
        ActRefused: this person has proposed it already.
    """
    proposal = f"{act.name} {decided.key} {_content(decided)}"
    proposed = ActProposed(decided.at, decided.key, proposal, decided.reason)
    return decided if _is_second(state, proposed) else proposed


def seconded_yes(state: SagaState, received: SignalReceived) -> SignalReceived | ActProposed:
    """The same of a yes: to which wait it belongs follows from how many there were before.

    Args:
        state: of the saga.
        received: the yes, as it would be journalled.

    Raises:
        ActRefused: this person has said it already.
    """
    key = f"signal:{received.name}#{spoken_for(state, received.name, received.at) + 1}"
    # Without the id of the request: it is not carried out.
    said = Decision.FromString(received.payload).reason
    reason = Reason.asked(ReasonCode.DECIDED, said, received.requested_by, key)
    proposed = ActProposed(received.at, key, f"{Act.SIGNAL.name} {key} yes", reason)
    return received if _is_second(state, proposed) else proposed


def _is_second(state: SagaState, proposed: ActProposed) -> bool:
    """Whether another person has proposed the same.

    Raises:
        ActRefused: this person has.
    """
    first = state.proposals.get(proposed.proposal)
    if first is not None and first.requested_by == proposed.reason.requested_by:
        raise second_person_needed(state.saga_id, proposed.key, first.requested_by)
    return first is not None


def second_person_needed(saga_id: str, key: str, first: str) -> ActRefused:
    """Tells the first person what is to come."""
    message = f"{first} has proposed it for {key}; it is done as soon as another person asks for the same"
    return ActRefused(saga_id, SECOND_PERSON_NEEDED, message)


def _content(decided: Decided) -> str:
    if not isinstance(decided, OutcomeResolved):
        return type(decided).__name__
    return f"{decided.took_effect} {hashlib.sha256(decided.reply).hexdigest()}"
