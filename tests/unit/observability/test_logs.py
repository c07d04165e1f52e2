"""Records as lines."""

from __future__ import annotations

import logging
import sys
import warnings

import pytest

from orchestrator import saga, saga_id
from orchestrator.journal.logged import about_saga, root_traceparent
from orchestrator.journal.state import SagaState
from orchestrator.journal.trace_ids import ROOT, span_id
from orchestrator.observability.logs import SagaFormatter, about, configure_logs
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import RESERVE, EngineWorld, Shop


def line(message: str, replica: int | None = None, **extra: object) -> str:
    record = logging.LogRecord("orchestrator.engine", logging.INFO, __file__, 1, message, None, None)
    record.created, record.msecs = 1_700_000_000.25, 250.0
    record.__dict__.update(extra)
    return SagaFormatter(replica).format(record)


def test_a_record_is_a_line_in_utc() -> None:
    assert line("listening") == "2023-11-14T22:13:20.250Z INFO     orchestrator.engine: listening"


def test_a_record_about_a_saga_names_it() -> None:
    assert line("released", saga_id="order-1").endswith("orchestrator.engine: saga order-1: released")


def test_a_saga_that_the_message_names_is_not_named_twice() -> None:
    assert line("saga order-1 is suspended", saga_id="order-1").count("order-1") == 1


def test_a_record_about_a_saga_tells_its_trace_and_its_root() -> None:
    state = SagaState("order-1")
    state.sampled = True
    record = logging.makeLogRecord({"msg": "suspended", **about_saga(state)})

    fields = about(record, replica=2)

    assert fields == {
        "saga.id": "order-1",
        "trace_id": root_traceparent(state).split("-")[1],
        "span_id": span_id("order-1", ROOT),
        "saga.replica": 2,
    }


def test_a_saga_that_is_not_traced_is_told_by_its_id_alone() -> None:
    assert about(logging.makeLogRecord({"msg": "suspended", **about_saga(SagaState("order-1"))})) == {
        "saga.id": "order-1"
    }


def test_a_record_about_no_saga_tells_none() -> None:
    assert about(logging.makeLogRecord({"msg": "listening"})) == {}


@saga("talkative", version=1)
async def talkative(order: StartOrderRequest, shop: Shop) -> Receipt:
    """It logs as any code does, without a word about itself."""
    logging.getLogger("my.shop").info("reserving for %s", order.customer_id)
    await shop.inventory.ReserveStock(RESERVE)
    return Receipt(order_id=saga_id())


async def test_what_the_code_of_a_saga_logs_is_told_with_its_ids() -> None:
    told: list[dict[str, object]] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append({"body": record.getMessage(), **about(record)})

    logger, handler = logging.getLogger("my.shop"), Keeping()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    world = EngineWorld(talkative)
    try:
        state = await world.worker().start(world.order(), wait=60)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)

    _, trace, root, _ = root_traceparent(state).split("-")
    (record,) = told
    assert record["saga.id"] == state.saga_id
    assert (record["trace_id"], record["span_id"]) == (trace, root)


def test_a_record_of_one_of_several_replicas_tells_which() -> None:
    assert line("listening", 2) == "2023-11-14T22:13:20.250Z INFO     [2] orchestrator.engine: listening"


def test_a_traceback_stays_on_its_line() -> None:
    try:
        int("first\nsecond")
    except ValueError:
        assert "\n" not in line("failed", exc_info=sys.exc_info())


@pytest.mark.parametrize(
    "character", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x1b[2K"]
)
def test_no_character_of_a_message_begins_another_line_or_moves_the_cursor(character: str) -> None:
    formatted = line(f"refused: {character}2023-11-14T22:13:20.250Z INFO     orchestrator: all is well")

    assert len(formatted.splitlines()) == 1
    assert formatted.isprintable()
    assert repr(character)[1:-1] in formatted


def test_every_handler_writes_one_line_for_each_record(capfd: pytest.CaptureFixture[str]) -> None:
    before, level = logging.root.handlers[:], logging.root.level
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        try:
            configure_logs("INFO")
            logging.getLogger("grpc._cython").warning("first\nsecond")
            warnings.warn("third\nfourth", RuntimeWarning, stacklevel=1)
        finally:
            logging.root.handlers[:] = before
            logging.root.setLevel(level)
            logging.captureWarnings(capture=False)

    first, second = capfd.readouterr().err.splitlines()
    assert first.endswith("WARNING  grpc._cython: first\\nsecond")
    assert "third\\nfourth" in second
