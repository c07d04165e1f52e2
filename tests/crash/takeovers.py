"""How soon the sagas of a replica that died are taken over: read from the journal, where both instants stand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import psycopg

from orchestrator.journal.entries import SagaRecovered
from orchestrator.store.opening import open_reader

if TYPE_CHECKING:
    from tests.crash.processes import Process

_UNFINISHED: Final = """
SELECT saga_id, alive_until FROM open_saga JOIN replica USING (owner)
WHERE status IN (1, 4) AND owner LIKE '%%-' || %s || '-%%'
"""
_NANOS: Final = 1_000_000_000


class Takeovers:
    """What replicas had in hand when they died or fell silent.

    Args:
        url: their journal, on PostgreSQL.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lapsed: list[tuple[str, int]] = []

    async def left_by(self, replica: Process) -> list[str]:
        """The sagas that a replica has in hand which does nothing any more."""
        found = await asyncio.to_thread(self._ask, str(replica.pid))
        self._lapsed += found
        return [saga_id for saga_id, _ in found]

    async def seconds_after_the_lease(self) -> list[float]:
        """For each saga that was in hand, in order of size: from the end of the lease to the recovery by another."""
        reader = await open_reader(self._url)
        found = []
        for saga_id, lapsed_at in self._lapsed:
            recovered = [entry.at for entry in await reader.read(saga_id) if isinstance(entry, SagaRecovered)]
            found += [(at - lapsed_at) / _NANOS for at in recovered if at >= lapsed_at][:1]
        await reader.close()
        return sorted(found)

    def _ask(self, pid: str) -> list[tuple[str, int]]:
        with psycopg.connect(self._url) as connection:
            return [(str(saga_id), int(until)) for saga_id, until in connection.execute(_UNFINISHED, (pid,))]


def summary(seconds: list[float]) -> str:
    """The middle, the 99th of a hundred and the longest."""
    if not seconds:
        return "no saga had to be taken over"
    middle, late = seconds[len(seconds) // 2], seconds[min(len(seconds) - 1, len(seconds) * 99 // 100)]
    return (
        f"{len(seconds)} takeovers after the lease: p50 {middle:.2f} s, p99 {late:.2f} s, longest {seconds[-1]:.2f} s"
    )
