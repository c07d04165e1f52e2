"""The port to the note of which sagas kept the event loop to themselves when their process was ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection


class FrozenNote(Protocol):
    """The note of one journal. Each method may be called from any thread."""

    def read(self) -> dict[str, str]:
        """Where each saga's code hung, by the saga's id."""

    def write(self, saga_id: str, where: str) -> None:
        """Note one more saga; from any thread.

        Raises:
            OSError: it cannot be noted.
        """

    def clear(self, saga_ids: Collection[str]) -> None:
        """These sagas are suspended, or yield again; from any thread."""
