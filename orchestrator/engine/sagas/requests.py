"""What is asked of an engine: to start a saga, and to tell it something."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.journal.priority import Priority

if TYPE_CHECKING:
    from orchestrator.journal.actor import Actor


class StartSaga(NamedTuple):
    """What to start.

    Attributes:
        saga_id: the new saga's identity; the same for a repeated request.
        definition: the name of a served definition, and its version.
        input: the serialized input, valid.
        digest: of the definition and the input, to tell a repeated request from another one.
        attributes: the values by which the saga can be listed.
        traceparent: the W3C trace context of the caller, or empty.
        parent_id: the saga of which it is a child, or empty.
        priority: how urgent it is, where it is queued.
        started_by: who starts it; ``None`` where no caller from outside does.
    """

    saga_id: str
    definition: str
    version: int
    input: bytes
    digest: bytes
    attributes: tuple[tuple[str, str], ...] = ()
    traceparent: str = ""
    parent_id: str = ""
    priority: Priority = Priority.NORMAL
    started_by: Actor | None = None


class Signal(NamedTuple):
    """What a saga is told.

    Attributes:
        request_id: the same for a repeated request, which changes nothing.
        name: of the signal.
        message_type: the full name of its message.
        payload: the serialized message.
        requested_by: who gives it.
    """

    request_id: str
    name: str
    message_type: str
    payload: bytes
    requested_by: Actor

    def written(self) -> str:
        """As text, for the replica that advances the saga."""
        payload = base64.b64encode(self.payload).decode()
        return json.dumps([self.request_id, self.name, self.message_type, payload])

    @classmethod
    def read(cls, text: str, requested_by: Actor) -> Signal:
        """From that text."""
        request_id, name, message_type, payload = json.loads(text)
        return cls(request_id, name, message_type, base64.b64decode(payload), requested_by)
