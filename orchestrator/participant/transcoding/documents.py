"""JSON documents in UTF-8: requests are written the same at each time, so that they are sent again byte for byte.

JSON can say half of a surrogate pair, which is no character: no message holds it. A request with one is refused. The
effect of a reply is there, and what is lost of it was lost before: it is read with a replacement character.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.message import Message

from orchestrator.participant.texts import is_well_formed, well_formed
from orchestrator.participant.transcoding.errors import UnfitMessageError, UnreadableError
from orchestrator.participant.transcoding.faults import JsonErrors

# Half of a pair is said by an escape alone, and so is every character beyond the first 65,536.
_MAY_BE_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")


def document_of(message: Message, *, is_whole: bool = False) -> dict[str, Any]:
    """A message as a JSON document; ``is_whole``: with the fields that have their default.

    Raises:
        UnfitMessageError: JSON has no form for a value of it.
    """
    pool: Any = message.DESCRIPTOR.file.pool
    try:
        return json_format.MessageToDict(message, always_print_fields_with_no_presence=is_whole, descriptor_pool=pool)
    except JsonErrors as error:
        raise UnfitMessageError("", f"cannot be written as JSON: {error}") from error


def written(document: object, *, is_sorted: bool = False) -> bytes:
    """The document in bytes.

    Args:
        document: what JSON can say.
        is_sorted: by names, so that equal messages are equal bytes; otherwise names are in the contract's order.
    """
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=is_sorted).encode()


def read(content: bytes, at: str = "", *, is_lenient: bool = False) -> object:
    """The document that bytes say.

    Args:
        content: the bytes.
        at: where in a message the document is, for errors.
        is_lenient: a replacement character is read in place of half a surrogate pair.

    Raises:
        UnreadableError: they are no JSON in UTF-8, name a field twice, or hold half a surrogate pair.
    """
    try:
        text = content.decode()
        document = json.loads(text, object_pairs_hook=_each_once)
        if _MAY_BE_HALF.search(text) is None:
            return document
        if is_lenient:
            return _well_formed(document)
        place = next(_ill_formed(document, at), None)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("", f"the body is no JSON: {error}") from error
    if place is not None:
        raise UnreadableError(place, "holds half of a surrogate pair, which is no character")
    return document


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"{name!r} is given more than once")
            seen.add(name)
    return document


def _well_formed(document: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(document, str):
        return well_formed(document)
    if isinstance(document, list):
        return list(map(_well_formed, document))
    if isinstance(document, dict):
        return {well_formed(name): _well_formed(value) for name, value in document.items()}
    return document


def _ill_formed(document: Any, at: str) -> Iterator[str]:  # noqa: ANN401 - JSON
    """The paths of what is not well-formed in a document, or of what has a name that is not."""
    if isinstance(document, list):
        for place, each in enumerate(document):
            yield from _ill_formed(each, f"{at}[{place}]")
    elif isinstance(document, dict):
        for name, value in document.items():
            yield from _ill_formed(value, f"{at}.{name}".removeprefix(".")) if is_well_formed(name) else (at,)
    elif isinstance(document, str) and not is_well_formed(document):
        yield at
