"""How wide a text is at most, without a font at hand: boxes are drawn around texts whose font the reader chooses.

The widths are those of DejaVu Sans, which is wider than the system fonts of other machines.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_NARROW: Final = frozenset("ijlI|.,:;'!` ()[]{}ft/\\\"")
_WIDE: Final = frozenset("mwMW@%")
_NARROW_EM, _LETTER_EM, _CAPITAL_EM, _WIDE_EM, _FULL_EM = 0.4, 0.63, 0.76, 1.0, 1.05
_BOLD: Final = 1.12
_ELLIPSIS: Final = "…"


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """How many pixels wide a line of text is at most.

    Args:
        text: the line.
        size: of its font, in pixels.
        bold: it is set in bold letters.
    """
    return sum(map(_ems, text)) * size * (_BOLD if bold else 1.0)


def cut(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """The text in one line, cut with an ellipsis where it is wider than so many pixels."""
    flat = " ".join(text.split())
    if width_of(flat, size, bold=bold) <= room:
        return flat
    kept, room = "", room - width_of(_ELLIPSIS, size, bold=bold)
    for letter in flat:
        room -= width_of(letter, size, bold=bold)
        if room < 0:
            break
        kept += letter
    return kept.rstrip() + _ELLIPSIS


def _ems(letter: str) -> float:
    if letter in _NARROW:
        return _NARROW_EM
    if letter in _WIDE:
        return _WIDE_EM
    if not letter.isascii():
        return _FULL_EM if unicodedata.east_asian_width(letter) in "WF" else _CAPITAL_EM
    return _CAPITAL_EM if letter.isupper() else _LETTER_EM
