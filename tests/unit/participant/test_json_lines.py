"""Records as JSON lines."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from orchestrator.participant.json_lines import JsonLines


def read(line: str) -> dict[str, Any]:
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert line.isprintable()
    fields: dict[str, Any] = json.loads(line)
    return fields


def record(message: str, *args: object, level: int = logging.INFO, error: object = None) -> logging.LogRecord:
    made = logging.LogRecord("hotel.rooms", level, __file__, 1, message, args, error)  # type: ignore[arg-type]
    made.created = 1_700_000_000.25
    return made


def test_a_record_is_one_object_with_the_names_of_opentelemetry() -> None:
    assert read(JsonLines().format(record("room %d is free", 7))) == {
        "timestamp": "2023-11-14T22:13:20.250000+00:00",
        "severity_text": "INFO",
        "severity_number": 9,
        "body": "room 7 is free",
        "logger": "hotel.rooms",
    }


@pytest.mark.parametrize(
    ("level", "text", "number"),
    [
        (logging.DEBUG, "DEBUG", 5),
        (logging.WARNING, "WARN", 13),
        (logging.WARNING + 5, "WARN", 13),
        (logging.ERROR, "ERROR", 17),
        (logging.CRITICAL, "FATAL", 21),
        (3, "TRACE", 1),
    ],
)
def test_a_level_is_a_severity(level: int, text: str, number: int) -> None:
    fields = read(JsonLines().format(record("so it is", level=level)))
    assert (fields["severity_text"], fields["severity_number"]) == (text, number)


def test_an_exception_is_told_in_fields_of_its_own() -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("first\nsecond")
    error = (caught.type, caught.value, caught.tb)
    fields = read(JsonLines().format(record("failed", error=error)))
    assert fields["body"] == "failed"
    assert fields["exception.type"] == "ValueError"
    assert fields["exception.message"].startswith("invalid literal for int()")
    assert fields["exception.stacktrace"].startswith("Traceback (most recent call last):\n")


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b[2K", "\x85", "\u2028", '"', "\\", "ü"])
def test_no_character_of_a_message_ends_the_line_or_changes_a_field(character: str) -> None:
    message = f"refused: {character}, severity_text: DEBUG"
    assert read(JsonLines().format(record(message)))["body"] == message


def test_what_the_process_knows_of_a_record_is_added() -> None:
    formatter = JsonLines(lambda of: {"saga.id": f"saga of {of.name}"})
    assert read(formatter.format(record("so it is")))["saga.id"] == "saga of hotel.rooms"
