"""What wakes a replica that would otherwise look for it after a while.

A wake is a hint, and nothing depends on it: it may be lost, come late, come twice, or be about nothing. Who is woken
looks, and who is not woken looks all the same, after a pause.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from typing import Protocol, TypeAlias


class Wake(enum.Enum):
    """What there is to look for. The values are those that replicas tell one another."""

    SAGA = "saga"
    """A saga has more entries."""
    CLAIMABLE = "claimable"
    """A saga can be claimed."""
    REQUESTED = "requested"
    """An act on a saga is requested."""
    ANSWERED = "answered"
    """A request for an act on a saga is answered."""


Woken: TypeAlias = Mapping[Wake, Collection[str]]
"""What there is to look for, and the ids of the sagas that it is about; no ids where it may be about any saga."""


class Wakes(Protocol):
    """Tells one replica what others have done. What they did reached the store before."""

    async def woken(self) -> Woken:
        """What has been told since the last call, as soon as there is something. One caller at a time.

        The first call, and one after something may have been missed, returns every kind, about any saga. A store that
        cannot tell lets its caller wait for ever; no error is raised.
        """
