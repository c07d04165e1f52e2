"""Which sagas kept the event loop to themselves when the process was ended: what a store notes of that.

Invariant: a saga that stands here is suspended by whichever process recovers it, before its code runs.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path


class FrozenFile:
    """A small file beside the file of the journal.

    The journal cannot hold it: only the loop writes there, and the loop is what hangs; a second connection would wait
    for a lock that the loop may hold.

    Args:
        journal: where the journal lies; ``None`` where the journal ends with the process, and so does the note.
    """

    def __init__(self, journal: Path | None) -> None:
        self._path = None if journal is None else journal.with_name(f"{journal.name}.frozen")

    def read(self) -> dict[str, str]:
        """Where each saga's code hung, by the saga's id."""
        if self._path is None:
            return {}
        try:
            noted = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(saga_id): str(where) for saga_id, where in noted.items()} if isinstance(noted, dict) else {}

    def write(self, saga_id: str, where: str) -> None:
        """Note one more saga; from any thread.

        Raises:
            OSError: the file cannot be written.
        """
        if self._path is not None:
            self._replace({**self.read(), saga_id: where})

    def clear(self, saga_ids: Collection[str]) -> None:
        """These sagas are suspended, or yield again; from any thread."""
        if self._path is None:
            return
        noted = self.read()
        if rest := {saga_id: where for saga_id, where in noted.items() if saga_id not in saga_ids}:
            if len(rest) < len(noted):
                self._replace(rest)
        else:
            self._path.unlink(missing_ok=True)

    def _replace(self, noted: Mapping[str, str]) -> None:
        assert self._path is not None
        fresh = self._path.with_name(f"{self._path.name}.new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(noted, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
