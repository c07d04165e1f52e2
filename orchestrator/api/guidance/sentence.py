"""Sentences with instants in them: each reader shows an instant in a way of its own.

::

    ("It waits for a time since ", Instant(…), ".")
       command line ──▶ It waits for a time since 14:03:22 CET (3 minutes ago).
       console      ──▶ It waits for a time since <time datetime="…">…</time>.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.journal.outcome import Failure


class Instant(NamedTuple):
    """An instant in a sentence: nanoseconds since the epoch, UTC."""

    at: int


Sentence: TypeAlias = tuple[str | Instant, ...]
"""The parts of one sentence, or of a few, in their order."""


def text_of(sentence: Sentence, shown: Callable[[int], str]) -> str:
    """The sentence as text.

    Args:
        sentence: its parts.
        shown: an instant, in nanoseconds since the epoch, as the reader likes it.
    """
    return "".join(shown(part.at) if isinstance(part, Instant) else part for part in sentence)


def step_of(key: str) -> str:
    """A command or a wait by its key, without the number where it is the first of its name."""
    return key.removesuffix("#1")


def service_of(full_name: str) -> str:
    """A service without its package, such as ``PaymentService``."""
    return full_name.rpartition(".")[2]


def answer_of(failure: Failure) -> str:
    """What a participant answered; where nobody was reached, a sentence without details of sockets."""
    if failure.code.name == "UNAVAILABLE" and not failure.reason:
        return "nobody answers there"
    return f"{failure.code.name}{f' ({failure.reason})' if failure.reason else ''}: {failure.message}"


def listed(names: list[str], most: int = 5) -> str:
    """Names in one text: ``A, B and C``; of many, the first ones and how many more there are."""
    shown = names if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))
