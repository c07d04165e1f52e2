"""How much the replicas of a simulated world do at once: in half of the worlds so little that sagas are queued."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from orchestrator.engine.replica.capacity.limits import Limits
from orchestrator.ports.quotas import Rate

if TYPE_CHECKING:
    from collections.abc import Iterable

_IN_FLIGHT: Final = 8
_NARROW: Final = 0.5
_PACED: Final = 0.3


def draw_limits(seed: int, services: Iterable[str]) -> Limits:
    """The limits of the world of a seed, the same for each of its replicas.

    Args:
        seed: the world's. They are drawn apart from all else, so that a world with a queue is the world without it.
        services: the full names of the services that can have a rate.
    """
    random = Random(f"{seed}/limits")  # noqa: S311 - no secret
    if random.random() >= _NARROW:
        return Limits(in_flight=_IN_FLIGHT)
    return Limits(
        in_flight=_IN_FLIGHT,
        rates={each: Rate(random.randint(2, 20), 1) for each in sorted(services) if random.random() < _PACED},
        live=random.randint(1, 3),
        queued=random.randint(2, 20),
    )
