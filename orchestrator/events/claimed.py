"""What a relay knows of a sink while it has the claim to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

    from orchestrator.events.lanes import Lane, LaneEnd
    from orchestrator.ports.outbox import BlockedSaga, DeadLetter, SinkClaim, SinkProgress

_RENEWED_SECONDS: Final = 2
"""How often the claim is renewed; then, what an operator has asked for is noticed."""


class ClaimedSink:
    """The claim to a sink, and how far the sink was told.

    Args:
        claim: as the outbox gave it.
        since: when it was asked for, nanoseconds as the clock counts elapsed time.
        lease: nanoseconds for which it was given.

    Attributes:
        token: the fencing token.
        position: of the last event that needs not be read again.
        has_blocked: some saga may be blocked. Which ones, the outbox knows: they may be more than memory holds.
        blocked: the blocked sagas of which events are under way, by id, as they were noted.
        letters: the dead letters that somebody wants to be tried again, by position.
        running: the lanes under way, by saga; those of dead letters by position.
        until: as long as the claim is sure to last; so is renew_at, when it is renewed: nanoseconds as the clock
            counts elapsed time.
    """

    def __init__(self, claim: SinkClaim, since: int, lease: int) -> None:
        self.token = claim.token
        self.position = claim.position
        self.has_blocked = claim.has_blocked
        self.blocked: dict[str, BlockedSaga] = {}
        self.letters = {each.position: each for each in claim.retried}
        self.running: dict[str | int, tuple[Lane, asyncio.Task[LaneEnd]]] = {}
        self.until = self.renew_at = 0
        self._last(since, lease)

    def renew(self, claim: SinkClaim | None, since: int, lease: int) -> bool:
        """The claim was asked for once more; whether it is still the same."""
        if claim is None or claim.token != self.token:
            return False
        self._last(since, lease)
        self.has_blocked = claim.has_blocked
        tried = {each: letter for each, letter in self.letters.items() if each in self.running}
        self.letters = {each.position: each for each in claim.retried} | tried
        return True

    def waiting_letters(self) -> list[DeadLetter]:
        """The dead letters to be tried again that are not under way."""
        return [letter for position, letter in self.letters.items() if position not in self.running]

    def noted(self, progress: SinkProgress) -> None:
        """This was written down."""
        self.position = progress.position
        self.has_blocked = self.has_blocked or bool(progress.blocked)
        known = self.blocked | {each.saga_id: each for each in progress.blocked}
        self.blocked = {saga_id: each for saga_id, each in known.items() if saga_id in self.running}
        for position in (*progress.revived, *(letter.position for letter in progress.dead)):
            self.letters.pop(position, None)

    def _last(self, since: int, lease: int) -> None:
        self.until = since + lease * 7 // 10  # clocks differ in their pace
        self.renew_at = since + min(lease // 4, _RENEWED_SECONDS * 1_000_000_000)
