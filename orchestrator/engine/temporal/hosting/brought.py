r"""What acts say that is too large for their requests: it is brought before them, by signals of Temporal.

Purpose: however many acts come at once, a task of the workflow can accept them. Invariant: an act is done with all that
it says, or its caller is told to ask again, and brings it anew.

::

    a small act ──▶ an update, which says it all
    a large act ──▶ a signal brings what it says, under its digest ──▶ an update names the digest

The server takes 4 MB in the answer to one task, which holds each update that the task accepts, word for word; and an
acceptance cannot be put off. A signal is in the history as soon as the server has it, and no answer holds it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.wire import read, write

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_MOST_KEPT: Final = 10
"""The server lets so many updates of one workflow be under way. What was brought for an act that never came, goes."""


class Brought:
    """What was brought to one run of a workflow, and not taken yet."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def keep(self, said: bytes) -> None:
        """Keep what an act says until it comes."""
        self._kept[_digest(said)] = said
        while len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]

    def take(self, request: bytes) -> dict[str, Any] | None:
        """What an act says, by its request; ``None`` where that is to be brought again: another run has it."""
        asked = read(request)
        if "brought" not in asked:
            return asked
        said = self._kept.pop(asked["brought"], None)
        return None if said is None else read(said)


async def bring(said: bytes, signal: Callable[[bytes], Awaitable[None]]) -> bytes:
    """The request of an act that says this; what is too large for it has been brought before.

    Args:
        said: as :func:`~orchestrator.engine.temporal.wire.write` writes it.
        signal: brings that to the workflow.
    """
    if len(said) <= names.MOST_ACT_BYTES:
        return said
    await signal(said)
    return write(brought=_digest(said))


def _digest(said: bytes) -> str:
    return hashlib.sha256(said).hexdigest()
