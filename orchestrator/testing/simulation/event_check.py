"""Watches that an event is told if and only if it happened, in the order of its saga, each time with the same id.

What should be told follows from what became durable, and from nothing else; the outbox itself is not asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.journal.outbox import life_event, told_event
from orchestrator.journal.state import Status
from orchestrator.testing.simulation.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.events import OutboxEvent
    from orchestrator.journal.state import SagaState

_ROLLED_BACK: Final = frozenset({Status.COMPENSATED, Status.PARTIALLY_COMPENSATED})


class EventCheck:
    """The events of one simulated world.

    Args:
        report: is told how a promise was broken.
    """

    def __init__(self, report: Callable[[Promise, str], None]) -> None:
        self._report = report
        self._happened: dict[str, dict[str, OutboxEvent]] = {}
        self._told: dict[str, int] = {}

    def became_durable(self, state: SagaState, entry: Entry, sequence: int) -> None:
        """This entry stands: what it tells has happened.

        Args:
            state: of its saga, with the entry applied.
            entry: the entry.
            sequence: its place in the journal, from 1.
        """
        events = [told_event(state, event) for event in state.events.take()]
        if life := life_event(state, entry, sequence):
            events.append(life)
        for event in events:
            self._happened.setdefault(event.saga_id, {})[event.event_id] = event

    def arrived(self, event: OutboxEvent) -> None:
        """The sink was told of an event."""
        happened = self._happened.get(event.saga_id, {})
        name = f"{event.saga_id}: {event.type} {event.event_id}"
        if happened.get(event.event_id) != event:
            self._report(Promise.EVENTS_TELL_THE_TRUTH, f"{name} was told, and never happened")
            return
        place, told = list(happened).index(event.event_id), self._told.get(event.saga_id, 0)
        if place > told:
            self._report(Promise.EVENTS_TELL_THE_TRUTH, f"{name} was told before one that had happened before it")
        self._told[event.saga_id] = max(told, place + 1)

    def untold(self) -> list[str]:
        """The events of which the sink was not told, in words."""
        return [
            f"{saga_id}: {event.type} {event.event_id}"
            for saga_id, happened in self._happened.items()
            for event in list(happened.values())[self._told.get(saga_id, 0) :]
        ]

    def check_end(self, states: Mapping[str, SagaState]) -> None:
        """Nothing more is told: everything should have been that was not rolled back, and nothing else.

        Args:
            states: all sagas, by id.
        """
        for lost in self.untold():
            self._report(Promise.EVENTS_TELL_THE_TRUTH, f"{lost} happened, and was never told")
        for saga_id, told in self._told.items():
            for event in list(self._happened[saga_id].values())[:told]:
                is_final = not event.provisional and not event.type.startswith("saga.v1.")
                if is_final and states[saga_id].status in _ROLLED_BACK:
                    name = f"{saga_id}: {event.type} {event.event_id}"
                    self._report(Promise.EVENTS_TELL_THE_TRUTH, f"{name} was told, and its saga was rolled back")
