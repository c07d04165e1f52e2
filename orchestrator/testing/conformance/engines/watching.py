"""Those who watch see every saga come to its end; and who observes is told each entry that is durable."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.errors import SagaNotFound
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.collecting import Scenarios
from orchestrator.testing.conformance.engines.harness import PATIENCE_SECONDS
from orchestrator.testing.conformance.engines.raising import raises
from orchestrator.testing.conformance.engines.sagas import trip, trip_at_once

if TYPE_CHECKING:
    from orchestrator.testing.conformance.engines.harness import Stage

scenario = Scenarios()


@scenario()
async def a_saga_is_watched_until_its_end(stage: Stage) -> None:
    """It is seen as it stands, and after its changes; the last time it has ended."""
    answer = stage.hold("AuthorizePayment")
    await stage.start(trip, "trip-1")
    await answer.asked.wait()
    seen = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for state in stage.sagas.watch("trip-1"):
            seen.append(state.status)
            answer.give()

    assert seen[0] is Status.RUNNING
    assert seen[-1] is Status.COMPLETED


@scenario()
async def nobody_can_watch_what_was_never_started(stage: Stage) -> None:
    """It is not found."""
    async with raises(SagaNotFound):
        async for _ in stage.sagas.watch("nobody"):
            pass


@scenario()
async def all_sagas_are_watched_to_their_ends(stage: Stage) -> None:
    """Those that are started later, too."""
    ended: dict[str, Status] = {}

    async def watch() -> None:
        async for state in stage.sagas.watch_all():
            if state.status is Status.COMPLETED:
                ended[state.saga_id] = state.status
            if len(ended) == 3:  # noqa: PLR2004 - those below
                return

    watching = asyncio.ensure_future(watch())
    await asyncio.sleep(0.2)  # a watcher sees what happens from then on
    for number in range(3):
        await stage.start(trip_at_once, f"trip-{number}")
    async with asyncio.timeout(PATIENCE_SECONDS):
        await watching

    assert set(ended) == {"trip-0", "trip-1", "trip-2"}


@scenario()
async def the_observer_is_told_every_entry_once(stage: Stage) -> None:
    """In order: the trace is a projection of the journal."""
    await stage.run(trip, "trip-1")
    entries = await stage.sagas.entries("trip-1")

    async def all_told() -> bool:
        return len(stage.observer.entries["trip-1"]) >= len(entries)

    await stage.eventually(all_told)

    assert stage.observer.entries["trip-1"] == entries
    assert not [entry for entry, times in Counter(stage.observer.entries["trip-1"]).items() if times > 1]
