"""What a request says: of a packed message, a filter, an instant, a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from google.protobuf.message import DecodeError, Message

from orchestrator.engine.sagas import PATIENCE_SECONDS, WaitReason
from orchestrator.errors import InvalidInput
from orchestrator.journal.priority import Priority
from orchestrator.journal.state import Status
from orchestrator.journal.trace_ids import parse_traceparent
from orchestrator.ports.catalogue import SagaFilter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from google.protobuf.any_pb2 import Any as AnyMessage
    from grpc.aio import ServicerContext

    from saga.v1 import saga_service_pb2


M = TypeVar("M", bound=Message)

DEFAULT_PAGE_SIZE = 50
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
        queued=bool(request.waiting_for) and is_about_queued(request.waiting_for),
    )


def is_about_queued(reasons: Sequence[int]) -> bool:
    """Whether a filter is about queued sagas. They are found in the journal, whichever replica has queued them.

    Raises:
        InvalidInput: it is also about sagas that wait for something else, which only their replica knows.
    """
    if WaitReason.QUEUED.value not in reasons:
        return False
    if len(reasons) > 1:
        raise InvalidInput(("filter.waiting_for", "WAIT_REASON_QUEUED stands alone: ask for the others by themselves"))
    return True


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
