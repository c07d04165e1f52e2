"""What saga code tells others: events, such as ``OrderPlaced``.

``await publish(OrderPlaced(order_id=order.order_id))`` journals the event; it costs no wait for the disk, because it is
written with what follows. Who is told, and when, the code need not know: an event waits until the saga's pivot is
accepted, or until a saga without one completes, and is dropped where the saga rolls back. Then it stands in the outbox,
from which it is sent to the sinks at least once, in the order of its saga, each time with the same id.

``publish(..., at_once=True)`` does not wait for that. Such an event may tell of what is taken back a moment later, so
it is marked as provisional.

An event goes to strangers: its message holds no field that must not be shown (``debug_redact``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from orchestrator.contract.redaction import may_hide
from orchestrator.definition.context import here
from orchestrator.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message


def publish(event: Message, *, at_once: bool = False) -> Awaitable[None]:
    """Tell others what happened: the message's type says what, in the past tense.

    Args:
        event: a message without sensitive fields.
        at_once: tell it although the saga may still roll back; it is marked as provisional.

    Raises:
        DefinitionError: no saga is running here, or the message may hold what must not be shown.
    """
    descriptor = cast("Descriptor", event.DESCRIPTOR)  # of either implementation
    if why := why_not_public(descriptor):
        raise DefinitionError(f"publish({descriptor.name}(...)): {why}")
    return here("publish(...)").issue_event(event, at_once=at_once)


def why_not_public(event: Descriptor) -> str:
    """Why no message of this type may be told to others; empty where it may."""
    if may_hide(event):
        return (
            f"{event.full_name} may hold what must not be shown, and an event goes to strangers; "
            "give the event a message of its own, without fields marked debug_redact, extensions and Any"
        )
    return ""
