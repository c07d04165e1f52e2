"""A filter of sagas as it stands in the address of a page, and in the fields of a form.

==============  ==========================================================  ====================================
name            what it says                                                 of the API's filter
==============  ==========================================================  ====================================
``status``      such as ``suspended``; may be there several times            ``statuses``
``definition``  the name of a definition                                     ``definition``
``version``     a number                                                     ``version``
``from``        started then or later: ``2026-11-26T05:12``, in the zone of  ``started_from``
                this machine unless it says another
``before``      started before then                                          ``started_before``
``attribute``   such as ``customer_id=alice``; may be there several times    ``attributes``
``id``          how the saga's id begins                                     ``id_prefix``
``command``     the rpc because of which they failed                         ``failed_command``
``code``        the kind of reason, such as ``REJECTED``                     ``reason_code``
``reason``      a part of the sentence that says why                         ``reason``
==============  ==========================================================  ====================================
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from orchestrator.api.calls.validation import refuse_invalid
from orchestrator.errors import InvalidInput
from orchestrator.journal.state import Status
from saga.v1.saga_service_pb2 import SagaFilter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.timestamp_pb2 import Timestamp

_STATUSES: Final = {status.name.lower().replace("_", "-"): status for status in Status}
_TEXTS: Final = {
    "definition": "definition",
    "id": "id_prefix",
    "command": "failed_command",
    "code": "reason_code",
    "reason": "reason",
}
_INSTANTS: Final = {"from": "started_from", "before": "started_before"}
NAMES: Final = frozenset({"status", "version", "attribute", *_TEXTS, *_INSTANTS})
"""What an address may say of a filter."""


def filter_in(pairs: Iterable[tuple[str, str]]) -> SagaFilter:
    """The filter that the parts of an address, or the fields of a form, say; empty parts say nothing.

    Raises:
        InvalidInput: they say something that is no filter.
    """
    found = SagaFilter()
    for name, value in pairs:
        if name in NAMES and value.strip():
            _add(found, name, value.strip())
    refuse_invalid(found)
    return found


def pairs_of(where: SagaFilter) -> list[tuple[str, str]]:
    """The parts of an address that say the same as a filter."""
    words = {status: word for word, status in _STATUSES.items()}
    pairs = [("status", words[Status(number)]) for number in where.statuses]
    pairs += [(name, getattr(where, field)) for name, field in _TEXTS.items() if getattr(where, field)]
    pairs += [("version", str(where.version))] if where.version else []
    pairs += [("attribute", f"{name}={value}") for name, value in sorted(where.attributes.items())]
    pairs += [(name, _told(getattr(where, field))) for name, field in _INSTANTS.items() if where.HasField(field)]  # type: ignore[arg-type]  # these are its fields
    return pairs


def query_of(where: SagaFilter, **more: str) -> str:
    """The same as one text, with further parts."""
    return urlencode([*pairs_of(where), *more.items()])


def _add(found: SagaFilter, name: str, value: str) -> None:
    if name == "status":
        if value not in _STATUSES:
            raise InvalidInput(("status", f"there is no status {value!r}; there are: {', '.join(_STATUSES)}"))
        found.statuses.append(_STATUSES[value].value)  # type: ignore[arg-type]  # the numbers are the same
    elif name == "version":
        if not (value.isascii() and value.isdecimal() and len(value) < 10):  # noqa: PLR2004 - fits into 32 bits
            raise InvalidInput(("version", f"is a whole number, not {value!r}"))
        found.version = int(value)
    elif name == "attribute":
        for pair in value.split():
            attribute, equals, said = pair.partition("=")
            if not equals:
                raise InvalidInput(("attribute", f"is written as customer_id=alice, not {pair!r}"))
            found.attributes[attribute] = said
    elif name in _INSTANTS:
        getattr(found, _INSTANTS[name]).FromDatetime(_instant(name, value))
    else:
        setattr(found, _TEXTS[name], value)


def _instant(name: str, value: str) -> datetime:
    try:
        return datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise InvalidInput((name, f"is an instant such as 2026-11-26T05:12, not {value!r}")) from None


def _told(instant: Timestamp) -> str:
    return instant.ToDatetime(tzinfo=UTC).astimezone().replace(tzinfo=None).isoformat(timespec="minutes")


def in_form(where: SagaFilter | None, given: Mapping[str, str]) -> dict[str, str]:
    """What the fields of the form hold that takes one text each: what is in force or, where that is none, was given."""
    if where is None:
        return {name: given.get(name, "") for name in NAMES}
    fields = dict.fromkeys(NAMES, "") | dict(pairs_of(where))
    return fields | {"attribute": " ".join(f"{name}={value}" for name, value in sorted(where.attributes.items()))}
