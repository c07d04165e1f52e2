"""Starts sagas for callers from outside, one turn each. Children and a process's own sagas need no turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.api.admission import Admission
    from orchestrator.engine.replica.worker import StartSaga, Worker
    from orchestrator.journal.state import SagaState


class Starts:
    """The way in for new sagas.

    Args:
        worker: runs them.
        admission: gives the turns.

    Attributes:
        admission: as given.
    """

    def __init__(self, worker: Worker, admission: Admission) -> None:
        self._worker = worker
        self.admission = admission

    async def start(self, order: StartSaga, wait: float) -> SagaState:
        """Start a saga, or find the one that this request started before; see :meth:`Worker.start`.

        Raises:
            Overloaded: there are too many starts; nothing was started by this one.
        """
        if order.saga_id in self._worker.live:  # nothing is started: it needs no turn
            return await self._worker.start(order, wait)
        give_back = await self.admission.enter()
        return await self._worker.start(order, wait, stopped=give_back)
