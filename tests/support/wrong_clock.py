"""The clock of a replica that is set wrong."""

from __future__ import annotations

from orchestrator.testing.world.clock import JumpingClock


class WrongClock(JumpingClock):
    """Moves with the world's clock, and shows another time.

    Args:
        world: the right clock.
        wrong: by how many seconds.
    """

    def __init__(self, world: JumpingClock, wrong: int) -> None:
        super().__init__()
        self._world = world
        self._wrong = wrong * 1_000_000_000

    def now(self) -> int:
        return self._world.now() + self._wrong

    def elapsed(self) -> int:
        return self._world.elapsed()

    async def sleep(self, seconds: float) -> None:
        await self._world.sleep(seconds)
