"""Looks at sagas as they stand, and remembers what each waited for when it was looked at last."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from orchestrator.engine.run.waits.journalled import journalled_waits
from orchestrator.engine.temporal.finding.asking import Asked
from orchestrator.errors import SagaNotFound

if TYPE_CHECKING:
    from orchestrator.engine.sagas import Waiting
    from orchestrator.engine.temporal.finding.asking import Workflows
    from orchestrator.engine.temporal.finding.history import ReadHistory
    from orchestrator.journal.state import SagaState

_REMEMBERED: Final = 1_000


class Looking:
    """Looks at the sagas of one cluster.

    Args:
        workflows: its workflows.
    """

    def __init__(self, workflows: Workflows) -> None:
        self._workflows = workflows
        self._waits: OrderedDict[str, list[Waiting]] = OrderedDict()

    async def look(self, saga_id: str) -> Asked:
        """A saga as it stands.

        Raises:
            SagaNotFound: there is none of this id.
            JournalUnavailable: the server cannot be asked.
        """
        return self._noted(saga_id, await self._workflows.look(saga_id))

    def seen(self, saga_id: str, found: ReadHistory) -> Asked:
        """A saga as a history tells of it that somebody has read.

        Raises:
            SagaNotFound: it tells of none.
        """
        return self._noted(saga_id, Asked.of(saga_id, found))

    def _noted(self, saga_id: str, asked: Asked) -> Asked:
        if not asked.entries:
            raise SagaNotFound(saga_id)
        self._waits[saga_id] = asked.waiting
        self._waits.move_to_end(saga_id)
        if len(self._waits) > _REMEMBERED:
            self._waits.popitem(last=False)
        return asked

    def waiting(self, state: SagaState) -> list[Waiting]:
        """What its history said when it was read last, and what the journal says."""
        return self._waits.get(state.saga_id, []) + journalled_waits(state)
