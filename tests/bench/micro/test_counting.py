"""What metrics cost a saga: the counting of the entries of a journal that has come to rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.journal.fold import fold
from orchestrator.observability import names
from orchestrator.observability.metrics.counting import CountingObserver

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from tests.bench.micro.conftest import Story


@pytest.mark.benchmark(group="counting for metrics")
@pytest.mark.parametrize("how", ["completed", "cancelled"])
def test_a_counting(benchmark: BenchmarkFixture, request: pytest.FixtureRequest, how: str) -> None:
    story: Story = request.getfixturevalue(how)
    state = fold(story.saga_id, story.entries)
    observer = CountingObserver({})
    # As it becomes durable: an intent with what came of the command before it.
    writes = [story.entries[first : first + 2] for first in range(0, len(story.entries), 2)]

    def count() -> None:
        for entries in writes:
            observer.journalled(state, entries)

    benchmark(count)
    benchmark.extra_info["entries"] = len(story.entries)
    started = observer.tallies.series(names.SAGAS_STARTED)
    assert started[((names.SAGA_DEFINITION, "place_order"),)][0] > 0
