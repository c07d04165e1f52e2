"""What one watcher of a saga has seen of it, so that its next view costs what has changed.

A saga may have thousands of steps, and thousands of changes: to make each view again is to make millions of steps, on
the loop on which all sagas run. So a step is made again when it has changed, and what is left, to put the steps
together and to send them, is given a small share of the time: changes in a burst come as one, a larger burst for a
larger saga.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

from orchestrator.api.views.saga_view import step_view
from orchestrator.journal.state import ENDED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from orchestrator.journal.progress import Step
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.clock import Clock
    from saga.v1 import saga_pb2

    Answer = TypeVar("Answer")

_SHARE: Final = 0.05
"""Of the loop's time, for one watcher."""

_LONGEST_SECONDS: Final = 2.0
_QUICK_SECONDS: Final = 0.001


class SeenSteps:
    """The steps of one saga as they were last shown."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[object, saga_pb2.Step]] = {}

    def view(self, step: Step) -> saga_pb2.Step:
        """The step, made again if it has changed."""
        command = step.command
        if command is None:
            return step_view(step)
        undo = command.compensation
        shows = (
            step.state,
            step.conditional,
            command.attempts,
            command.failure,
            command.ended_at,
            None if undo is None else (undo.attempts, undo.failure, undo.sent_at, undo.ended_at, undo.position),
        )
        seen = self._seen.get(command.key)
        if seen is None or seen[0] != shows:
            seen = self._seen[command.key] = (shows, step_view(step))
        return seen[1]


async def paced(
    states: AsyncIterator[SagaState], view: Callable[[SagaState], Answer], clock: Clock
) -> AsyncIterator[Answer]:
    """A view of each state. After one that took long, the next comes later, and stands for all changes until then."""
    took = 0.0
    async for state in states:
        if took > _QUICK_SECONDS and state.status not in ENDED:
            await clock.sleep(min(took / _SHARE, _LONGEST_SECONDS))  # the state goes on until then
        began = time.perf_counter()
        answer = view(state)
        took = time.perf_counter() - began
        yield answer
