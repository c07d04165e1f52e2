"""The workloads by their names, and how one after another is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.counting import flush_seconds
from tests.bench.loads import forward, rollback
from tests.bench.memory import memory
from tests.bench.recovery import recovery
from tests.bench.results import Finding
from tests.bench.session import say
from tests.bench.spread import Spread
from tests.bench.stored import stored

if TYPE_CHECKING:
    from tests.bench.session import Session

_WORKLOADS = {"forward": forward, "rollback": rollback, "memory": memory, "recovery": recovery, "stored": stored}


async def run(session: Session) -> None:
    """Run the workloads that are asked for; what each finds is in the session's results when it has ended."""
    flushes = Spread.of(seconds * 1e3 for seconds in flush_seconds(session.folder))
    session.results.findings.append(Finding("a flush of this disk", flushes, "ms", None, "a page, appended and synced"))
    for name in session.options.only:
        say(f"{name}: {(_WORKLOADS[name].__doc__ or '').splitlines()[0]}")
        await _WORKLOADS[name](session)
