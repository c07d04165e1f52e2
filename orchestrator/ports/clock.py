"""Time, as it passes for the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class DelayedCall(Protocol):
    """Something that is to happen at a time."""

    def cancel(self) -> object:
        """Let it not happen; nothing, if it has."""


class Clock(Protocol):
    """Time, as it passes for the engine."""

    def now(self) -> int:
        """Nanoseconds since the epoch, UTC. An administrator or a time service may set it, forward or back."""

    def elapsed(self) -> int:
        """Nanoseconds since an instant of its own. Nobody sets it; it may stand still while a machine is suspended."""

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""

    def call_after(self, seconds: float, callback: Callable[[], None]) -> DelayedCall:
        """Call ``callback`` after so many seconds."""
