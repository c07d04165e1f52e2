"""The journal, read beside the orchestrator that has it: nothing is locked, nothing is written."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.ports.catalogue import SagaFilter, SagaRecord
    from orchestrator.ports.journal import JournalReader
    from orchestrator.settings import Settings

JournalOption = Annotated[
    str | None, typer.Option(help="A journal by its URL; else ORCHESTRATOR_JOURNAL, else in STATE_DIR.")
]

_PAGE: Final = 500


@contextlib.asynccontextmanager
async def journal_beside(settings: Settings) -> AsyncIterator[JournalReader]:
    """The journal that the settings name, to be read.

    Raises:
        SettingsError: it cannot be read from here.
        JournalUnavailable: it cannot be opened.
    """
    from orchestrator.store.opening import open_reader  # noqa: PLC0415 - other commands do without

    journal = await open_reader(settings.journal)
    try:
        yield journal
    finally:
        await journal.close()


async def sagas_in(journal: JournalReader, where: SagaFilter) -> AsyncIterator[SagaRecord]:
    """Every saga that the filter matches, the newest first."""
    token, is_last = "", False
    while not is_last:
        page, token = await journal.search(where, _PAGE, token)
        for record in page:
            yield record
        is_last = not token
