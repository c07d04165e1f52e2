"""What a gRPC status and its details say about one attempt; the codes' meanings: :mod:`orchestrator.channels.status`.

Proxies, meshes and wrong backends refuse, too. A participant's guard shows that a refusal is its own, and so holds for
all attempts, by giving the idempotency key back in the trailing metadata.

The rich details in ``grpc-status-details-bin`` are read as they are: there are servers whose texts, or even codes,
differ from those of the status itself. Then the status decides, and the details only give the reason and the delay.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from orchestrator.channels.status import (
    IDEMPOTENCY_KEY,
    LONGEST_RETRY_AFTER,
    MESSAGE_BYTES,
    REASON_BYTES,
    REPLY_TOO_LARGE,
    REQUEST_TOO_LARGE,
    asks_for_longer,
    meaning_of,
)
from orchestrator.contract.command import Meaning
from orchestrator.contract.status_code import StatusCode
from orchestrator.contract.wording import cut
from orchestrator.journal.outcome import Failure, Outcome, Rejected, Retry, Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.any_pb2 import Any as AnyMessage
    from grpc.aio import AioRpcError

    from orchestrator.contract.command import OutcomeRule

_CODES: Final[dict[grpc.StatusCode, StatusCode]] = {code: StatusCode[code.name] for code in grpc.StatusCode}
"""Our own code for each of gRPC's; its enum is another one, with the number within a tuple."""

_NANOSECONDS: Final = 1_000_000_000
_DETAILS_KEY: Final = "grpc-status-details-bin"

# gRPC says in words alone that something was too large, and each of its implementations in its own.
_METADATA_TOO_LARGE: Final = re.compile(r"received metadata size exceeds|header list size to send violates")
_OUR_SIDE: Final = "CLIENT: Received message larger than max"
_TOO_LARGE: Final = re.compile(r"message (?:is )?larger than max|message exceeds (?:the )?max", re.IGNORECASE)


def outcome_of(error: AioRpcError, rules: Sequence[OutcomeRule] = (), key: str = "", size: int = 0) -> Outcome:
    """The outcome of an attempt that did not end with OK.

    Args:
        error: the status.
        rules: what the method's contract says of certain statuses.
        key: the idempotency key that was sent.
        size: of the request, in bytes.
    """
    details = _details(error)
    reason = next((detail.reason for detail in details if isinstance(detail, error_details_pb2.ErrorInfo)), "")
    code = _CODES[error.code()]
    if code is StatusCode.RESOURCE_EXHAUSTED and not reason:
        of_size = _of_size(error.details() or "", size)
        if of_size is not None:
            return of_size
    retry_after, note = _delay(details)
    message = cut(error.details() or "", MESSAGE_BYTES)
    failure = Failure(code, f"{message}{note}", cut(reason, REASON_BYTES))
    ruled = next((rule.meaning for rule in rules if rule.matches(code, reason, error.details() or "")), None)
    meaning = ruled or meaning_of(code, detailed=bool(details))
    if meaning is Meaning.REJECTED:
        return Rejected(failure, _echoes(error, key), ruled is not None)
    return (Retry if meaning is Meaning.RETRY else Unknown)(failure, retry_after)


def _of_size(text: str, size: int) -> Outcome | None:
    """What follows from something that was too large to be carried, if that is what the text says.

    A reply that did not get through is a lost answer, and another attempt would lose it again. A request that the
    server did not take, and says so with its size, was never handed to the participant.
    """
    if _METADATA_TOO_LARGE.search(text):
        message = f"the participant's error came with more details than can be taken: {text}"
    elif _OUR_SIDE in text:
        message = f"the reply is larger than ORCHESTRATOR_MOST_MESSAGE_BYTES allows: {text}"
    elif not _TOO_LARGE.search(text):
        return None
    elif str(size) in re.findall(r"\d+", text):
        message = f"the request is larger than the participant takes: {text}"
        return Rejected(Failure(StatusCode.RESOURCE_EXHAUSTED, cut(message, MESSAGE_BYTES), REQUEST_TOO_LARGE))
    else:
        message = f"something was too large for the participant: {text}"
    return Unknown(Failure(StatusCode.RESOURCE_EXHAUSTED, cut(message, MESSAGE_BYTES), REPLY_TOO_LARGE), final=True)


def _delay(details: Sequence[object]) -> tuple[float, str]:
    """For how many seconds the participant asks to be left alone, and what is to be said of it.

    What is no delay, or a negative one, asks for nothing.
    """
    delay = next((detail.retry_delay for detail in details if isinstance(detail, error_details_pb2.RetryInfo)), None)
    if delay is None or delay.seconds < 0 or not 0 <= delay.nanos < _NANOSECONDS:
        return 0.0, ""
    if delay.seconds >= LONGEST_RETRY_AFTER:
        return LONGEST_RETRY_AFTER, asks_for_longer(delay.seconds)
    return delay.seconds + delay.nanos / _NANOSECONDS, ""


def _echoes(error: AioRpcError, key: str) -> bool:
    """The answer gives the key back, and no other one."""
    echoed = [value for name, value in error.trailing_metadata() or () if name == IDEMPOTENCY_KEY]
    return bool(key) and echoed == [key]


def _details(error: AioRpcError) -> list[Any]:
    """The rich details that matter here; none where the participant sent none, or nonsense."""
    found: list[Any] = []
    for name, value in error.trailing_metadata() or ():
        if name != _DETAILS_KEY:
            continue
        try:
            packed = status_pb2.Status.FromString(value).details
        except (DecodeError, TypeError):
            continue
        found += [detail for each in packed if (detail := _unpacked(each)) is not None]
    return found


def _unpacked(packed: AnyMessage) -> Any:  # noqa: ANN401 - google.rpc is untyped
    for kind in (error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo):
        try:
            detail = kind()
            if packed.Unpack(detail):
                return detail
        except (DecodeError, ValueError):
            return None
    return None
