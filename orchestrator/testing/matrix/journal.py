"""The journal that the orchestrators of one run share, as the scenario's script sees it.

It is the journal in memory of :mod:`orchestrator.store`, which passes the conformance suite of all journals, and not a
second one: a matrix on a journal of its own would say little about sagas on ours. For this ``testing`` lies on a
floor above ``store``, and not beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.journal.entries import CommandIntended, SagaParked, WaitBegan, WaitEnded
from orchestrator.journal.state import UNFINISHED
from orchestrator.testing.matrix.scenario import INTENT_DURABLE, PARKED, WAITING
from orchestrator.testing.world.journal import JournalConnection, Results

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.ports.journal import Append, Journal
    from orchestrator.testing.matrix.scenario import Script
    from orchestrator.testing.world.virtual_loop import Process

_WRITE_SECONDS: Final = 0.001
_HELD_SECONDS: Final = 0.05


class ScriptedJournal(JournalConnection):
    """One orchestrator's connection: a write takes a moment, and the script learns of an intent before the writer does.

    Where the script waits for that intent, the acknowledgement is held for a while.

    Args:
        script: makes the scenario happen.
        at_rest: set once a saga has ended or is suspended.
        waits: called with each wait that has become durable.
    """

    def __init__(
        self,
        journal: Journal,
        process: Process,
        script: Script,
        at_rest: asyncio.Event,
        waits: Callable[[WaitBegan], None],
    ) -> None:
        super().__init__(journal, process)
        self._script = script
        self._at_rest = at_rest
        self._waits = waits
        self._open: dict[str, None] = {}
        self._is_held = False

    def delay(self) -> float:
        """See the base class."""
        is_held, self._is_held = self._is_held, False
        return _HELD_SECONDS if is_held else _WRITE_SECONDS

    def commit(self, appends: Sequence[Append]) -> Results | None:
        """See the base class."""
        results = super().commit(appends)
        if results is None:
            return None
        written = [append for append, error in zip(appends, results, strict=True) if error is None]
        if any(append.status not in UNFINISHED for append in written):
            self._at_rest.set()
        intents = [entry.key for append in written for entry in append.entries if isinstance(entry, CommandIntended)]
        reached = [self._script.reach(INTENT_DURABLE, key) for key in intents]  # each of them, and not up to the first
        reached += [self._note_wait(entry) for append in written for entry in append.entries]
        self._is_held = any(reached)
        return results

    def _note_wait(self, entry: Entry) -> bool:
        """What the script learns of the waits; whether something was triggered."""
        match entry:
            case WaitBegan(key=key):
                self._open[key] = None
                self._waits(entry)
                return self._script.reach(WAITING, key)
            case WaitEnded(key=key):
                self._open.pop(key, None)
            case SagaParked():
                reached = [self._script.reach(PARKED, key) for key in self._open]
                return any(reached)
        return False
