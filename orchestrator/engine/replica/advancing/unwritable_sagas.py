"""Sagas that were to write what their journal has no form for: each is suspended, and does not try it again.

Whatever it was, the saga would come to it again: it would be recovered and fail for ever, and send the same each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.reason import Reason, ReasonCode

if TYPE_CHECKING:
    from orchestrator.errors import EntriesUnwritable


class UnwritableSagas:
    """What one replica knows of such sagas, by the claims under which they have failed.

    Under a later claim, a person has let the saga go on, or it is another replica's to find out.
    """

    def __init__(self) -> None:
        self._why: dict[str, tuple[int, Reason]] = {}
        self._tried: dict[str, int] = {}

    def note(self, saga_id: str, token: int, error: EntriesUnwritable) -> bool:
        """A saga has failed; whether it is to be suspended. Not where its suspension was what could not be written."""
        if self._tried.pop(saga_id, None) == token:
            return False
        self._why[saga_id] = token, Reason.raised(ReasonCode.ENGINE_FAILED, error)
        return True

    def take(self, saga_id: str, token: int) -> Reason | None:
        """Why the saga is to be suspended under this claim, if it is; told once."""
        failed_under, why = self._why.pop(saga_id, (None, None))
        if failed_under != token:
            return None
        self._tried[saga_id] = token
        return why

    def forget(self, saga_id: str) -> None:
        """The saga rests."""
        self._tried.pop(saga_id, None)
