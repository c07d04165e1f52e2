"""Turns counts, the texts of violated constraints and those that others wrote into sentences for people."""

from __future__ import annotations

import re
from typing import Final

from orchestrator.participant.texts import well_formed

_SAID: Final = (
    (re.compile(r"^(?:value|map) (must .*)$"), r"\1"),
    (re.compile(r"^value is empty, which is not (a valid .*)$"), r"must not be empty: give \1"),
    (re.compile(r"^must be at least 1 (character|byte)s$"), "must not be empty"),
    (re.compile(r"^must contain at least 1 item\(s\)$"), "must not be empty"),
    (re.compile(r"^must be at least 1 entries$"), "must not be empty"),
    (re.compile(r"^(.*\b1) (character|byte)s$"), r"\1 \2"),
    (re.compile(r"^(.*\b1) entries$"), r"\1 entry"),
    (re.compile(r"^(.*\b1) item\(s\)$"), r"\1 item"),
    (re.compile(r"^(.*) item\(s\)$"), r"\1 items"),
    (re.compile(r"^(?:does not|must) match regex pattern `(.*)`$"), r"is not written as its contract demands (\1)"),
    (re.compile(r"^must be in list \[(.*)\]$"), r"must be one of: \1"),
    (re.compile(r"^must not be in list \[0\]$"), "must be given, and not as 0"),
    (re.compile(r"^must not be in list \[(.*)\]$"), r"must be none of: \1"),
    (re.compile(r"^value is required$"), "must be given"),
    (re.compile(r"^must be one of the defined enum values$"), "must be one of the values that its contract names"),
    (re.compile(r"^repeated value must contain unique items$"), "must not hold the same twice"),
    (re.compile(r"\bgreater than or equal to (\S+)"), r"\1 or more"),
    (re.compile(r"\bless than or equal to (\S+)"), r"\1 or less"),
    (re.compile(r"\bgreater than\b"), "more than"),
)


def counted(number: int, noun: str, none: str = "no") -> str:
    """A number of things, such as ``1 saga``, ``2,000 sagas`` and ``no sagas``."""
    told = f"{number:,}" if number else none
    return f"{told} {noun}{'' if number == 1 else 's'}"


def for_people(violation: str) -> str:
    """What protovalidate says of a field, in words for people."""
    for said, told in _SAID:
        violation = said.sub(told, violation)
    return violation


def cut(text: str, most: int) -> str:
    """The text, well-formed; of a long one, its first bytes of UTF-8, and a sign that the rest is missing."""
    text = well_formed(text)
    encoded = text.encode()
    return text if len(encoded) <= most else f"{encoded[:most].decode(errors='ignore')}…"
