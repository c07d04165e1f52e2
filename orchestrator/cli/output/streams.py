r"""Standard output and standard error in whatever encoding the terminal has: no command ends with a UnicodeEncodeError.

A sign of our own that the terminal lacks has one in ASCII of the same width, so that columns stay columns; any other
character is written as Python does, ``é`` as ``\xe9``.
"""

from __future__ import annotations

import codecs
import io
import sys
from typing import Final

_NAME: Final = "orchestrator.terminal"

_IN_ASCII: Final = str.maketrans(
    {
        "✓": "+",
        "✗": "x",
        "▸": ">",
        "↺": "~",
        "↩": "<",
        "·": ".",
        "…": "~",
        "—": "-",
        "─": "-",
        "━": "-",
        "│": "|",
        "├": "|",
        "└": "`",
        "→": ">",
        "•": "*",
    }
)


def prepare_streams() -> None:
    """Let standard output and standard error take any text."""
    codecs.register_error(_NAME, _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_NAME)


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    written = "".join(
        each if each.isascii() else each.encode("ascii", "backslashreplace").decode()
        for each in lacking.translate(_IN_ASCII)
    )
    return written, error.end
