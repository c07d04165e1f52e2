r"""Tells other replicas what this one has written: NOTIFY, in a statement of its own.

Purpose: others look at once, and need not wait. Invariant: no transaction that writes entries notifies, because a
notifying one holds a lock of the whole server while it commits, and those of all replicas would queue up behind it.

::

    tell ──▶ gathered ──at once, or so long after the last one──▶ one NOTIFY of all that has gathered ──▶ forgotten
                                                                                └── failed: forgotten, too

What is told is a hint, so its statement waits for no flush of the server's, and is not repeated where it fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from orchestrator.errors import JournalUnavailable
from orchestrator.ports.wakes import Wake
from orchestrator.store.gathered_wakes import GatheredWakes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.ports.wakes import Woken

CHANNEL: Final = "orchestrator_journal"
_DISTANCE_SECONDS: Final = 0.04
"""Between two statements: at most three in 100 ms."""
_GOODBYE_SECONDS: Final = 1.0
_MOST_BYTES: Final = 7900
"""A little less than the server takes."""
_FROM: Final = "from"


class Telling:
    """What one handle tells the others.

    Args:
        notify: sends a text to all who listen; may raise JournalUnavailable.

    Attributes:
        name: by which this handle knows what it has told itself.
    """

    def __init__(self, notify: Callable[[str], Awaitable[object]]) -> None:
        self.name = uuid4().hex[:12]
        self._notify = notify
        self._gathered = GatheredWakes()
        self._sending = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def tell(self, kind: Wake, saga_id: str = "") -> None:
        """Tell the others, soon, that there is something to look for at a saga; at any, where none is named."""
        self._gathered.add(kind, (saga_id,) if saga_id else ())
        if self._task is None:
            self._task = asyncio.ensure_future(self._tell_again_and_again())

    async def close(self) -> None:
        """Tell what has gathered, if that does not take long, and no more."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._tell()
        if self._task is not None:
            self._task.cancel()

    async def _tell_again_and_again(self) -> None:
        while True:
            await self._gathered.any()
            await self._tell()
            await asyncio.sleep(_DISTANCE_SECONDS)

    async def _tell(self) -> None:
        async with self._sending:
            if woken := self._gathered.take_now():
                with contextlib.suppress(JournalUnavailable):
                    await self._notify(told(self.name, woken))


def told(name: str, woken: Woken) -> str:
    """What a handle of this name sends. What would be too long is about any saga."""
    text = json.dumps({_FROM: name, **{kind.value: list(saga_ids) for kind, saga_ids in woken.items()}})
    if len(text) <= _MOST_BYTES:
        return text
    return json.dumps({_FROM: name, **{kind.value: [] for kind in woken}})


def heard(name: str, text: str) -> Woken:
    """What a handle of this name makes of a text: nothing of its own, and nothing of what it does not understand."""
    try:
        said = json.loads(text)
        if said[_FROM] == name:
            return {}
        return {kind: tuple(map(str, said[kind.value])) for kind in Wake if kind.value in said}
    except (ValueError, KeyError, TypeError):
        return {}
