"""A process of its own: opens a store as a replica does, and says how long that took and how much memory it has.

``python -m tests.bench.opening <journal>`` says ``<seconds> <RSS in bytes>``: until the replica has made its first
heartbeat and has looked once for what is to be recovered and for what is due.
"""

from __future__ import annotations

import gc
import sys
import time

import uvloop

from orchestrator.store.opening import open_store
from tests.bench.parked import DEFINITION, LEASE_SECONDS, OWNER
from tests.bench.processes import end_with_parent, resident_bytes

_BATCH = 500


async def main() -> None:
    """As the command line says."""
    began = time.perf_counter()
    journal = await open_store(sys.argv[1])
    await journal.heartbeat(OWNER, int(LEASE_SECONDS * 1e9))
    await journal.unclaimed()
    await journal.claim_unfinished(OWNER, _BATCH, [DEFINITION])
    await journal.claim_due(OWNER, _BATCH, [DEFINITION])
    seconds = time.perf_counter() - began
    gc.collect()
    sys.stdout.write(f"{seconds} {resident_bytes()}\n")
    sys.stdout.flush()
    await journal.close()


if __name__ == "__main__":
    end_with_parent()
    uvloop.run(main())
