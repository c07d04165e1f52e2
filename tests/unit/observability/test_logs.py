"""Records as lines."""

from __future__ import annotations

import logging
import sys
import warnings

import pytest

from orchestrator.observability.logs import SagaFormatter, configure_logs


def line(message: str, replica: int | None = None, **extra: object) -> str:
    record = logging.LogRecord("orchestrator.engine", logging.INFO, __file__, 1, message, None, None)
    record.created, record.msecs = 1_700_000_000.25, 250.0
    record.__dict__.update(extra)
    return SagaFormatter(replica).format(record)


def test_a_record_is_a_line_in_utc() -> None:
    assert line("listening") == "2023-11-14T22:13:20.250Z INFO     orchestrator.engine: listening"


def test_a_record_about_a_saga_names_it() -> None:
    assert line("released", saga_id="order-1").endswith("orchestrator.engine: saga order-1: released")


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
