"""What saga code may say besides calling stubs: ``saga_id``, ``scope``, ``best_effort``.

Each speaks to the saga that is running, which the engine binds for as long as the saga's code runs.
"""

from __future__ import annotations

import contextlib
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, TypeVar

from orchestrator.errors import CommandError, DefinitionError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

T = TypeVar("T")

_SCOPE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RunningSaga(Protocol):
    """The saga whose code is running, as far as the language needs to know it."""

    @property
    def saga_id(self) -> str:
        """The saga's identity."""


running_saga: ContextVar[RunningSaga] = ContextVar("running_saga")
scope_path: ContextVar[str] = ContextVar("scope_path", default="")
is_best_effort: ContextVar[bool] = ContextVar("is_best_effort", default=False)


def saga_id() -> str:
    """The identity of the running saga: a good order id, because it is known before anything happens.

    Raises:
        DefinitionError: no saga is running here.
    """
    try:
        return running_saga.get().saga_id
    except LookupError:
        raise DefinitionError("saga_id() was called outside a saga") from None


@contextlib.contextmanager
def scope(name: str) -> Iterator[None]:
    """Separate branches that call the same method side by side.

    ``with scope("item-3"): await shop.inventory.ReserveStock(...)``. The name becomes part of the keys of the commands issued within, so it must come from the saga's
    input or from replies, never from chance.

    Raises:
        DefinitionError: the name holds other characters than letters, digits, ``.``, ``_`` and ``-``.
    """
    if not _SCOPE.fullmatch(name):
        raise DefinitionError(f"scope {name!r}: use up to 64 letters, digits, '.', '_' and '-'")
    token = scope_path.set(f"{scope_path.get()}{name}/")
    try:
        yield
    finally:
        scope_path.reset(token)


async def best_effort(command: Awaitable[T]) -> T | None:
    """Await a command that the saga can do without: its failure is journalled and answers ``None``."""
    token = is_best_effort.set(True)
    try:
        return await command
    except CommandError:
        return None
    finally:
        is_best_effort.reset(token)
