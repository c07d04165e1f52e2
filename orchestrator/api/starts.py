"""Starts sagas for callers from outside: a turn for each. A process's own sagas need no turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.access.subject import actor_if_any
from orchestrator.errors import Overloaded

if TYPE_CHECKING:
    from orchestrator.api.admission import Admission
    from orchestrator.engine.sagas import Sagas, StartSaga
    from orchestrator.journal.state import SagaState


class Starts:
    """The way in for new sagas.

    Args:
        sagas: the engine that runs them.
        admission: gives the turns.

    Attributes:
        admission: as given.
    """

    def __init__(self, sagas: Sagas, admission: Admission) -> None:
        self._sagas = sagas
        self.admission = admission

    async def start(self, start: StartSaga, wait: float) -> SagaState:
        """Start a saga, or find the one that this request started before; see :meth:`Sagas.start`.

        Raises:
            Overloaded: there are too many starts; nothing was started by this one.
        """
        start = start._replace(started_by=actor_if_any())
        if self._sagas.is_live(start.saga_id):  # nothing is started: it needs no turn
            return await self._sagas.start(start, wait)
        give_back = await self.admission.enter()
        try:
            return await self._sagas.start(start, wait, stopped=give_back)
        except Overloaded:
            self.admission.refused += 1
            raise
