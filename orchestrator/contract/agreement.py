"""Whether a contract, and an overlay or another copy of it, say the same of a method or a field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from google.protobuf.message import Message

_ADDED: Final = "outcomes"
"""The option to which the other one may add; in all others, both must say the same."""


class Contradiction(NamedTuple):
    """An option of which two say something else.

    Attributes:
        option: its name.
        own: what the contract says, in one line.
        other: what the other one says.
    """

    option: str
    own: str
    other: str


def contradictions(own: Message, other: Message, stated: Collection[str] | None = None) -> Iterator[Contradiction]:
    """The options that a contract states, and of which another one says something else.

    Args:
        own: the options of the contract.
        other: what else is said.
        stated: the options of which the other one speaks; all of them by default.
    """
    for field, value in own.ListFields():
        if stated is not None and field.name not in stated:
            continue
        said = getattr(other, field.name)
        agrees = all(rule in said for rule in value) if field.name == _ADDED else _agrees(value, said)
        if not agrees:
            yield Contradiction(field.name, _written(value), _written(said))


def _agrees(own: Any, other: Any) -> bool:  # noqa: ANN401 - of any option
    """Whether both say the same; of a message, in the parts of which both speak."""
    if not hasattr(own, "ListFields"):
        return bool(own == other)
    spoken = {field.name for field, _ in own.ListFields()}
    return all(_agrees(getattr(own, field.name), value) for field, value in other.ListFields() if field.name in spoken)


def _written(value: Any) -> str:  # noqa: ANN401 - of any option
    if isinstance(value, (str, bool, int, float)):
        return str(value)
    if hasattr(value, "ListFields"):
        return "{" + " ".join(str(value).split()) + "}"
    return "[" + ", ".join(map(_written, value)) + "]"
