"""What an examination of a store, or of what stands around it, has found."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Severity(enum.Enum):
    """How bad a finding is."""

    FINE = "fine"
    WARNING = "warning"
    ERROR = "error"


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        about: what was looked at, in a word or two, such as ``clock``.
        severity: a warning can cost something one day; with an error, something does not work, or can be lost.
        what: what was found.
        advice: what to do; empty where it is fine.
    """

    about: str
    severity: Severity
    what: str
    advice: str = ""


def fine(about: str, what: str) -> Finding:
    """Nothing is to be done."""
    return Finding(about, Severity.FINE, what)


def warning(about: str, what: str, advice: str) -> Finding:
    """It works, and should be mended."""
    return Finding(about, Severity.WARNING, what, advice)


def error(about: str, what: str, advice: str) -> Finding:
    """It does not work, or something can be lost."""
    return Finding(about, Severity.ERROR, what, advice)


def unavailable(about: str, refusal: Exception) -> Finding:
    """What cannot be used, by a refusal that says after its last semicolon what to do."""
    what, semicolon, advice = str(refusal).rpartition("; ")
    return error(about, what, advice) if semicolon else error(about, advice, "name another journal, or mend that")
