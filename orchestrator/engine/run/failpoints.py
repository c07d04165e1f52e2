"""Named points at which a test may stop, fail or kill the process. In production they do nothing.

Names: ``started`` (the start is durable), ``intended`` (an intent is durable, nothing was sent),
``answered`` (a reply came in, nothing of it is journalled), ``rollback_began`` (the rollback is durable),
``compensated`` (a compensation was answered, nothing of it is journalled), ``ended`` (the end is durable).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES: Final = ("started", "intended", "answered", "rollback_began", "compensated", "ended")

_armed: dict[str, Callable[[str], None]] = {}


def arm(name: str, action: Callable[[str], None]) -> None:
    """Call ``action`` with the key concerned whenever the point is reached.

    Raises:
        ValueError: there is no such point.
    """
    if name not in NAMES:
        raise ValueError(f"no failpoint {name!r}; there are {', '.join(NAMES)}")
    _armed[name] = action


def disarm_all() -> None:
    """Forget every action."""
    _armed.clear()


def reach(name: str, key: str) -> None:
    """Say that the point is reached."""
    if _armed and name in _armed:
        _armed[name](key)
