"""Where the engine's random numbers come from."""

from __future__ import annotations

from typing import Protocol


class RandomSource(Protocol):
    """Where the jitter of retries comes from."""

    def __call__(self) -> float:
        """A number evenly drawn from [0, 1)."""
