"""Records as lines."""

from __future__ import annotations

import logging
import sys

from orchestrator.observability.logs import SagaFormatter


def line(message: str, **extra: object) -> str:
    record = logging.LogRecord("orchestrator.engine", logging.INFO, __file__, 1, message, None, None)
    record.created, record.msecs = 1_700_000_000.25, 250.0
    record.__dict__.update(extra)
    return SagaFormatter().format(record)


def test_a_record_is_a_line_in_utc() -> None:
    assert line("listening") == "2023-11-14T22:13:20.250Z INFO     orchestrator.engine: listening"


def test_a_record_about_a_saga_names_it() -> None:
    assert line("let go of", saga_id="order-1").endswith("orchestrator.engine: saga order-1: let go of")


def test_a_traceback_stays_on_its_line() -> None:
    try:
        int("first\nsecond")
    except ValueError:
        assert "\n" not in line("failed", exc_info=sys.exc_info())
