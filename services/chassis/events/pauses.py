"""How long is waited before something is tried again."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

Pause: TypeAlias = Callable[[float], Awaitable[None]]
"""Waits so many seconds, such as ``asyncio.sleep``."""

_FIRST_SECONDS: Final = 0.1
_LONGEST_SECONDS: Final = 30.0
_DOUBLINGS: Final = 10


def seconds_before(attempt: int) -> float:
    """The pause before the attempt of this number; the second attempt is the first to have one."""
    return min(_FIRST_SECONDS * 2.0 ** min(attempt - 2, _DOUBLINGS), _LONGEST_SECONDS)
