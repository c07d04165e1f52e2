"""Compares what happens with the promises, while it happens.

It trusts neither the engine nor the journal under test: claims, answers and keys are noted here as they pass. What the
durable entries of a saga say is held against the ledger of what the participants really did. What is compared with
what, the checks say, a module each: of sendings, entries, effects, waits, events and leases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.state import SagaState
from orchestrator.testing.simulation.effect_check import EffectCheck
from orchestrator.testing.simulation.entry_check import EntryCheck
from orchestrator.testing.simulation.event_check import EventCheck
from orchestrator.testing.simulation.lease_check import LeaseCheck
from orchestrator.testing.simulation.observed_saga import ObservedSaga
from orchestrator.testing.simulation.promises import Broken, Promise
from orchestrator.testing.simulation.sending_check import SendingCheck
from orchestrator.testing.simulation.wait_check import WaitCheck

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.ports.claims import Claim
    from orchestrator.ports.journal import Append
    from orchestrator.ports.schedules import Schedule


class Invariants:
    """Sees everything that concerns a promise.

    Args:
        on_broken: told of every promise that was broken.

    Attributes:
        sagas: what is durable, by saga.
        ledger: what the participants have done.
        paused: the sagas that an operator has asked to pause.
        replies: what the participants have answered to commands that took effect, whether it arrived or not.
        leases: holds claims to them.
        sendings: holds what is sent to them.
        events: holds what is told to them.
    """

    def __init__(self, on_broken: Callable[[Broken], None]) -> None:
        self.sagas: dict[str, ObservedSaga] = {}
        self.paused: set[str] = set()
        self.replies: dict[str, bytes] = {}
        self.leases = LeaseCheck(self.sagas, self.report)
        self.sendings = SendingCheck(self.sagas, self.report)
        self.events = EventCheck(self.report)
        self._on_broken = on_broken
        self._refused: set[str] = set()
        self._waits = WaitCheck(self.report)
        self._effects = EffectCheck(self.sagas, self.sendings.places, self.report)
        self._entries = EntryCheck(
            self.sagas, self._effects, self.sendings, self._waits, self.paused, self._refused, self.report
        )
        self.ledger = self._effects.ledger

    def report(self, promise: Promise, how: str) -> None:
        """A promise is broken."""
        self._on_broken(Broken(promise, how))

    def refused(self, key: str) -> None:
        """A participant has answered that it did not, and will not now, do what was sent with this key."""
        self._refused.add(key)

    def appended(self, append: Append) -> None:
        """The journal under test has taken these entries."""
        known = self.sagas.get(append.saga_id)
        if append.new is not None:
            if known is not None:
                self.report(Promise.SAME_INTENT_SAME_KEY, f"{append.saga_id} was started a second time")
        elif known is None or (known.owner, known.token) != (append.owner, append.token):
            held = f"{known.owner} holds {known.token}" if known else "there is none"
            self.report(
                Promise.ONE_OWNER, f"{append.owner} wrote to {append.saga_id} with the token {append.token}; {held}"
            )
        if known is None or append.new is not None:
            known = ObservedSaga(SagaState(append.saga_id), append.owner, append.token, advancing=True)
        if append.expected_sequence != known.sequence:
            self.report(
                Promise.ONE_OWNER,
                f"{append.owner} wrote to {append.saga_id} after {append.expected_sequence} entries; there were "
                f"{known.sequence}",
            )
        sequence = known.sequence + len(append.entries)
        self.sagas[append.saga_id] = known._replace(sequence=sequence, begun=False)
        for number, entry in enumerate(append.entries, start=1):
            self._entries.check(known.state, entry)
            entry.apply(known.state)
            self.events.became_durable(known.state, entry, sequence - len(append.entries) + number)
        self._waits.check_rest(known.state)
        if known.state.status is not append.status:
            self.report(
                Promise.NOTHING_IS_LOST, f"{append.saga_id} is listed as {append.status}, and is {known.state.status}"
            )

    def claimed(self, owner: str, claim: Claim, now: int) -> None:
        """The journal under test has given a claim, at this time of its clock."""
        known = self.sagas[claim.saga_id]
        self.leases.claimed(owner, claim, now)
        if claim.token <= known.token:
            self.report(Promise.ONE_OWNER, f"{owner} claimed {claim.saga_id} with the old token {claim.token}")
        self.sagas[claim.saga_id] = known._replace(owner=owner, token=claim.token, advancing=False)

    def begun(self, claim: Claim) -> None:
        """That claim was the turn of a queued saga."""
        known = self.sagas[claim.saga_id]
        if known.begun:
            self.report(Promise.ONE_OWNER, f"{claim.saga_id} was begun twice, at last by {known.owner}")
        self.sagas[claim.saga_id] = known._replace(begun=True)

    def note_advancing(self, owner: str, saga_id: str) -> None:
        """A replica begins to advance a saga that it has claimed."""
        known = self.sagas[saga_id]
        if known.owner == owner:
            self.sagas[saga_id] = known._replace(advancing=True)

    def check_instants(self, schedule: Schedule, now: int) -> None:
        """A schedule was changed, at this time of the journal's clock: nothing starts before its instant."""
        for firing in schedule.firing:
            if firing.instant > now:
                self.report(Promise.TIME_AND_SIGNALS_ARE_FACTS, f"{schedule.name} starts a saga before its instant")
