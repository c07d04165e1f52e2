r"""Lets standard output and standard error take any text, in any encoding: no command ends with a UnicodeEncodeError.

Where the encoding lacks one of our own signs, an ASCII sign of the same width replaces it, so that columns stay
columns. Any other character is written as Python writes it, ``é`` as ``\xe9``.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from typing import Final, NoReturn

from orchestrator.cli.output.exit import ExitCode

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


def leave_unread() -> NoReturn:
    """End the process because nobody reads its output any more, as a shell expects it of ``| head``.

    Raises:
        SystemExit: always.
    """
    # What is left in the buffers is written when Python ends, which would say so in a traceback.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    sys.exit(ExitCode.UNREAD)


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    written = "".join(
        each if each.isascii() else each.encode("ascii", "backslashreplace").decode()
        for each in lacking.translate(_IN_ASCII)
    )
    return written, error.end
