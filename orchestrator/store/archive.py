"""An archive of deleted sagas: a folder with a file for each, in the format of ``orchestrator export``."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from orchestrator.errors import ArchiveUnavailable
from orchestrator.journal.export import write_journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.journal.export import ExportedJournal


class FolderArchive:
    """An :class:`~orchestrator.ports.archive.Archive` in a folder.

    A file is called ``<definition>/<year>-<month of the start>/<id>.json``. It is there as a whole or not at all, and
    nobody but the owner may read it: nothing in it is masked.

    Args:
        folder: made if need be.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, definition: str, journals: Sequence[ExportedJournal]) -> None:
        """See the port."""
        await asyncio.to_thread(self._keep, definition, journals)

    def _keep(self, definition: str, journals: Sequence[ExportedJournal]) -> None:
        month = datetime.fromtimestamp(journals[0].entries[0].at / 1e9, UTC).strftime("%Y-%m")
        folder = self._folder / quote(definition, safe="") / month
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for journal in journals:
                _write(folder / f"{quote(journal.saga_id, safe='')}.json", write_journal(*journal))
            for each in (folder, folder.parent, self._folder):
                _flush_folder(each)
        except OSError as error:
            raise ArchiveUnavailable(
                f"the archive {self._folder} cannot be written: {error.strerror or error}; mend that, or name another "
                "folder with ORCHESTRATOR_RETENTION_ARCHIVE"
            ) from None


def _write(file: Path, text: str) -> None:
    beside = file.with_suffix(f".{os.getpid()}.new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(file)


def _flush_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
