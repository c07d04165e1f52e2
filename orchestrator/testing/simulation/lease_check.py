"""Holds claims and hand-overs to the leases, as the store's clock judges them, independently of the journal under test.

Invariant: no saga is claimed whose owner is alive, and a replica that has handed over owns none for which others would
have to wait. What the replicas' own clocks show decides about nothing here.

::

    beat ──▶ alive ──┬── the lease lapses, by the store's clock ──▶ silent: its sagas are for others to claim
                     └── it releases everything ──────────────────▶ silent, at once
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.testing.simulation.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.ports.claims import Claim
    from orchestrator.testing.simulation.observed_saga import ObservedSaga


class LeaseCheck:
    """The leases of all replicas of one world. Every time is in nanoseconds since the epoch, by the store's clock.

    Args:
        sagas: what is durable, by saga.
        report: told of every promise that was broken.
    """

    def __init__(self, sagas: Mapping[str, ObservedSaga], report: Callable[[Promise, str], None]) -> None:
        self._sagas = sagas
        self._report = report
        self._alive_until: dict[str, int] = {}

    def beat(self, owner: str, until: int) -> None:
        """A heartbeat has reached the store; the lease lapses then."""
        self._alive_until[owner] = until

    def claimed(self, owner: str, claim: Claim, now: int) -> None:
        """A replica was given a claim. A saga that rests may be claimed although another replica has a claim on it."""
        known = self._sagas[claim.saga_id]
        if known.is_owned and self._is_alive(known.owner, now):
            self._report(Promise.ONE_OWNER, f"{owner} claimed {claim.saga_id}, whose owner {known.owner} is alive")

    def released(self, owner: str, left: Sequence[Claim]) -> None:
        """A replica has released everything, but for what the store still lists as claimed."""
        self._alive_until.pop(owner, None)
        for claim in left:
            self._report(Promise.NOTHING_IS_LOST, f"{owner} has released everything, and still claims {claim.saga_id}")

    def handed_over(self, owner: str, now: int) -> None:
        """A replica has ended in good order."""
        if not self._is_alive(owner, now):
            return
        for saga_id, known in self._sagas.items():
            if known.owner == owner and known.is_owned:
                self._report(Promise.NOTHING_IS_LOST, f"{owner} has ended, and has not handed over {saga_id}")

    def _is_alive(self, owner: str, now: int) -> bool:
        """Nobody may claim what this replica has claimed."""
        return self._alive_until.get(owner, 0) > now
