"""Small things in words: numbers, names of rpcs, reasons, how long something took."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from orchestrator.console.times import in_words
from orchestrator.journal.reason import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Mapping

_MILLI: Final = 1_000_000
_SECOND: Final = 1_000_000_000
_SHOWN_OF_ID: Final = 20
_BEGINNING_OF_ID: Final = 8
_END_OF_ID: Final = 6
_KEY: Final = re.compile(r"^\S+#\d+: ")
_NARROW_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"
_NONE: Final = "\N{EN DASH}"

_REASONS: Final[Mapping[str, str]] = {
    ReasonCode.REJECTED: "refused",
    ReasonCode.UNKNOWN: "no answer",
    ReasonCode.TIMED_OUT: "too late",
    ReasonCode.CANCELLED: "cancelled",
    ReasonCode.DEADLINE: "deadline passed",
    ReasonCode.PAUSED: "paused",
    ReasonCode.DIVERGED: "code differs from the journal",
    ReasonCode.CODE_FAILED: "the code failed",
    ReasonCode.DEFINITION_MISSING: "its code is not served",
    ReasonCode.CONTRACT_MISSING: "no contract at hand",
    ReasonCode.COMPENSATION_REJECTED: "compensation refused",
    ReasonCode.EFFECT_STANDS: "an effect stands",
    ReasonCode.ENGINE_FAILED: "the orchestrator failed",
    ReasonCode.REJECTED_AFTER_PIVOT: "refused after the pivot",
}


def grouped(number: int) -> str:
    """A number in groups of three digits."""
    return f"{number:,}".replace(",", _NARROW_SPACE)


def short_method(method: str) -> str:
    """An rpc without its package, such as ``PaymentService.CapturePayment``; empty stays empty."""
    return ".".join(method.split(".")[-2:])


def short_id(saga_id: str) -> str:
    """The beginning and the end of an id: sagas that start at about the same time have the same beginning."""
    if len(saga_id) <= _SHOWN_OF_ID:
        return saga_id
    return f"{saga_id[:_BEGINNING_OF_ID]}\N{HORIZONTAL ELLIPSIS}{saga_id[-_END_OF_ID:]}"


def without_key(message: str) -> str:
    """What is said of a command, without the key that it begins with."""
    return _KEY.sub("", message)


def reason_words(code: str) -> str:
    """A kind of reason."""
    return _REASONS.get(code, code.lower().replace("_", " "))


def seconds(number: float | None) -> str:
    """A time in seconds, to three digits."""
    return _NONE if number is None else milliseconds(round(number * _SECOND))


def milliseconds(nanoseconds: int) -> str:
    """A time in nanoseconds, as milliseconds, as seconds, or in words."""
    if nanoseconds < _SECOND:
        return f"{nanoseconds / _MILLI:.3g} ms"
    if nanoseconds < 100 * _SECOND:
        return f"{nanoseconds / _SECOND:.3g} s"
    return in_words(nanoseconds)


def given(pairs: Mapping[str, str]) -> dict[str, str]:
    """Those of a query's parts that say something."""
    return {name: value for name, value in pairs.items() if value}


def reasons() -> list[tuple[str, str]]:
    """Each kind of reason for which sagas fail, with its words."""
    return list(_REASONS.items())
