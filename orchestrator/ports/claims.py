"""Who advances a saga: one replica at a time."""

from __future__ import annotations

from typing import NamedTuple


class Claim(NamedTuple):
    """The exclusive right to advance a saga, until another replica's claim has a larger token."""

    saga_id: str
    token: int


class SilentReplica(NamedTuple):
    """A replica that has been there, and until when its last heartbeat counted (nanoseconds, UTC)."""

    owner: str
    alive_until: int
