"""The observer that the environment asks for, and what it does with entries."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import sampling

from orchestrator.errors import SettingsError
from orchestrator.journal.entries import SagaCompleted, SagaRecovered, SagaResumed, SagaStarted, SagaSuspended
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import SagaState
from orchestrator.observability import open_observability
from orchestrator.observability.observing import Unobserved
from orchestrator.observability.traces.sending import Limits, SpanSender
from orchestrator.observability.traces.tracing import TracingObserver

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.journal.entries import Entry

STARTED = SagaStarted(1000, "place_order", 1, b"", "", True)
COMPLETED = SagaCompleted(1070, b"")
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = f"00-{TRACE}-b7ad6b7169203331"
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


class Recorded:
    """An exporter that keeps the names of the spans; it refuses them while there is a problem, or waits if held."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.problem = ""
        self.asked = threading.Event()
        self.held = threading.Event()
        self.held.set()

    def send(self, spans: Sequence[bytes]) -> str:
        self.asked.set()
        assert self.held.wait(10)
        if not self.problem:
            self.names += [Span.FromString(span).name for span in spans]
        return self.problem

    def shut(self) -> None:
        self.held.set()


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
def observer(recorded: Recorded) -> Iterator[TracingObserver]:
    sender = SpanSender(recorded, Limits(delay=60))
    yield TracingObserver(sender, sampling.DEFAULT_ON)
    sender.close(10)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "True"},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
    ],
)
async def test_without_a_collector_nothing_is_observed_and_nothing_is_said(
    environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    threads = threading.active_count()
    observer = open_observability(environ)
    assert isinstance(observer, Unobserved)
    assert not observer.samples("order-1", f"{CALLER}-01")
    observer.recovered("order-1", [STARTED])
    observer.journalled(SagaState("order-1"), [STARTED])
    await observer.close()
    assert threading.active_count() == threads
    assert not caplog.records


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_a_limit_that_cannot_be_understood_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match="OTEL_BSP_MAX_QUEUE_SIZE"):
        open_observability({**ENDPOINT, "OTEL_BSP_MAX_QUEUE_SIZE": value})


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip")]
)
def test_a_value_that_the_sdk_does_not_understand_is_a_settings_error(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=value):
        open_observability(ENDPOINT)


def test_the_limits_come_from_the_variables_of_the_sdk() -> None:
    environ = {
        "OTEL_BSP_MAX_QUEUE_SIZE": "100",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10",
        "OTEL_BSP_SCHEDULE_DELAY": "250",
    }
    assert Limits.of(environ) == Limits(queue=100, batch=10, delay=0.25)
    assert Limits.of({"OTEL_BSP_MAX_QUEUE_SIZE": "100"}).batch == 100


def test_a_caller_decides_for_its_sagas(observer: TracingObserver) -> None:
    assert observer.samples("order-1", f"{CALLER}-01")
    assert not observer.samples("order-1", f"{CALLER}-00")


def test_a_saga_without_a_caller_is_sampled_unless_told_otherwise(observer: TracingObserver) -> None:
    assert observer.samples("order-1", "")
    assert observer.samples("order-1", "nonsense")


def test_half_of_the_sagas_can_be_sampled(recorded: Recorded) -> None:
    sender = SpanSender(recorded, Limits())
    observer = TracingObserver(sender, sampling.ParentBasedTraceIdRatio(0.5))
    sampled = sum(observer.samples(f"order-{number}", "") for number in range(1000))
    assert 400 < sampled < 600
    assert observer.samples("order-1", "") == observer.samples("order-1", "")
    sender.close(10)


async def test_spans_held_back_are_sent_at_the_end(observer: TracingObserver, recorded: Recorded) -> None:
    observer.journalled(SagaState("order-1"), [STARTED])
    observer.journalled(SagaState("order-1"), [COMPLETED])
    assert recorded.names == []
    await observer.close()
    assert recorded.names == ["saga started", "saga place_order"]


async def test_a_saga_that_is_not_sampled_leaves_no_trace(observer: TracingObserver, recorded: Recorded) -> None:
    unsampled = STARTED._replace(sampled=False)
    observer.journalled(SagaState("order-1"), [unsampled, COMPLETED])
    observer.recovered("order-2", [unsampled])
    observer.journalled(SagaState("order-2"), [COMPLETED])
    await observer.close()
    assert recorded.names == []
    assert not observer._traces


async def test_a_recovered_saga_is_projected_from_its_first_entry(
    observer: TracingObserver, recorded: Recorded
) -> None:
    observer.recovered("order-1", [STARTED])
    observer.journalled(SagaState("order-1"), [SagaRecovered(2000, "replica-2"), COMPLETED])
    await observer.close()
    assert recorded.names == ["saga started", "saga place_order"]


async def test_spans_that_this_process_has_sent_are_not_sent_again_when_the_saga_is_recovered(
    observer: TracingObserver, recorded: Recorded
) -> None:
    observer.journalled(SagaState("order-1"), [STARTED])
    observer.recovered("order-1", [STARTED, COMPLETED])
    await observer.close()
    assert recorded.names == ["saga started", "saga place_order"]


async def test_spans_that_an_earlier_process_has_sent_are_not_sent_again(
    observer: TracingObserver, recorded: Recorded
) -> None:
    observer.told_before = STARTED.at + 1
    observer.recovered("order-1", [STARTED])
    observer.journalled(SagaState("order-1"), [COMPLETED])
    await observer.close()
    assert recorded.names == ["saga place_order"]


async def test_the_spans_of_entries_whose_acknowledgement_was_lost_are_sent_when_the_saga_is_recovered(
    observer: TracingObserver, recorded: Recorded
) -> None:
    observer.told_before = COMPLETED.at + 1
    observer.journalled(SagaState("order-1"), [STARTED])
    observer.recovered("order-1", [STARTED, COMPLETED])
    await observer.close()
    assert recorded.names == ["saga started", "saga place_order"]


