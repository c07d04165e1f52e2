"""A call that saga code has issued and may never await.

A saga that is stopped, as when its process ends, leaves calls behind that wait for their turn: in a ``gather`` whose
branches had not begun. Python calls that a mistake of the programmer's. Where it is one, the engine says so itself,
with the name of the command; so such a call just ends.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")


class Issued(Coroutine[Any, Any, T]):
    """A coroutine that may be dropped before it has begun.

    Args:
        carried_out: what awaiting it runs.
    """

    __slots__ = ("_carried_out", "_has_begun")

    def __init__(self, carried_out: Coroutine[Any, Any, T]) -> None:
        self._carried_out = carried_out
        self._has_begun = False

    def __await__(self) -> Generator[Any, Any, T]:
        """Run it."""
        self._has_begun = True
        return self._carried_out.__await__()

    def send(self, value: Any) -> Any:  # noqa: ANN401 - as a coroutine's
        """Run it on."""
        self._has_begun = True
        return self._carried_out.send(value)

    def throw(self, *error: Any) -> Any:  # noqa: ANN401 - as a coroutine's
        """Run it on with an error."""
        self._has_begun = True
        return self._carried_out.throw(*error)

    def close(self) -> None:
        """End it."""
        self._carried_out.close()

    def __del__(self) -> None:
        if not self._has_begun:
            self._carried_out.close()
