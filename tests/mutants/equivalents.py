"""Mutants that behave as the original does, each with the reason: they can not be killed, and do not count.

They are named by what stands in the source and not by where it stands, so that an edit elsewhere leaves them alone,
and an edit of the line asks for the reason again.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.mutants.mutations import Mutable, Mutant


class StaleEquivalent(Exception):
    """An entry names a mutant that is not there (any more)."""


class Equivalent(NamedTuple):
    """An entry.

    Attributes:
        file: the mutated file.
        line: the first line that is changed, without its indentation.
        operator: the kind of change.
        reason: why no test can tell the difference.
        becomes: what stands there instead; empty for everything that the operator makes of the line.
    """

    file: str
    line: str
    operator: str
    reason: str
    becomes: str = ""


def read_equivalents(path: Path) -> list[Equivalent]:
    """The entries of a file.

    Raises:
        StaleEquivalent: an entry is not as it should be.
    """
    entries = []
    for table in tomllib.loads(path.read_text()).get("equivalent", []):
        try:
            entry = Equivalent(**table)
        except TypeError as error:
            raise StaleEquivalent(f"{path.name}: {table} must have file, line, operator and reason: {error}") from None
        if not entry.reason.strip():
            raise StaleEquivalent(f"{path.name}: {entry.file}: {entry.line!r} has no reason: give one")
        entries.append(entry)
    return entries


def find_equivalents(entries: Iterable[Equivalent], files: Mapping[str, Mutable]) -> dict[Mutant, str]:
    """The mutants that the entries name, with the reasons.

    Raises:
        StaleEquivalent: an entry names none.
    """
    found: dict[Mutant, str] = {}
    for entry in entries:
        named = list(_named(entry, files[entry.file])) if entry.file in files else []
        if not named:
            becomes = f" that becomes {entry.becomes!r}" if entry.becomes else ""
            raise StaleEquivalent(
                f"{entry.file} has no mutant of the operator {entry.operator} on the line {entry.line!r}{becomes}: "
                "look at the line again, then change the entry or remove it"
            )
        found.update(dict.fromkeys(named, entry.reason))
    return found


def _named(entry: Equivalent, mutable: Mutable) -> Iterable[Mutant]:
    rows = [row for row, line in enumerate(mutable.lines, start=1) if line.strip() == entry.line]
    for mutant in mutable.mutants:
        if mutant.operator == entry.operator and any(mutant.first_line <= row <= mutant.last_line for row in rows):
            change = mutable.change(mutant)
            if change is not None and change.line == entry.line and entry.becomes in {"", change.becomes}:
                yield mutant