async def test_the_spans_of_a_suspended_saga_are_not_sent_again_when_the_saga_goes_on(
    observer: TracingObserver, recorded: Recorded
) -> None:
    suspended = SagaSuspended(1050, Reason(ReasonCode.UNKNOWN, "no answer"))
    observer.recovered("order-1", [STARTED, suspended], told=True)
    observer.journalled(SagaState("order-1"), [SagaResumed(1060, Reason(ReasonCode.UNKNOWN, "found out")), COMPLETED])
    await observer.close()
    assert recorded.names == ["saga place_order"]


async def test_a_close_tells_whether_everything_has_arrived(recorded: Recorded) -> None:
    for problem in ("", "away"):
        observer = TracingObserver(SpanSender(recorded, Limits(delay=60)), sampling.DEFAULT_ON)
        recorded.problem = problem
        observer.journalled(SagaState("order-1"), [STARTED])
        assert await observer.close() is not bool(problem)


@pytest.mark.parametrize("end", [COMPLETED, SagaSuspended(1050, Reason(ReasonCode.UNKNOWN, "no answer"))])
def test_a_saga_that_rests_is_forgotten(observer: TracingObserver, end: SagaCompleted | SagaSuspended) -> None:
    observer.journalled(SagaState("order-1"), [STARTED])
    assert observer._traces
    observer.journalled(SagaState("order-1"), [end])
    assert not observer._traces


async def test_the_trace_of_a_suspended_saga_goes_on_when_it_is_resumed(
    observer: TracingObserver, recorded: Recorded
) -> None:
    before: list[Entry] = [STARTED, SagaSuspended(1050, Reason(ReasonCode.UNKNOWN, "no answer"))]
    observer.journalled(SagaState("order-1"), before)
    # As the worker does when an operator lets a saga go on.
    observer.recovered("order-1", before, told=True)
    observer.journalled(SagaState("order-1"), [SagaResumed(1060, Reason(ReasonCode.RESUMED, "it is paid")), COMPLETED])
    await observer.close()
    assert recorded.names[-1] == "saga place_order"


async def test_a_journal_that_cannot_be_projected_harms_no_saga(
    observer: TracingObserver, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    observer.journalled(SagaState("order-1"), [STARTED, "no entry", COMPLETED])  # type: ignore[list-item]
    observer.journalled(SagaState("order-1"), [COMPLETED])
    observer.journalled(SagaState("order-2"), [STARTED, COMPLETED])
    await observer.close()
    assert [record.getMessage() for record in caplog.records] == ["saga order-1: the rest of its trace is missing"]
    assert recorded.names == ["saga started", "saga started", "saga place_order"]


def test_a_full_batch_is_sent_at_once(recorded: Recorded) -> None:
    sender = SpanSender(recorded, Limits(batch=2, delay=60))
    observer = TracingObserver(sender, sampling.DEFAULT_ON)
    observer.journalled(SagaState("order-1"), [STARTED, COMPLETED])
    assert recorded.asked.wait(10)
    sender.close(10)


async def test_who_must_not_lose_spans_waits_until_they_are_sent(recorded: Recorded) -> None:
    sender = SpanSender(recorded, Limits(delay=60))
    observer = TracingObserver(sender, sampling.DEFAULT_ON)
    await observer.passed_on(60)
    observer.journalled(SagaState("order-1"), [STARTED])
    await observer.passed_on(60)
    assert recorded.names == ["saga started"]
    sender.close(10)
    await observer.passed_on(60)


async def test_nobody_waits_for_long_for_a_collector_that_hangs(recorded: Recorded) -> None:
    recorded.held.clear()
    sender = SpanSender(recorded, Limits(delay=60))
    observer = TracingObserver(sender, sampling.DEFAULT_ON)
    observer.journalled(SagaState("order-1"), [STARTED])
    await observer.passed_on(0.01)
    assert recorded.names == []
    recorded.held.set()
    await observer.passed_on(60)
    assert recorded.names == ["saga started"]
    sender.close(10)


def test_spans_that_find_no_room_are_counted_and_dropped(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    recorded.held.clear()
    sender = SpanSender(recorded, Limits(queue=2, batch=1, delay=60))
    observer = TracingObserver(sender, sampling.DEFAULT_ON)
    observer.journalled(SagaState("order-0"), [STARTED])
    assert recorded.asked.wait(10)
    for number in range(1, 6):
        observer.journalled(SagaState(f"order-{number}"), [STARTED])
    assert sender.lost == 3
    recorded.held.set()
    sender.close(10)
    assert len(recorded.names) == 3
    assert caplog.messages[-1] == "3 spans did not reach the collector"


def test_the_loss_of_spans_is_logged_at_its_start_and_at_its_end(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sender = SpanSender(recorded, Limits(delay=60))
    observer = TracingObserver(sender, sampling.DEFAULT_ON)
    for problem in ("away", "away", "", ""):
        recorded.problem = problem
        observer.journalled(SagaState("order-1"), [STARTED])
        sender._send_batch()
    assert caplog.messages == ["spans are being lost: away", "spans reach the collector again; 2 were lost so far"]
    sender.close(10)


def test_the_end_does_not_wait_for_a_collector_that_hangs(recorded: Recorded) -> None:
    recorded.held.clear()
    recorded.problem = "given up"
    sender = SpanSender(recorded, Limits(batch=1, delay=60))
    TracingObserver(sender, sampling.DEFAULT_ON).journalled(SagaState("order-1"), [STARTED])
    assert recorded.asked.wait(10)
    sender.close(0.01)
    assert not sender._thread.is_alive()
    assert sender.lost == 1
