"""From an HTTP response that brought no reply to the outcome of its attempt; the table: ``status``."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.channels.http.problem import Problem, read_problem
from orchestrator.channels.http.status import said_by
from orchestrator.channels.status import (
    IDEMPOTENCY_KEY,
    LONGEST_RETRY_AFTER,
    MESSAGE_BYTES,
    REASON_BYTES,
    REQUEST_TOO_LARGE,
    asks_for_longer,
)
from orchestrator.contract.command import Meaning
from orchestrator.contract.wording import cut
from orchestrator.journal.outcome import Failure, Outcome, Rejected, Retry, Unknown
from orchestrator.participant.http_answers import RETRY_AFTER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contract.command import OutcomeRule

_ECHO: Final = IDEMPOTENCY_KEY.encode()
_RETRY_AFTER: Final = RETRY_AFTER.encode()


class HttpAnswer(NamedTuple):
    """A response as it came.

    Attributes:
        status: its status.
        headers: its headers, as they were written.
        body: its body; what of it was too long to be read is missing.
        is_whole: the body was not too long.
    """

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    is_whole: bool = True

    def header(self, name: bytes) -> list[str]:
        """The values of a header whose name is given in lower case."""
        return [value.decode("latin-1") for each, value in self.headers if each.lower() == name]

    def echoes(self, key: str) -> bool:
        """It gives the key back, and no other one."""
        return bool(key) and self.header(_ECHO) == [key]

    @property
    def is_redirect(self) -> bool:
        """It sends the caller elsewhere."""
        return self.status in range(300, 400) and bool(self.header(b"location"))


def outcome_of(answer: HttpAnswer, rules: Sequence[OutcomeRule] = (), key: str = "") -> Outcome:
    """The outcome of an attempt whose response is no reply.

    Args:
        answer: the response.
        rules: what the contract says of certain statuses.
        key: the idempotency key that was sent.
    """
    problem = read_problem(answer.body) if answer.is_whole else Problem()
    said = said_by(answer.status, problem.code)
    message = problem.message or _without_words(answer)
    ruled = next((rule.meaning for rule in rules if rule.matches(said.code, problem.reason, message)), None)
    meaning = ruled or said.meaning
    retry_after, note = (0.0, "") if meaning is Meaning.REJECTED else _delay(answer)
    reason = problem.reason or (REQUEST_TOO_LARGE if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else "")
    failure = Failure(said.code, f"{cut(message, MESSAGE_BYTES)}{note}", cut(reason, REASON_BYTES))
    if meaning is Meaning.REJECTED:
        return Rejected(failure, answer.echoes(key), ruled is not None)
    return (Retry if meaning is Meaning.RETRY else Unknown)(failure, retry_after)


def _without_words(answer: HttpAnswer) -> str:
    """The message of a response that says nothing itself."""
    if answer.is_redirect:
        [*_, target] = answer.header(b"location")
        return f"HTTP {answer.status}: it redirects to {target}, which is not followed; set that address instead"
    if answer.status == HTTPStatus.ACCEPTED:
        return "HTTP 202: it was accepted, which does not say that it is done"
    try:
        return f"HTTP {answer.status}: {HTTPStatus(answer.status).phrase}"
    except ValueError:
        return f"HTTP {answer.status}"


def _delay(answer: HttpAnswer) -> tuple[float, str]:
    """For how many seconds the participant asks to be left alone, and what is to be said of it."""
    seconds = max((_seconds(value, answer) for value in answer.header(_RETRY_AFTER)), default=0.0)
    if seconds > LONGEST_RETRY_AFTER:
        return LONGEST_RETRY_AFTER, asks_for_longer(seconds)
    return seconds, ""


def _seconds(value: str, answer: HttpAnswer) -> float:
    """A delay as it is written: seconds, or the instant at which it ends; what is neither asks for nothing."""
    try:
        seconds = float(value)
    except ValueError:
        ends_at = _instant(value)
        # By the participant's own clock, where it tells it.
        now = next(filter(None, map(_instant, answer.header(b"date"))), datetime.now(UTC))
        seconds = 0.0 if ends_at is None else (ends_at - now).total_seconds()
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _instant(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the latter for a year, or a zone, that no integer of C holds
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
