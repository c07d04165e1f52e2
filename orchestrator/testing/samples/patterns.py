"""Strings that match a regular expression.

Python's own parser reads the expression. Almost every expression of buf.validate (RE2) is valid for that parser; where
it is not, or where this module does not support the expression, no string is made.
"""

from __future__ import annotations

import re
import string
from re import _parser  # type: ignore[attr-defined]  # there is no public parser
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

# In the order of preference: readable characters come first.
_ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_. " + string.punctuation

_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "CATEGORY_DIGIT": str.isdigit,
    "CATEGORY_NOT_DIGIT": lambda char: not char.isdigit(),
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_NOT_SPACE": lambda char: not char.isspace(),
    "CATEGORY_WORD": lambda char: char.isalnum() or char == "_",
    "CATEGORY_NOT_WORD": lambda char: not (char.isalnum() or char == "_"),
}


def matching(pattern: str, random: Random, length: int = 1) -> str | None:
    """A string in which the pattern is found.

    Args:
        pattern: the expression.
        random: decides every choice that the expression leaves open.
        length: the length of a repetition, where the expression allows it.

    Returns:
        The string, or ``None`` where none could be made.
    """
    try:
        text = _sequence(_parser.parse(pattern), random, length)
        return text if re.search(pattern, text) else None
    except (re.error, KeyError, IndexError, OverflowError):
        return None


def _sequence(tokens: Iterable[tuple[Any, Any]], random: Random, length: int) -> str:
    return "".join(_PARTS[str(kind)](argument, random, length) for kind, argument in tokens)


def _repeated(argument: Any, random: Random, length: int) -> str:  # noqa: ANN401 - the parser's own
    least, most, tokens = argument
    times = max(int(least), min(int(most), length))
    return "".join(_sequence(tokens, random, length) for _ in range(times))


def _one_of(items: list[tuple[Any, Any]], random: Random, _: int) -> str:
    negated = str(items[0][0]) == "NEGATE"
    kinds = items[1:] if negated else items
    chars = [char for char in _ALPHABET if any(_allows(item, char) for item in kinds) is not negated]
    if not chars and not negated:  # beyond the alphabet, such as [ä-ü]
        chars = [chr(argument[0] if str(kind) == "RANGE" else argument) for kind, argument in kinds]
    words = [char for char in chars if char.isalnum()]
    return random.choice(words or chars)


def _allows(item: tuple[Any, Any], char: str) -> bool:
    kind, argument = item
    if str(kind) == "RANGE":
        return bool(argument[0] <= ord(char) <= argument[1])
    if str(kind) == "CATEGORY":
        return _CATEGORIES[str(argument)](char)
    return bool(ord(char) == argument)


_PARTS: dict[str, Callable[[Any, Random, int], str]] = {
    "LITERAL": lambda char, _random, _length: chr(char),
    "NOT_LITERAL": lambda char, _random, _length: next(other for other in _ALPHABET if ord(other) != char),
    "ANY": lambda _, random, _length: random.choice(string.ascii_uppercase),
    "IN": _one_of,
    "CATEGORY": lambda category, random, length: _one_of([("CATEGORY", category)], random, length),
    "BRANCH": lambda argument, random, length: _sequence(argument[1][0], random, length),
    "SUBPATTERN": lambda argument, random, length: _sequence(argument[-1], random, length),
    "MAX_REPEAT": _repeated,
    "MIN_REPEAT": _repeated,
    "AT": lambda _, _random, _length: "",
}
