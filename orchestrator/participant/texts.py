"""Texts that others wrote, before they are kept, sent or shown."""

import re
from typing import Final

_HALF: Final = re.compile("[\ud800-\udfff]")
_NO_HALF: Final = "\N{REPLACEMENT CHARACTER}"


def well_formed(text: str) -> str:
    """The text as UTF-8 can say it: with a replacement character for each half of a surrogate pair.

    JSON and Python can say such a half. JavaScript that cuts a text within an emoji sends one. Protobuf, gRPC and
    databases refuse it.
    """
    return text if is_well_formed(text) else _HALF.sub(_NO_HALF, text)


def is_well_formed(text: str) -> bool:
    """UTF-8 can say it."""
    return text.isascii() or _HALF.search(text) is None
