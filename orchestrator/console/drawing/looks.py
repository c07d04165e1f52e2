"""How a step looks: one class of the style sheet, one sign and one word for each state.

A state is shown by its colour, by its sign and by its word, so that no reader depends on colours.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from orchestrator.console.drawing.svg import element
from orchestrator.journal.progress import StepState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Look(enum.StrEnum):
    """The look of a step; the value is its class in the style sheet."""

    PLANNED = "planned"
    NOT_BEGUN = "not-begun"
    IN_PROGRESS = "in-progress"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    IN_DOUBT = "in-doubt"
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"
    SKIPPED = "skipped"
    STANDS = "stands"


LOOKS: Final[Mapping[StepState, Look]] = {
    StepState.NOT_BEGUN: Look.NOT_BEGUN,
    StepState.IN_PROGRESS: Look.IN_PROGRESS,
    StepState.COMPLETED: Look.DONE,
    StepState.REJECTED: Look.FAILED,
    StepState.UNKNOWN: Look.IN_DOUBT,
    StepState.COMPENSATING: Look.COMPENSATING,
    StepState.COMPENSATED: Look.COMPENSATED,
    StepState.SKIPPED: Look.SKIPPED,
    StepState.STANDS: Look.STANDS,
}

WORDS: Final[Mapping[Look, str]] = {
    Look.PLANNED: "",
    Look.NOT_BEGUN: "not yet begun",
    Look.IN_PROGRESS: "in progress",
    Look.WAITING: "waits",
    Look.DONE: "done",
    Look.FAILED: "refused",
    Look.IN_DOUBT: "in doubt",
    Look.COMPENSATING: "is being compensated",
    Look.COMPENSATED: "compensated",
    Look.SKIPPED: "skipped",
    Look.STANDS: "left as it is",
}

BEGUN: Final = frozenset(Look) - {Look.PLANNED, Look.NOT_BEGUN, Look.SKIPPED}
"""The looks of what has begun."""

# Of several calls at one place, the place looks like the first of these that one of them has.
_TELLING: Final = (
    Look.WAITING,
    Look.IN_PROGRESS,
    Look.COMPENSATING,
    Look.IN_DOUBT,
    Look.STANDS,
    Look.FAILED,
    Look.DONE,
    Look.COMPENSATED,
    Look.NOT_BEGUN,
    Look.SKIPPED,
    Look.PLANNED,
)

_SIGNS: Final[Mapping[Look, str]] = {
    Look.IN_PROGRESS: "M-3 -5 L5 0 L-3 5 Z",
    Look.WAITING: "M-4 -5 V5 M4 -5 V5",
    Look.DONE: "M-5 0 L-1.5 4 L5.5 -4.5",
    Look.FAILED: "M-4.5 -4.5 L4.5 4.5 M4.5 -4.5 L-4.5 4.5",
    Look.IN_DOUBT: "M-3.5 -2.5 A3.5 3.5 0 1 1 1.2 0.8 Q0 1.4 0 2.6 M0 5.4 V5.8",
    Look.COMPENSATING: "M-5 0 H4 A0.1 0.1 0 0 1 4 0 M-5 0 L-1 -4 M-5 0 L-1 4",
    Look.COMPENSATED: "M-5.5 0 L-1.5 -4 M-5.5 0 L-1.5 4 M-5.5 0 H2 A3 3 0 0 1 2 6 H0",
    Look.SKIPPED: "M-4.5 0 H4.5",
    Look.STANDS: "M0 -6 V1.5 M0 5.4 V5.8",
}


def together(looks: Sequence[Look]) -> Look:
    """The look of several calls at one place."""
    return min(looks, key=_TELLING.index)


def sign(look: Look, x: float, y: float) -> str:
    """A state's sign, centred at a point; for what has not begun, a ring."""
    place = f"translate({x:g} {y:g})"
    if look not in _SIGNS:
        return element("circle", class_=f"sign {look}", r=4.0, transform=place)
    filled = " filled" if look is Look.IN_PROGRESS else ""
    return element("path", class_=f"sign {look}{filled}", d=_SIGNS[look], transform=place)
