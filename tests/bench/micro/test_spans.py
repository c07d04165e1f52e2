"""The projection of a journal that has come to rest onto OTLP spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from orchestrator.journal.entries import SagaStarted
from orchestrator.observability.traces.projection import SagaTrace

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from tests.bench.micro.conftest import Story


def project(story: Story) -> list[bytes]:
    started = story.entries[0]
    assert isinstance(started, SagaStarted)
    trace = SagaTrace(story.saga_id, started)
    return [span for entry in story.entries for span in trace.project(entry)]


@pytest.mark.benchmark(group="span projection")
@pytest.mark.parametrize("how", ["completed", "cancelled"])
def test_a_projection(benchmark: BenchmarkFixture, request: pytest.FixtureRequest, how: str) -> None:
    story: Story = request.getfixturevalue(how)
    spans = benchmark(project, story)
    benchmark.extra_info["spans"] = len(spans)
    assert Span.FromString(spans[-1]).name == "saga place_order"
