"""``orchestrator export``: journals as files, which ``orchestrator verify`` replays and people can read."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from orchestrator.cli.connecting.client import CANDIDATES, only_one
from orchestrator.cli.journal_file import JournalOption, journal_beside, sagas_in
from orchestrator.cli.output.exit import errors_reported, refuse
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.text import say
from orchestrator.contract.wording import counted

if TYPE_CHECKING:
    from orchestrator.ports.journal import JournalReader
    from orchestrator.settings import Settings


def export(
    saga_ids: Annotated[list[str] | None, typer.Argument(metavar="SAGA_ID", help="The sagas.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for the files, one a saga.")] = Path(),
    journal: JournalOption = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All sagas of the journal.")] = False,
) -> None:
    """Write journals into files, also beside a running orchestrator.

    A file holds what went over the wire, and nothing of it is masked: card tokens, addresses. Keep it as you keep the
    journal itself.
    """
    from orchestrator.settings import read_settings  # noqa: PLC0415 - other commands do without

    if bool(saga_ids) == every:
        refuse("name the sagas to export, or say --all")
    with errors_reported():
        written = asyncio.run(_export(read_settings(journal=journal), saga_ids, out))
    if wants_json():
        print_json({"files": written})
        return
    say(f"{counted(len(written), 'journal')} in {out}; nothing in them is masked")


async def _export(settings: Settings, saga_ids: list[str] | None, out: Path) -> list[str]:
    """Write the journals; the files."""
    from orchestrator.journal.export import write_journal  # noqa: PLC0415 - as above
    from orchestrator.ports.catalogue import SagaFilter  # noqa: PLC0415 - as above

    async with journal_beside(settings) as journal:
        wanted = saga_ids or [record.saga_id async for record in sagas_in(journal, SagaFilter())]
        written: list[str] = []
        for saga_id in wanted:
            entries = await journal.read(saga_id)
            if not entries:
                saga_id = await _whole_id(journal, saga_id)  # noqa: PLW2901 - the same id, in full
                entries = await journal.read(saga_id)
            file = out / f"{quote(saga_id, safe='')}.json"
            _write(file, write_journal(saga_id, entries))
            written.append(str(file))
    return written


async def _whole_id(journal: JournalReader, saga_id: str) -> str:
    """The id of the only saga whose id begins with this text."""
    from orchestrator.ports.catalogue import SagaFilter  # noqa: PLC0415 - as above

    records, _ = await journal.search(SagaFilter(id_prefix=saga_id), CANDIDATES + 1, "")
    if not records:
        refuse(f"there is no saga {saga_id!r} in this journal; see: orchestrator list; or name another --journal")
    return only_one(saga_id, [record.saga_id for record in records])


def _write(file: Path, text: str) -> None:
    """Write a file that nobody else may read."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        refuse(f"{file} cannot be written: {error.strerror}", code=1)
