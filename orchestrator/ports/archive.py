"""Where journals are kept of sagas that are deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.export import ExportedJournal


class Archive(Protocol):
    """Keeps journals outside of the store."""

    async def keep(self, definition: str, journals: Sequence[ExportedJournal]) -> None:
        """Keep the journals of one family of sagas; they are durable when this returns. Repeating it changes nothing.

        Raises:
            ArchiveUnavailable: they are not.
        """
