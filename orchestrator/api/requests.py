"""What a request to start a saga says about identity, time and trace."""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import DecodeError, Message

from orchestrator.engine.sagas import StartSaga
from orchestrator.errors import InvalidInput
from orchestrator.journal.state import Status
from orchestrator.journal.trace_ids import parse_traceparent
from orchestrator.ports.catalogue import SagaFilter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.any_pb2 import Any as AnyMessage
    from grpc.aio import ServicerContext

    from orchestrator.engine.sagas import Served
    from saga.v1 import saga_service_pb2

_NAMESPACE = uuid.UUID("6f1a4a52-54a2-4a43-a2c4-3a4a9d2b8c11")

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_FIXED_BITS = 0xF << 76 | 0x3 << 62
_VERSION_AND_VARIANT = 7 << 76 | 2 << 62

M = TypeVar("M", bound=Message)

DEFAULT_PAGE_SIZE = 50


def start_request(served: Served, message: Message, request_id: str, traceparent: str) -> StartSaga:
    """What to start.

    Args:
        served: the definition.
        message: its input, which has been validated: by the interceptor where it is the request itself, else with
            :func:`orchestrator.api.validation.refuse_invalid`. Here it is not validated again.
        request_id: makes a repeated request safe (AIP-155); may be empty.
        traceparent: the W3C trace context of the caller, or empty.

    The saga's id is derived from the request id, so that whichever replica gets a repeated request finds the same
    saga. Without a request id each request has an id of its own.
    """
    definition = served.definition
    serialized = message.SerializeToString(deterministic=True)
    digest = hashlib.sha256(f"{definition.name}\n{message.DESCRIPTOR.full_name}\n".encode() + serialized)
    return StartSaga(
        saga_id=_id_of(definition.name, request_id) if request_id else _time_ordered_id(),
        definition=definition.name,
        version=definition.version,
        input=serialized,
        digest=digest.digest(),
        attributes=tuple((name, str(getattr(message, name))) for name in definition.attributes),
        traceparent=traceparent,
    )


def _id_of(definition: str, request_id: str) -> str:
    """The saga's id for a request id. A UUID is the same in capitals (RFC 9562); any other text is taken as it is."""
    same = request_id.lower() if _UUID.fullmatch(request_id) else request_id
    return str(uuid.uuid5(_NAMESPACE, f"{definition}/{same}"))


def _time_ordered_id() -> str:
    """A UUID of version 7 (RFC 9562): milliseconds, then chance. New ids are neighbours in the journal's index."""
    chance = int.from_bytes(os.urandom(10), "big")
    value = (time.time_ns() // 1_000_000 << 80 | chance) & ~_FIXED_BITS | _VERSION_AND_VARIANT
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def unpack(packed: AnyMessage, message: M, field: str) -> M:
    """The message in an Any, in ``message``.

    Raises:
        InvalidInput: it holds another type, or cannot be read.
    """
    expected = message.DESCRIPTOR.full_name
    try:
        fits = packed.Unpack(message)
    except (DecodeError, ValueError):
        raise InvalidInput((field, f"cannot be read as {expected}")) from None
    if not fits:
        raise InvalidInput((field, f"must be a {expected}, not a {packed.TypeName() or 'message without a type'}"))
    return message


def saga_filter(request: saga_service_pb2.SagaFilter) -> SagaFilter:
    """Which sagas a request is about."""
    return SagaFilter(
        definition=request.definition,
        statuses=statuses(request.statuses),
        started_from=instant(request, "started_from"),
        started_before=instant(request, "started_before"),
        attributes=tuple(request.attributes.items()),
        id_prefix=request.id_prefix,
    )


def instant(request: Message, field: str) -> int | None:
    """The instant in a field, in nanoseconds since the epoch; ``None`` where it is not set.

    Raises:
        InvalidInput: it is none.
    """
    if not request.HasField(field):
        return None
    try:
        nanoseconds: int = getattr(request, field).ToNanoseconds()
    except ValueError as error:
        raise InvalidInput((field, str(error))) from None
    return nanoseconds


def statuses(numbers: Iterable[int]) -> frozenset[Status]:
    """The statuses of their numbers in ``saga.v1.Status``."""
    return frozenset(Status(number) for number in numbers)


def traceparent_of(context: ServicerContext[object, object]) -> str:
    """The caller's trace context; empty where there is none or it is malformed."""
    for key, value in context.invocation_metadata() or ():
        if key == "traceparent" and isinstance(value, str) and parse_traceparent(value):
            return value
    return ""
