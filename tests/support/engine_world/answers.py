"""What participants answer, and an answer that a test gives when it likes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Failure, Rejected, Unknown

if TYPE_CHECKING:
    from orchestrator.journal.outcome import Outcome


def rejected(code: str = "FAILED_PRECONDITION", reason: str = "NO", *, echoed: bool = False) -> Rejected:
    return Rejected(Failure(StatusCode[code], "no", reason), echoed=echoed)


NOT_SEEN = rejected("NOT_FOUND", "COMMAND_NOT_SEEN", echoed=True)


def unknown(code: str = "DEADLINE_EXCEEDED", retry_after: float = 0.0) -> Unknown:
    return Unknown(Failure(StatusCode[code], "no answer"), retry_after)


class Answer:
    """An answer for which the caller waits until the test gives it.

    Attributes:
        asked: how many attempts wait, or have waited, for it.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._outcome: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> Outcome | None:
        self.asked += 1
        return await asyncio.shield(self._outcome)

    def give(self, outcome: Outcome | None = None) -> None:
        self._outcome.set_result(outcome)
