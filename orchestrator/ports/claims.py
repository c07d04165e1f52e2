"""Who advances a saga: one replica at a time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple, TypeAlias

LATE_NANOSECONDS: Final = 60 * 1_000_000_000
"""A parked saga that was not woken for so long after its time: perhaps nobody serves it."""

Served: TypeAlias = Collection[tuple[str, int]]
"""Definitions that a replica serves: the name and the version of each."""


class Claim(NamedTuple):
    """The exclusive right to advance a saga, until another replica's claim has a larger token.

    Attributes:
        due: the saga was parked, and its time has come by the clock of the store.
    """

    saga_id: str
    token: int
    due: bool = False


class DueClaims(NamedTuple):
    """Sagas that were parked until a time which has come.

    Attributes:
        claims: in the order of that time.
        next_in: nanoseconds, by the clock of the store, until the next one is due; ``None`` where no other parked saga,
            of those that were asked for, waits for a time to come.
    """

    claims: list[Claim]
    next_in: int | None


class LivingReplica(NamedTuple):
    """A replica whose heartbeat counts.

    Attributes:
        owner: its name.
        alive_until: until when its last heartbeat counts, nanoseconds since the epoch, UTC, by the clock of the store.
        claims: how many sagas it advances.
    """

    owner: str
    alive_until: int
    claims: int


class SilentReplica(NamedTuple):
    """A replica that has been there, and until when its last heartbeat counted.

    That is in nanoseconds since the epoch, UTC, by the clock of the store.
    """

    owner: str
    alive_until: int
