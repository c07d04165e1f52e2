"""The workloads by their names, and how one after another is run."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from tests.bench.channels import channels
from tests.bench.console import console
from tests.bench.counting import flush_seconds
from tests.bench.loads import forward, rollback
from tests.bench.memory import memory
from tests.bench.pages import pages
from tests.bench.processes import busy_seconds
from tests.bench.recovery import recovery
from tests.bench.results import Finding
from tests.bench.secured import tls
from tests.bench.session import say
from tests.bench.shared import postgres
from tests.bench.shop import shop
from tests.bench.spread import Spread
from tests.bench.stored import stored, stored_on_postgres
from tests.bench.takeover import takeover
from tests.bench.waiting import waiting

if TYPE_CHECKING:
    from tests.bench.session import Session

_WORKLOADS = {
    each.__name__: each
    for each in (
        forward,
        rollback,
        tls,
        channels,
        postgres,
        shop,
        memory,
        recovery,
        takeover,
        stored,
        stored_on_postgres,
        waiting,
        console,
        pages,
    )
}
_WITH_PROCESSES_THAT_END = {"tls", "channels", "postgres", "shop", "memory", "takeover", "waiting"}
"""Their CPU is gone with them."""


async def run(session: Session) -> None:
    """Run the workloads that are asked for; what each finds is in the session's results when it has ended."""
    flushes = Spread.of(seconds * 1e3 for seconds in flush_seconds(session.folder))
    session.results.findings.append(Finding("a flush of this disk", flushes, "ms", None, "a page, appended and synced"))
    others = []
    for name in session.options.only:
        say(f"{name}: {(_WORKLOADS[name].__doc__ or '').splitlines()[0]}")
        before = _work(session)
        await _WORKLOADS[name](session)
        if name not in _WITH_PROCESSES_THAT_END:
            wall, busy, ours = (after - earlier for after, earlier in zip(_work(session), before, strict=True))
            others.append(max(0.0, busy - ours) / wall / (os.cpu_count() or 1))
    if others:
        note = "of all its processors; where that is much, what is told of time means little"
        session.results.findings.append(Finding("part of this machine that others took", Spread.of(others), note=note))


def _work(session: Session) -> tuple[float, float, float]:
    """Seconds that have passed, that the machine's processors have worked, and that they have done so for the bench."""
    return time.monotonic(), busy_seconds(), sum(session.watched.cpu().values())
