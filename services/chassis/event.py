"""One event, as it stands in the outbox and as it travels: CloudEvents 1.0 in binary mode.

The attributes are headers that begin with ``ce-``, and the body is the data alone. Subscribers of any language read it
with the CloudEvents library that they have. Ours is imported by those services alone that tell or hear events.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError, Message

PROTOBUF: Final = "application/protobuf"
_JSON: Final = "application/json"
_CONTENT_TYPE: Final = "content-type"
_PREFIX: Final = "ce-"
_REQUIRED: Final = ("specversion", "id", "source", "type", "time")
_MOST_OF_AN_ID: Final = 500
"""Characters. An index of PostgreSQL holds 2,700 bytes, and the subscription's name stands in it as well."""


class UnreadableEventError(Exception):
    """What came is no event that can be read; it never will be. The message says why."""


@dataclass(frozen=True, slots=True)
class Event:
    """A fact that is told to others.

    Attributes:
        id: the same at every delivery, and that of no other event.
        source: who tells it, such as the full name of a service.
        type: the full name of its message, such as ``shop.order.v1.OrderPlaced``.
        subject: what it is about, such as an order's id: events about one thing keep their order. May be empty.
        at: when it happened, aware.
        data: the serialized message.
        content_type: how ``data`` is serialized: ``application/protobuf`` or ``application/json``.
        traceparent: the span in which it was published, as W3C trace context writes it; may be empty.
        provisional: it was told although what it tells may still be taken back.
    """

    id: str
    source: str
    type: str
    subject: str
    at: datetime
    data: bytes
    content_type: str = PROTOBUF
    traceparent: str = ""
    provisional: bool = False

    def headers(self) -> dict[str, str]:
        """Its attributes, by the names of headers."""
        from cloudevents.core.bindings.http import to_binary_event  # noqa: PLC0415 - see the top
        from cloudevents.core.v1.event import CloudEvent  # noqa: PLC0415

        attributes: dict[str, object] = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "time": self.at,
            "datacontenttype": self.content_type,
        }
        optional = {"subject": self.subject, "traceparent": self.traceparent}
        attributes |= {name: value for name, value in optional.items() if value}
        if self.provisional:
            attributes["provisional"] = "true"
        return dict(to_binary_event(CloudEvent(attributes, self.data)).headers)

    @classmethod
    def read(cls, headers: Mapping[str, str], data: bytes) -> "Event":
        """The event that came with these headers and this body.

        Raises:
            UnreadableEventError: attributes are missing or malformed, or no database can hold its id.
        """
        from cloudevents.core.bindings.http import HTTPMessage, from_binary_event  # noqa: PLC0415 - see the top
        from cloudevents.core.exceptions import BaseCloudEventException  # noqa: PLC0415

        lower = {name.lower(): value for name, value in headers.items()}
        named = {name: value for name, value in lower.items() if name.startswith(_PREFIX)}
        # The library would make up an id and an instant, others at each delivery.
        missing = [name for name in _REQUIRED if not named.get(f"{_PREFIX}{name}")]
        if missing:
            raise UnreadableEventError(f"the event has no {' and no '.join(missing)}")
        # The data stay bytes here: their type decides later how they are read.
        try:
            found = from_binary_event(HTTPMessage(named, b""))
        except (BaseCloudEventException, ValueError) as error:
            raise UnreadableEventError(" ".join(str(error).split())) from error
        at = found.get_time()
        if at is None or at.tzinfo is None:
            raise UnreadableEventError("the event does not say when it happened")
        _refuse_unfit(found.get_id())
        return cls(
            id=found.get_id(),
            source=found.get_source(),
            type=found.get_type(),
            subject=found.get_subject() or "",
            at=at,
            data=data,
            content_type=found.get_datacontenttype() or lower.get(_CONTENT_TYPE, PROTOBUF),
            traceparent=str(found.get_extension("traceparent") or ""),
            provisional=str(found.get_extension("provisional") or "").lower() == "true",
        )


def _refuse_unfit(event_id: str) -> None:
    """What an event was heard under, and given up under, is its id: one that is not stored could be neither."""
    if len(event_id) > _MOST_OF_AN_ID:
        raise UnreadableEventError(f"its id has {len(event_id)} characters, and may have {_MOST_OF_AN_ID}")
    if "\0" in event_id or any("\ud800" <= each <= "\udfff" for each in event_id):
        raise UnreadableEventError("its id holds what cannot be stored")


def message_of(event: Event, kinds: Iterable[type[Message]]) -> Message:
    """The data of an event, as the one of these messages that has its type.

    Raises:
        UnreadableEventError: none has it, or the data are no such message.
    """
    kind = next((kind for kind in kinds if kind.DESCRIPTOR.full_name == event.type), None)
    if kind is None:
        raise UnreadableEventError(f"nobody here reads events of the type {event.type}")
    try:
        if event.content_type.partition(";")[0].strip() == _JSON:
            return Parse(event.data, kind(), ignore_unknown_fields=True)
        return kind.FromString(event.data)
    except (DecodeError, ParseError, UnicodeDecodeError) as error:
        raise UnreadableEventError(f"its data are no {event.type}") from error
