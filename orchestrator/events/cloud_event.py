"""Events as CloudEvents 1.0: what any subscriber can read, whatever it is written in.

=====================  ================================================================================
attribute              what it says
=====================  ================================================================================
``id``                 the same at every delivery; derived from the saga and the event's key in it
``source``             ``/sagas/<definition>``
``subject``            the saga's id
``type``               the full name of the message, such as ``shop.order.v1.OrderPlaced``
``time``               when it happened
``datacontenttype``    ``application/protobuf``, or ``application/json`` for the same message as ProtoJSON
``sequence``           its position, as digits of one length: a later event of its saga has a later one
``traceparent``        the trace of the saga, where it has one
``provisional``        ``true`` where it was told while its saga could still roll back; absent otherwise
=====================  ================================================================================
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from google.protobuf import json_format

from orchestrator.contract.messages import event_class

if TYPE_CHECKING:
    from orchestrator.journal.events import OutboxEvent
    from orchestrator.ports.outbox import KeptEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMAT = JSONFormat()


class DataFormat(enum.StrEnum):
    """How the message of an event is written."""

    PROTOBUF = "protobuf"
    JSON = "json"


class UnknownEventType(Exception):
    """This process does not know the type of an event, so it cannot write the event as JSON."""


def binary_form(kept: KeptEvent, data_format: DataFormat) -> tuple[dict[str, str], bytes]:
    """An event as headers and a body: the binary content mode of CloudEvents.

    Raises:
        UnknownEventType: it is to be JSON, and its type is not known here.
    """
    message: HTTPMessage = to_binary(cloud_event(kept, data_format), _FORMAT)
    return dict(message.headers), bytes(message.body)


def structured_form(kept: KeptEvent, data_format: DataFormat) -> tuple[dict[str, str], bytes]:
    """An event as one JSON document: the structured content mode of CloudEvents; a protobuf message is in base64.

    Raises:
        UnknownEventType: its message is to be JSON, and its type is not known here.
    """
    message: HTTPMessage = to_structured(cloud_event(kept, data_format), _FORMAT)
    return dict(message.headers), bytes(message.body)


def cloud_event(kept: KeptEvent, data_format: DataFormat) -> CloudEvent:
    """An event with its attributes and data.

    Raises:
        UnknownEventType: it is to be JSON, and its type is not known here.
    """
    event = kept.event
    attributes: dict[str, Any] = {
        "id": event.event_id,
        "source": f"/sagas/{event.definition}",
        "type": event.type,
        "specversion": "1.0",
        "subject": event.saga_id,
        "time": _EPOCH + timedelta(microseconds=event.at // 1000),
        "datacontenttype": f"application/{data_format}",
        "sequence": f"{kept.position:020d}",
    }
    if event.traceparent:
        attributes["traceparent"] = event.traceparent
    if event.provisional:
        attributes["provisional"] = "true"
    return CloudEvent(attributes, _data(event, data_format))


def _data(event: OutboxEvent, data_format: DataFormat) -> bytes | dict[str, Any]:
    if data_format is DataFormat.PROTOBUF:
        return event.payload
    known = event_class(event.type)
    if known is None:
        raise UnknownEventType(f"no module of this process holds {event.type}: serve the saga that publishes it")
    return json_format.MessageToDict(known.FromString(event.payload))
