"""Writes the journals of many sagas at once: copies of one that was really run, through the store's own appends."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from orchestrator.journal.entries import CommandIntended
from orchestrator.store.sqlite.journal import SqliteJournal
from tests.bench.session import say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from google.protobuf.message import Message

    from orchestrator.bootstrap import OpenedReplica
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.journal.entries import Entry
    from orchestrator.ports.journal import Append

_SAGAS_AT_ONCE = 2000
_SAGAS_TO_TELL = 50_000
_SEED = 1


async def recorded(replica: OpenedReplica, definition: SagaDefinition[Any, Any, Any], order: Message) -> list[Append]:
    """The appends of one saga, from its start to its end."""
    journal = replica.sagas.worker.adapters.journal
    append, appends = journal.append, []

    def keep(each: Append) -> asyncio.Future[None]:
        appends.append(each)
        return append(each)

    with patch.object(journal, "append", keep):
        await replica.run(definition, order)
    return appends


def until_intended(appends: Sequence[Append], number: int) -> list[Append]:
    """Those until the intent of the so many-th command is durable."""
    intents = 0
    for position, append in enumerate(appends, start=1):
        intents += sum(isinstance(entry, CommandIntended) for entry in append.entries)
        if intents >= number:
            return list(appends[:position])
    raise ValueError(f"the saga has {intents} commands, not {number}")


async def fill(path: Path, appends: Sequence[Append], number: int) -> list[str]:
    """Write so many sagas like this one into the journal at ``path``, saying how far it is; their ids."""
    journal = await SqliteJournal.open(path)
    saga_ids = drawn_ids(number)
    try:
        for begin in range(0, number, _SAGAS_AT_ONCE):
            some = saga_ids[begin : begin + _SAGAS_AT_ONCE]
            await asyncio.gather(*(journal.append(copied(each, to)) for to in some for each in appends))
            if begin and begin % _SAGAS_TO_TELL == 0:
                say(f"{begin} of {number} sagas written")
    finally:
        await journal.close()
    return saga_ids


def drawn_ids(number: int, seed: int = _SEED) -> list[str]:
    """Ids of so many sagas that began one every millisecond until now.

    Every second one is in the order of time, as for a start without a request id; the others are as for one with it,
    which is derived and lies anywhere.
    """
    draw = random.Random(seed)
    begin = time.time_ns() // 1_000_000 - number
    moments = (begin + each for each in range(0, number, 2))
    times = (f"{moment:012x}7{draw.getrandbits(12):03x}8{draw.getrandbits(60):015x}" for moment in moments)
    return [
        str(uuid.UUID(next(times)) if each % 2 == 0 else uuid.UUID(int=draw.getrandbits(128), version=5))
        for each in range(number)
    ]


def copied(append: Append, saga_id: str) -> Append:
    """The same append of another saga, with requests of its own.

    Ids of sagas have one length, so a request in which one takes the place of another stays well-formed.
    """
    old, new = append.saga_id.encode(), saga_id.encode()
    return append._replace(saga_id=saga_id, entries=[_copied(entry, old, new) for entry in append.entries])


def _copied(entry: Entry, old: bytes, new: bytes) -> Entry:
    if isinstance(entry, CommandIntended):
        return entry._replace(request=entry.request.replace(old, new))
    return entry
