"""What the comments of a contract say, beside its stubs: stubs themselves hold none.

``orchestrator generate`` writes them: for ``shop/order/v1/order.proto`` the file ``order_comments.json`` beside
``order_pb2.py``, with the full names of services, rpcs, messages, fields, enums and their values.
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from google.protobuf import descriptor_pb2

_SUFFIX: Final = "_comments.json"

# The numbers of fields in descriptor.proto, by which source code info says where a comment stands.
_OF_FILE: Final = {"message_type": 4, "enum_type": 5, "service": 6}
_OF_MESSAGE: Final = {"field": 2, "nested_type": 3, "enum_type": 4}
_OF_SERVICE: Final = {"method": 2}
_OF_ENUM: Final = {"value": 2}


def comments_in(file: descriptor_pb2.FileDescriptorProto) -> dict[str, str]:
    """The comments of a file that was compiled with them, by the full name of what they are about."""
    said = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
    named = _named(file, file.package, (), _OF_FILE)
    return {name: text for name, path in named if (text := _prose(said.get(path, "")))}


def comments_file(name: str) -> str:
    """Where the comments of a .proto file are kept, such as ``shop/order/v1/order_comments.json``."""
    return name.removesuffix(".proto").replace("-", "_") + _SUFFIX


def comment_on(name: str, file: str) -> str:
    """What a contract says of what has this full name; empty where it says nothing, or its stubs hold no comments.

    Args:
        name: such as ``shop.order.v1.Order.status``.
        file: that declares it, such as ``shop/order/v1/order.proto``.
    """
    return _of_file(file).get(name, "")


@lru_cache(maxsize=256)
def _of_file(name: str) -> dict[str, str]:
    written = Path(comments_file(name))
    stubs = sys.modules.get(f"{'.'.join(written.parts).removesuffix(_SUFFIX)}_pb2")
    if stubs is None or stubs.__file__ is None:
        return {}
    try:
        found: dict[str, str] = json.loads(Path(stubs.__file__).with_name(written.name).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return found


def _named(
    holder: Any,  # noqa: ANN401 - a descriptor of any kind
    prefix: str,
    path: tuple[int, ...],
    fields: dict[str, int],
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """What a descriptor holds, by full names and by places in the source, at any depth."""
    within = {"message_type": _OF_MESSAGE, "nested_type": _OF_MESSAGE, "enum_type": _OF_ENUM, "service": _OF_SERVICE}
    for field, number in fields.items():
        held: Sequence[Any] = getattr(holder, field)
        for index, each in enumerate(held):
            # The values of an enum stand beside it, and not within it.
            name = f"{prefix.rpartition('.')[0] if field == 'value' else prefix}.{each.name}".removeprefix(".")
            yield name, (*path, number, index)
            yield from _named(each, name, (*path, number, index), within.get(field, {}))


def _prose(comment: str) -> str:
    """The text of a comment: lines of one paragraph are one line."""
    paragraphs = "\n".join(line.strip() for line in comment.strip().splitlines()).split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)
