"""Metadata as headers of a message, and back.

Metadata may repeat a name, and a value whose name ends in ``-bin`` is bytes. Clients of NATS keep one value for a name,
and trim it. So the values of one name are one header, joined by commas. In a text, percent signs, commas, blanks at
either end and what is not printable ASCII are percent-encoded; bytes are written in base64, without padding, as gRPC
writes them. Names of metadata are in lower case; all other headers have a capital letter, and so are told apart.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias
from urllib.parse import quote_from_bytes, unquote

Metadata: TypeAlias = tuple[tuple[str, str | bytes], ...]

_BINARY: Final = "-bin"
# All of printable ASCII but these.
_PLAIN: Final = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in "%,")


def to_headers(metadata: Iterable[tuple[str, str | bytes]]) -> dict[str, str]:
    """The headers of metadata; names are those of metadata, in lower case."""
    headers: dict[str, str] = {}
    for name, value in metadata:
        written = _base64(value) if name.endswith(_BINARY) else text_to_header(_text(value))
        headers[name] = f"{headers[name]},{written}" if name in headers else written
    return headers


def to_metadata(headers: Mapping[str, str]) -> Metadata:
    """The metadata in the headers of a message; those with a capital letter are none.

    Raises:
        ValueError: bytes are not written in base64.
    """
    return tuple(
        (name, _bytes(value) if name.endswith(_BINARY) else unquote(value))
        for name, joined in headers.items()
        if name == name.lower()
        for value in joined.split(",")
    )


def text_to_header(text: str) -> str:
    """A text as the value of a header, which holds no comma, no control character, and no blank at either end."""
    inner = text.strip(" ")
    before = len(text) - len(text.lstrip(" ")) if inner else len(text)
    after = len(text) - before - len(inner)
    return "%20" * before + quote_from_bytes(inner.encode(), safe=_PLAIN) + "%20" * after


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _base64(value: str | bytes) -> str:
    content = value if isinstance(value, bytes) else value.encode("latin-1")
    return base64.b64encode(content).decode("ascii").rstrip("=")


def _bytes(value: str) -> bytes:
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(f"{value!r} is not written in base64") from error
