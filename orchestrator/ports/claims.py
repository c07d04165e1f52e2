"""Who advances a saga: one replica at a time."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, TypeAlias

Served: TypeAlias = Collection[tuple[str, int]]
"""Definitions that a replica serves: the name and the version of each."""


class Claim(NamedTuple):
    """The exclusive right to advance a saga, until another replica's claim has a larger token."""

    saga_id: str
    token: int


class SilentReplica(NamedTuple):
    """A replica that has been there, and until when its last heartbeat counted.

    That is in nanoseconds since the epoch, UTC, by the clock of the store.
    """

    owner: str
    alive_until: int
