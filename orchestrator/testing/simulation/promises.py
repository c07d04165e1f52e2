"""The promises that a simulated world is held to, and how one is found broken."""

from __future__ import annotations

import enum
from typing import NamedTuple

from orchestrator.testing.simulation.timeline import sagas_in


class Promise(enum.Enum):
    """The design's promises, by number, as far as a simulation can break them."""

    NOTHING_IS_LOST = "1. Nothing is lost"
    EVERY_EFFECT_IS_ACCOUNTED_FOR = "2. Every effect is accounted for"
    UNKNOWN_IS_NOT_FAILED = "3. Unknown is not failed"
    SAME_INTENT_SAME_KEY = "4. Same intent, same key"
    IN_REVERSE_ORDER = "5. Compensations run in reverse order of start"
    ONLY_FORWARDS = "6. After the pivot only forwards"
    ONE_OWNER = "7. One owner"
    REPLAY_IS_SILENT = "8. Replay is silent"
    ONE_TRACE = "9. One trace"
    TIME_AND_SIGNALS_ARE_FACTS = "11. Time and signals are facts"
    EVENTS_TELL_THE_TRUTH = "12. An event is told if and only if it happened"


class Broken(NamedTuple):
    """A promise that was broken.

    Attributes:
        promise: which.
        how: what was seen.
    """

    promise: Promise
    how: str

    @property
    def saga_id(self) -> str:
        """The first saga that is named, or empty; of a child, its parent."""
        return next(iter(sagas_in(self.how)), "")

    def __str__(self) -> str:
        return f"{self.promise.value}: {self.how}"
