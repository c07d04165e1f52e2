"""Records a golden journal file: what a process that died has left in SQLite, for every later version to carry on with.

``python -m tests.golden.journal_file`` writes ``left_behind.db``, unless it is there. It was written by the commit
before the house was rearranged; it is never written again.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from orchestrator.engine.replica.assemble import assemble
from orchestrator.ports.adapters import Adapters
from orchestrator.shop.place_order import place_order
from orchestrator.store.sqlite.journal import SqliteJournal
from orchestrator.testing.world.clock import JumpingClock
from orchestrator.testing.world.network import NetworkConnection
from orchestrator.testing.world.observer import NullObserver
from orchestrator.testing.world.participants import ScriptedParticipants
from orchestrator.testing.world.virtual_loop import Process
from tests.golden.record import ORDER, REPLIES
from tests.support.engine_world import Answer, order_of, rejected, turns, until

if TYPE_CHECKING:
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.ports.journal import Journal

FILE: Final = Path(__file__).parent / "left_behind.db"

COMPLETED: Final = "0198c0de-0000-7000-8000-0000000000c1"
ASKED: Final = "0198c0de-0000-7000-8000-0000000000a1"
AUTHORIZING: Final = "0198c0de-0000-7000-8000-0000000000a2"
FULFILLING: Final = "0198c0de-0000-7000-8000-0000000000f1"
VOIDING: Final = "0198c0de-0000-7000-8000-0000000000b1"
SUSPENDED: Final = "0198c0de-0000-7000-8000-0000000000d1"

SCRIPTS: Final[dict[str, dict[str, Any]]] = {
    COMPLETED: {},
    SUSPENDED: {"FulfilOrder": rejected(reason="BIN_EMPTY")},
    ASKED: {"PriceOrder": Answer},
    AUTHORIZING: {"AuthorizePayment": Answer},
    FULFILLING: {"FulfilOrder": Answer},
    VOIDING: {"ArrangeShipment": rejected(reason="NO_CARRIER"), "VoidAuthorization": Answer},
}
"""What happens to each saga; an ``Answer`` never comes: there the process died."""


def worker_on(journal: Journal, participants: ScriptedParticipants, owner: str) -> Worker:
    """One process over a journal."""
    connection = NetworkConnection(participants, Process(owner))
    clock = JumpingClock()
    adapters = Adapters(journal, connection, NullObserver(), clock, lambda: 0.5)
    return assemble([place_order], adapters, owner=owner, lease=60.0).worker


async def until_asked(answer: Answer) -> None:
    """Let the loop turn until somebody waits for the answer, and nothing more happens."""
    await until(lambda: answer.asked, most=1_000_000)
    await turns()


async def record(path: Path) -> None:
    """Start every saga, let each come as far as it comes, and die."""
    participants = ScriptedParticipants()
    participants.replies.update(REPLIES)
    journal = await SqliteJournal.open(path)
    worker = worker_on(journal, participants, "the-one-that-died")
    await worker.open()
    for saga_id, scripts in SCRIPTS.items():
        waits = []
        for method, step in scripts.items():
            answer = step() if step is Answer else step
            waits += [answer] if isinstance(answer, Answer) else []
            participants.scripts[method] = [answer]
        started = asyncio.ensure_future(worker.start(order_of(place_order, ORDER, saga_id), wait=1e6))
        if not waits:
            await started
        for answer in waits:
            await until_asked(answer)
        participants.scripts.clear()
    await journal.close()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0)


if __name__ == "__main__" and not FILE.exists():
    asyncio.run(record(FILE))
