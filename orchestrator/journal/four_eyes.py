"""Acts that two people must ask for: the first one proposes, and the second one has it done.

::

    first person ──▶ ActProposed, refused with SECOND_PERSON_NEEDED
    the same one again ──▶ refused as before
    another person, the same act ──▶ done, in the name of the second; the journal holds both

A proposal is of one act on one command with one outcome; the evidence of each person is their own. It ends when the
saga is resumed. Pure.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from orchestrator.errors import ActRefused
from orchestrator.journal.acts import Act
from orchestrator.journal.entries import ActProposed, CompensationResolved, CompensationSkipped, OutcomeResolved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.journal.state import SagaState

    Decided = CompensationResolved | CompensationSkipped | OutcomeResolved


FOUR_EYES: Final[Mapping[str, tuple[Act, ...]]] = {
    "resolve": (Act.RESOLVE_OUTCOME, Act.RESOLVE_COMPENSATION),
    "skip": (Act.SKIP_COMPENSATION,),
}
"""The acts that may need two people, by the names of the command line."""

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
    first = state.proposals.get(proposal)
    if first is None:
        return ActProposed(decided.at, decided.key, proposal, decided.reason)
    if first.requested_by == decided.reason.requested_by:
        raise second_person_needed(state.saga_id, decided.key, first.requested_by)
    return decided


def second_person_needed(saga_id: str, key: str, first: str) -> ActRefused:
    """Tells the first person what is to come."""
    message = f"{first} has proposed it for {key}; it is done as soon as another person asks for the same"
    return ActRefused(saga_id, SECOND_PERSON_NEEDED, message)


def _content(decided: Decided) -> str:
    if not isinstance(decided, OutcomeResolved):
        return type(decided).__name__
    return f"{decided.took_effect} {hashlib.sha256(decided.reply).hexdigest()}"
