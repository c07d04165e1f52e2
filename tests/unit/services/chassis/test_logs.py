from __future__ import annotations

import logging

import pytest

from services.chassis.logs import OneLineFormatter, one_line

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x202E, 0x2066, 0xFEFF)]


def record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    told = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("shop", logging.WARNING, "file.py", 1, message, args, told)


def two_lines() -> None:
    raise ValueError("two\nlines")


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_no_control_character_reaches_the_log_as_itself(control: str) -> None:
    line = OneLineFormatter().format(record("of %s", f"mug{control}2026-01-01 ERROR forged"))
    assert control not in line
    assert line.isprintable()
    assert line.endswith(f"WARNING of mug{ascii(control)[1:-1]}2026-01-01 ERROR forged")


def test_a_traceback_is_on_the_line_of_its_record() -> None:
    with pytest.raises(ValueError, match="two") as caught:
        two_lines()
    line = OneLineFormatter().format(record("ReserveStock failed", error=caught.value))
    assert "\n" not in line
    assert "ReserveStock failed\\nTraceback (most recent call last):" in line
    assert line.endswith(r"ValueError: two\nlines")


@pytest.mark.parametrize("text", ["", "stock: 2 of MUG-BLUE", r"C:\new", "naïve 日本語 🎁"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert one_line(text) == text
