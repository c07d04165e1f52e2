"""Compares the lists and maps of a message with the bounds that its contract states, before their items are judged.

To judge each of 100,000 items takes seconds, only to say in the end that there may be a hundred.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from buf.validate import validate_pb2

from orchestrator.contract.probes import rules_of
from orchestrator.contract.wording import for_people

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message


class _Bounds(NamedTuple):
    """What is bounded in messages of one type.

    Attributes:
        most: the largest size of a list or a map, by its field.
        within: the fields whose messages have bounds of their own.
    """

    most: dict[str, tuple[int, str]]
    within: tuple[tuple[str, bool], ...]


def beyond_bounds(message: Message) -> tuple[tuple[str, str], ...]:
    """For each list and map that is too large, its path and what is wrong with it; as :func:`violations` does."""
    return tuple(_beyond(message, ""))


def _beyond(message: Message, place: str) -> Iterator[tuple[str, str]]:
    bounds = _bounds_of(cast("Descriptor", message.DESCRIPTOR))  # of either implementation
    for name, (most, told) in bounds.most.items():
        if len(getattr(message, name)) > most:
            yield f"{place}{name}", told
    for name, is_list in bounds.within:
        if is_list:
            for number, each in enumerate(getattr(message, name)):
                yield from _beyond(each, f"{place}{name}[{number}].")
        elif message.HasField(name):
            yield from _beyond(getattr(message, name), f"{place}{name}.")


@lru_cache(maxsize=1024)
def _bounds_of(kind: Descriptor) -> _Bounds:
    own = {field.name: bound for field in kind.fields if (bound := _bound(field))}
    within = tuple((field.name, field.is_repeated) for field in kind.fields if _leads_to_bounds(field))
    return _Bounds(own, within)


def _bound(field: FieldDescriptor) -> tuple[int, str] | None:
    """The largest size of a list or a map, and what is said of a larger one."""
    rules = rules_of(field)
    if rules.ignore == validate_pb2.IGNORE_ALWAYS:
        return None
    if rules.repeated.HasField("max_items"):
        most = rules.repeated.max_items
        return most, for_people(f"must contain no more than {most} item(s)")
    if rules.map.HasField("max_pairs"):
        most = rules.map.max_pairs
        return most, for_people(f"map must be at most {most} entries")
    return None


def _leads_to_bounds(field: FieldDescriptor) -> bool:
    """Whether messages in this field, or messages in those, have bounds. The values of maps are left out."""
    waiting: list[Any] = [] if _is_left_out(field) else [field.message_type]
    seen = set(waiting)
    while waiting:
        for each in waiting.pop().fields:
            if _bound(each) is not None:
                return True
            if not _is_left_out(each) and each.message_type not in seen:
                seen.add(each.message_type)
                waiting.append(each.message_type)
    return False


def _is_left_out(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return kind is None or kind.GetOptions().map_entry or rules_of(field).ignore == validate_pb2.IGNORE_ALWAYS
