"""A replay: the code runs from its first line to its last, and everything that it asks for is journalled.

Its time holds a fold of the journal up to the end, and one of all of it, which ``test_state`` measures alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.replay_check import Finding
from tests.golden.account import VERIFIER

if TYPE_CHECKING:
    import asyncio

    from pytest_benchmark.fixture import BenchmarkFixture

    from orchestrator.engine.replay_check import ReplayVerdict
    from tests.bench.micro.conftest import Story


@pytest.mark.benchmark(group="replay")
def test_a_replay(benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, completed: Story) -> None:
    verdict: ReplayVerdict = benchmark(lambda: loop.run_until_complete(VERIFIER.verify(*completed)))
    assert verdict.finding is Finding.IN_LINE
