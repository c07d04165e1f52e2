"""What a run awaits at this moment, forward or backward."""

from __future__ import annotations


class UnderWay(dict[str, None]):
    """The keys of what is awaited: of commands, waits, or compensations.

    Attributes:
        changes: how often something has begun or ended.
    """

    __slots__ = ("changes",)

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0

    def begin(self, key: str) -> None:
        """It is awaited from now on."""
        self[key] = None
        self.changes += 1

    def end(self, key: str) -> None:
        """It is awaited no more."""
        del self[key]
        self.changes += 1
