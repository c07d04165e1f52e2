"""Looks at the journals of sagas that have not ended: whether they can be read, and say what the list of sagas says.

It works on any store, and beside the orchestrators that have it: what changes while it looks is looked at again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.contract.wording import counted
from orchestrator.errors import JournalError
from orchestrator.journal.fold import fold
from orchestrator.journal.state import UNFINISHED, Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.findings import error, fine, warning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.ports.catalogue import SagaRecord
    from orchestrator.ports.findings import Finding
    from orchestrator.ports.journal import JournalReader

MOST: Final = 1000
"""So many journals are read at most, those of the newest sagas."""
_PAGE: Final = 200
_LOOKS: Final = 3
_SHOWN: Final = 3


async def examine_journals(reader: JournalReader) -> list[Finding]:
    """What is found of the sagas that have not ended.

    Raises:
        JournalUnavailable: the store cannot be read.
    """
    looked_at, broken = 0, list[str]()
    async for record in _unended(reader):
        looked_at += 1
        if how := await _broken(reader, record):
            broken.append(how)
    return [_journals(looked_at, broken), await _suspended(reader)]


def _journals(looked_at: int, broken: list[str]) -> Finding:
    if broken:
        more = f"; and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
        what = f"{len(broken)} of {counted(looked_at, 'journal')}: {'; '.join(broken[:_SHOWN])}{more}"
        advice = "use the version of the program that wrote them, or put the journal back from a backup; report it"
        return error("journals", what, advice)
    newest = f" (the newest {MOST} were looked at)" if looked_at == MOST else ""
    return fine("journals", f"the journals of {counted(looked_at, 'saga')} that have not ended are in order{newest}")


async def _suspended(reader: JournalReader) -> Finding:
    suspended = sum(count.number for count in await reader.count() if count.status is Status.SUSPENDED)
    if not suspended:
        return fine("suspended", "no saga waits for an operator")
    what = f"{counted(suspended, 'saga')} {'waits' if suspended == 1 else 'wait'} for an operator"
    return warning("suspended", what, "orchestrator list --status suspended names them; orchestrator show tells why")


async def _unended(reader: JournalReader) -> AsyncIterator[SagaRecord]:
    """The newest of them, so many at most."""
    where, token, left = SagaFilter(statuses=UNFINISHED | {Status.SUSPENDED}), "", MOST
    while left:
        page, token = await reader.search(where, min(_PAGE, left), token)
        for record in page:
            yield record
        left -= len(page)
        if not token:
            break


async def _broken(reader: JournalReader, record: SagaRecord) -> str:
    """What is wrong with a journal; empty where nothing is."""
    how = ""
    for _ in range(_LOOKS):
        try:
            entries = await reader.read(record.saga_id)
            state = fold(record.saga_id, entries)
        except JournalError:
            raise
        except Exception as failed:  # noqa: BLE001 - whatever a spoilt journal makes of what reads it
            return f"that of {record.saga_id} cannot be read: {type(failed).__name__}: {failed}"
        if (len(entries), state.status) == (record.sequence, record.status):
            return ""
        listed, told = record.status.name.lower(), state.status.name.lower() if state.status else "nothing"
        how = (
            f"{record.saga_id} is listed as {listed} at entry {record.sequence}; its journal ends with entry "
            f"{len(entries)} and says {told}"
        )
        latest = await reader.find(record.saga_id)  # a replica may have gone on in between
        if latest is None:
            return ""
        record = latest
    return how
