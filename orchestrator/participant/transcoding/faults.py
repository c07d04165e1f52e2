"""Where in a JSON document it does not fit its message: json_format refuses it, and does not always say where.

It is looked for only once a document was refused, and only in so many places that a large one costs no more than that.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor

JsonErrors: Final = (json_format.Error, ValueError, TypeError, KeyError, RecursionError, AttributeError)
"""What json_format raises of a document, or of a message, that it cannot carry."""

_MOST_TRIES: Final = 1000
_NAMED: Final = re.compile(r"^Failed to parse \S+ field: ")
_PLACED: Final = re.compile(r'(.*?) at "?\w+[.\[]', re.DOTALL)


def find_fault(document: object, kind: Descriptor, *, is_lenient: bool) -> tuple[str, str] | None:
    """The path of the first field at fault, by the names in the document, and what is wrong with it.

    ``None`` where no field is at fault by itself, or it lies too far behind.
    """
    tries = iter(range(_MOST_TRIES))
    return next(_faults(document, kind, "", tries, is_lenient=is_lenient), None)


def wording(error: BaseException) -> str:
    """What json_format says is wrong, without where."""
    while isinstance(error.__cause__, json_format.ParseError):
        error = error.__cause__
    told = _NAMED.sub("", str(error)).partition("\n")[0]
    placed = _PLACED.match(told)
    return (placed[1] if placed else told).rstrip(".") or type(error).__name__


def _faults(
    document: object, kind: Descriptor, at: str, tries: Iterator[int], *, is_lenient: bool
) -> Iterator[tuple[str, str]]:
    if not isinstance(document, dict):
        yield at, "is no JSON object"
        return
    for name, value in document.items():
        here = f"{at}.{name}".removeprefix(".")
        field = next((each for each in kind.fields if name in (each.json_name, each.name)), None)
        if field is None and not is_lenient:
            yield here, "there is no such field"
        elif field is not None and value is not None:
            for place, part, inner in _parts(field, value, here):
                if inner is not None:
                    yield from _faults(part, inner, place, tries, is_lenient=is_lenient)
                elif next(tries, None) is None:
                    return
                elif told := _refusal(kind, {field.json_name: part}, is_lenient=is_lenient):
                    yield place, told


def _parts(field: FieldDescriptor, value: Any, at: str) -> Iterator[tuple[str, Any, Descriptor | None]]:  # noqa: ANN401 - JSON
    """What of a field can be looked at by itself: its place, its value, and its message where it has fields."""
    inner = field.message_type
    is_map = inner is not None and inner.GetOptions().map_entry
    has_fields = inner is not None and not is_map and not inner.full_name.startswith("google.protobuf.")
    if field.is_repeated and not is_map and isinstance(value, list):
        for number, item in enumerate(value):
            yield f"{at}[{number}]", item if has_fields else [item], inner if has_fields else None
    elif is_map and isinstance(value, dict):
        for key, item in value.items():
            yield f"{at}[{key}]", {key: item}, None
    else:
        yield at, value, inner if has_fields and not field.is_repeated else None


def _refusal(kind: Descriptor, document: dict[str, Any], *, is_lenient: bool) -> str:
    """Why a message refuses a document; empty where it takes it."""
    message, pool = message_factory.GetMessageClass(kind)(), kind.file.pool
    try:
        json_format.ParseDict(document, message, ignore_unknown_fields=is_lenient, descriptor_pool=pool)
    except JsonErrors as error:
        return wording(error)
    return ""
