"""The columns for what a saga's code waits for: what happens while it waits, and where the saga may end then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.contract.command import Effect
from orchestrator.journal.entries import CommandCompleted, SagaParked, WaitBegan, WaitEnded
from orchestrator.journal.state import Status
from orchestrator.testing.matrix import expectations as ends
from orchestrator.testing.matrix.scenario import PARKED, WAITING, Scenario, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.testing.matrix.expectations import Ends
    from orchestrator.testing.matrix.scenario_run import Observations


@dataclass(frozen=True, slots=True)
class WaitSubject:
    """One wait of a saga, as a run without any fault has shown it.

    Attributes:
        key: its key within the saga.
        signal: the name of the signal that ends it; empty for a timer.
        limited: its time comes one day.
        past_pivot: it follows the point of no return.
        parked: the saga was parked while it waited.
    """

    key: str
    signal: str
    limited: bool
    past_pivot: bool
    parked: bool


class WaitCase(NamedTuple):
    """One column; see :class:`~orchestrator.testing.matrix.fault_case.FaultCase`."""

    name: str
    meaning: str
    scenario: Callable[[WaitSubject], Scenario]
    legal: Callable[[WaitSubject], Ends]
    not_applicable: Callable[[WaitSubject], str] = lambda _: ""

    @property
    def title(self) -> str:
        """The name with what it concerns."""
        return f"wait: {self.name}"


def waits_of(observations: Observations) -> tuple[WaitSubject, ...]:
    """The waits of a run without any fault, in the order in which they began."""
    state, entries = observations.state, observations.entries
    pivots = [key for key, command in state.commands.items() if command.effect is Effect.PIVOT]
    return tuple(
        WaitSubject(
            wait.key,
            wait.signal,
            wait.due_at > 0,
            past_pivot=_comes_before(entries, pivots, wait.key),
            parked=_was_parked(entries, wait.key),
        )
        for wait in state.waits.values()
        if not wait.key.rpartition("/")[2].startswith("timeout#")
    )


def _was_parked(entries: Sequence[Entry], key: str) -> bool:
    is_open = False
    for entry in entries:
        match entry:
            case WaitBegan(key=other) if other == key:
                is_open = True
            case WaitEnded(key=other) if other == key:
                return False
            case SagaParked() if is_open:
                return True
    return False


def _comes_before(entries: Sequence[Entry], pivots: Sequence[str], key: str) -> bool:
    for entry in entries:
        if isinstance(entry, CommandCompleted) and entry.key in pivots:
            return True
        if isinstance(entry, WaitBegan) and entry.key == key:
            return False
    return False


def _completed(_wait: WaitSubject) -> Ends:
    return ends.COMPLETED


def _cancelled(wait: WaitSubject) -> Ends:
    return ends.COMPLETED if wait.past_pivot else ends.COMPENSATED


def _unsaid(wait: WaitSubject) -> Ends:
    """The code may handle it."""
    return ends.COMPLETED | (ends.SUSPENDED if wait.past_pivot else frozenset({Status.COMPENSATED}))


def _never_parked(wait: WaitSubject) -> str:
    return "" if wait.parked else "it is over before the saga is parked"


def _no_signal(wait: WaitSubject) -> str:
    return "" if wait.signal else "it is a timer"


def _no_limit(wait: WaitSubject) -> str:
    return _no_signal(wait) or ("" if wait.limited else "it waits for ever")


WAIT_CASES: Final = (
    WaitCase(
        "killed",
        "the orchestrator is killed when the wait is durable",
        lambda wait: Scenario(kill=Trigger(WAITING, wait.key)),
        _completed,
    ),
    WaitCase(
        "killed parked",
        "the orchestrator is killed when the saga is parked",
        lambda wait: Scenario(kill=Trigger(PARKED, wait.key)),
        _completed,
        _never_parked,
    ),
    WaitCase(
        "cancelled",
        "the saga is cancelled when the wait is durable",
        lambda wait: Scenario(cancel=Trigger(WAITING, wait.key)),
        _cancelled,
    ),
    WaitCase(
        "cancelled parked",
        "the saga is cancelled at the moment of parking",
        lambda wait: Scenario(cancel=Trigger(PARKED, wait.key)),
        _cancelled,
        _never_parked,
    ),
    WaitCase(
        "said twice",
        "the signal is given twice, with the same request",
        lambda wait: Scenario(repeated=wait.key),
        _completed,
        _no_signal,
    ),
    WaitCase("unsaid", "nobody gives the signal in time", lambda wait: Scenario(unsaid=wait.key), _unsaid, _no_limit),
)
"""Every column, in order."""
