"""What a request says: of a packed message, a filter, an instant, a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from google.protobuf.message import DecodeError, Message

from orchestrator.contract.wording import cut
from orchestrator.engine.sagas import PATIENCE_SECONDS, WaitReason
from orchestrator.errors import InvalidInput
from orchestrator.journal.priority import Priority
from orchestrator.journal.state import Status
from orchestrator.journal.trace_ids import parse_traceparent
from orchestrator.ports.catalogue import SagaFilter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.any_pb2 import Any as AnyMessage
    from grpc.aio import ServicerContext

    from saga.v1 import saga_service_pb2


M = TypeVar("M", bound=Message)

DEFAULT_PAGE_SIZE = 50
_SHOWN = 200
_ANSWER_SECONDS = 0.3
PRIORITY_METADATA = "saga-priority"


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
    if fits:
        return message
    kind = packed.TypeName()
    if kind == expected:  # the name alone, which other readers of an Any would not understand either
        raise InvalidInput((field, f"its type_url must have a slash before the name: type.googleapis.com/{expected}"))
    raise InvalidInput((field, f"must be a {expected}, not a {cut(kind, _SHOWN) or 'message without a type'}"))


def saga_filter(request: saga_service_pb2.SagaFilter) -> SagaFilter:
    """Which sagas a request is about."""
    return SagaFilter(
        definition=request.definition,
        statuses=statuses(request.statuses),
        started_from=instant(request, "started_from"),
        started_before=instant(request, "started_before"),
        attributes=tuple(request.attributes.items()),
        id_prefix=request.id_prefix,
        queued={*request.waiting_for} == {WaitReason.QUEUED.value},
        version=request.version,
        ended_from=instant(request, "ended_from"),
        ended_before=instant(request, "ended_before"),
        failed_command=request.failed_command,
        reason_code=request.reason_code,
        reason=request.reason,
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
    except ValueError:
        raise InvalidInput((field, "is no instant: its seconds or its nanos are out of range")) from None
    return nanoseconds


def statuses(numbers: Iterable[int]) -> frozenset[Status]:
    """The statuses of their numbers in ``saga.v1.Status``."""
    return frozenset(Status(number) for number in numbers)


def patience_of(context: ServicerContext[object, object]) -> float:
    """How many seconds an act of this call may wait for another replica: so long that there is time for the answer."""
    remaining = cast("float | None", context.time_remaining())  # its stubs know no call without a deadline
    return PATIENCE_SECONDS if remaining is None else min(PATIENCE_SECONDS, max(0.0, remaining - _ANSWER_SECONDS))


def priority_of(context: ServicerContext[object, object]) -> Priority:
    """How urgent the caller says that a start is, in the metadata ``saga-priority``: low, normal or high.

    Raises:
        InvalidInput: it says something else.
    """
    for key, value in context.invocation_metadata() or ():
        if key == PRIORITY_METADATA:
            try:
                return Priority[str(value).upper()]
            except KeyError:
                known = ", ".join(each.name.lower() for each in Priority)
                raise InvalidInput((PRIORITY_METADATA, f"is one of {known}, not {value!r}")) from None
    return Priority.NORMAL


def traceparent_of(context: ServicerContext[object, object]) -> str:
    """The caller's trace context; empty where there is none or it is malformed."""
    for key, value in context.invocation_metadata() or ():
        if key == "traceparent" and isinstance(value, str) and parse_traceparent(value):
            return value
    return ""
