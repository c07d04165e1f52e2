"""What happened in one simulated world, event by event."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_SAGA: Final = re.compile(r"\bsaga-\d+|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What customers call a saga, or the id of one that starts by schedule."""


class Event(NamedTuple):
    """One event.

    Attributes:
        at: virtual seconds since the world began.
        who: a replica, a participant, a customer, an operator, or the journal.
        what: which kind of event, in the past tense.
        about: what there is to say about it.
    """

    at: float
    who: str
    what: str
    about: tuple[Any, ...]

    def concerns(self, saga_id: str) -> bool:
        """It is about this saga, or about no saga at all."""
        names = sagas_in(" ".join(map(str, self.about)))
        return saga_id in names or not names

    def __str__(self) -> str:
        return f"{self.at:10.4f}  {self.who:<12} {self.what:<14} {' '.join(map(str, self.about))}".rstrip()


def sagas_in(text: str) -> list[str]:
    """The ids of the sagas that a text names; of a child, that of its parent."""
    return _SAGA.findall(text)


class Timeline:
    """The events so far. Noting one costs little; they become text only when they are read.

    Attributes:
        events: the events, in order.
    """

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self.events: list[Event] = []

    def note(self, who: str, what: str, *about: Any) -> None:  # noqa: ANN401 - anything that becomes text
        """Something happened. What is about it must not change afterwards."""
        self.events.append(Event(self._time(), who, what, about))

    def counts(self) -> Counter[str]:
        """How often each kind of event happened."""
        return Counter(event.what for event in self.events)

    def lines(self, about: str = "") -> list[str]:
        """One line for each event.

        Args:
            about: only what concerns this saga, its children, or no saga: a crash, and the like.
        """
        return [str(event) for event in self.events if not about or event.concerns(about)]
