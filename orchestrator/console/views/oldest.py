"""Which sagas have been under way for the longest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.console.views.counts import UNDER_WAY
from orchestrator.ports.catalogue import SagaFilter

if TYPE_CHECKING:
    from orchestrator.engine.sagas import Sagas
    from orchestrator.ports.catalogue import SagaRecord

_SHOWN: Final = 5


async def oldest_under_way(sagas: Sagas) -> list[SagaRecord]:
    """The sagas that started first and have not ended."""
    records, _ = await sagas.search(SagaFilter(statuses=frozenset(UNDER_WAY)), _SHOWN, "", oldest_first=True)
    return records
