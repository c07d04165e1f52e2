"""What a request to start a saga comes to: the saga's id and the digest of its content. Pure, but for chance and time.

Saga ids follow from request ids, so that a repeated request finds the same saga, at any replica.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator.engine.sagas import StartSaga
from orchestrator.journal.entries import SagaStarted
from orchestrator.journal.priority import Priority

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    from orchestrator.engine.sagas import Served

_NAMESPACE = uuid.UUID("6f1a4a52-54a2-4a43-a2c4-3a4a9d2b8c11")

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_FIXED_BITS = 0xF << 76 | 0x3 << 62
_VERSION_AND_VARIANT = 7 << 76 | 2 << 62


def start_request(
    served: Served, message: Message, request_id: str, traceparent: str, priority: Priority = Priority.NORMAL
) -> StartSaga:
    """What to start.

    Args:
        served: the definition.
        message: its input, which has been validated: by the interceptor where it is the request itself, else with
            :func:`orchestrator.api.calls.validation.refuse_invalid`. Here it is not validated again.
        request_id: makes a repeated request safe (AIP-155); may be empty.
        traceparent: the W3C trace context of the caller, or empty.
        priority: how urgent it is, should there be no room for it now; a repeated request may say another one.

    The saga's id is derived from the request id, so that whichever replica gets a repeated request finds the same
    saga. Without a request id each request has an id of its own.
    """
    definition = served.definition
    serialized = message.SerializeToString(deterministic=True)
    digest = hashlib.sha256(f"{definition.name}\n{message.DESCRIPTOR.full_name}\n".encode() + serialized)
    return StartSaga(
        saga_id=saga_id_of(definition.name, request_id) if request_id else _time_ordered_id(),
        definition=definition.name,
        version=definition.version,
        input=serialized,
        digest=digest.digest(),
        attributes=attributes_of(served, message),
        traceparent=traceparent,
        priority=priority,
    )


def child_start(served: Served, saga_id: str, request: bytes, known: Mapping[str, str]) -> StartSaga:
    """How the child that a command is, is started.

    Args:
        served: the definition of the child.
        saga_id: its id.
        request: its input, serialized.
        known: the metadata of the command.
    """
    definition = served.definition
    return StartSaga(
        saga_id=saga_id,
        definition=definition.name,
        version=definition.version,
        input=request,
        digest=hashlib.sha256(request).digest(),
        attributes=attributes_of(served, definition.input.FromString(request)),
        traceparent=known.get("traceparent", ""),
        parent_id=known["saga-id"],
    )


def attributes_of(served: Served, message: Message) -> tuple[tuple[str, str], ...]:
    """The values by which a saga with this input can be listed."""
    return tuple((name, str(getattr(message, name))) for name in served.definition.attributes)


def saga_id_of(definition: str, request_id: str) -> str:
    """The saga's id for a request id. A UUID is the same in capitals (RFC 9562); any other text is taken as it is."""
    same = request_id.lower() if _UUID.fullmatch(request_id) else request_id
    return str(uuid.uuid5(_NAMESPACE, f"{definition}/{same}"))


def started_entry(start: StartSaga, served: Served | None, now: int, journal_now: int, *, sampled: bool) -> SagaStarted:
    """The first entry of a saga that is started now. Instants are nanoseconds since the epoch, UTC.

    Args:
        start: what is started.
        served: its definition, where it is served.
        now: when.
        journal_now: the same by the journal's clock, which decides about the deadline.
        sampled: its trace is exported.
    """
    deadline_at, forward_until = _deadline(served, journal_now)
    return SagaStarted(
        now,
        start.definition,
        start.version,
        start.input,
        start.traceparent,
        sampled,
        start.attributes,
        deadline_at,
        forward_until,
        start.parent_id,
        start.started_by,
    )


def _deadline(served: Served | None, now: int) -> tuple[int, int]:
    """By when a saga should have ended, and until when it goes forward; 0 for never."""
    if served is None or served.definition.deadline is None:
        return 0, 0
    deadline = now + _nanoseconds(served.definition.deadline)
    return deadline, deadline - _nanoseconds(served.definition.reserve)


def _nanoseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * 1000


def _time_ordered_id() -> str:
    """A UUID of version 7 (RFC 9562): milliseconds, then chance. New ids are neighbours in the journal's index."""
    chance = int.from_bytes(os.urandom(10), "big")
    value = (time.time_ns() // 1_000_000 << 80 | chance) & ~_FIXED_BITS | _VERSION_AND_VARIANT
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
