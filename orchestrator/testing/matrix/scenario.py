"""What happens in one cell of the matrix, said as data; and the script that makes it happen."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.testing.mock import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.contract.command import Command
    from orchestrator.testing.mock.calls import Metadata

IN_FLIGHT: Final = "in flight"
"""The command has arrived, and taken effect if it does; its answer is on the way back."""

INTENT_DURABLE: Final = "intent durable"
"""The command's intent is in the journal; its orchestrator is about to be told so, and to send the command."""


class Strike(NamedTuple):
    """A fault that befalls deliveries.

    Attributes:
        key: of the command, or of the compensation, whose deliveries it befalls.
        fault: what befalls them.
        times: how many of them.
        seconds: if not 0, all of them for so long, counted from the first; then ``times`` does not matter.
    """

    key: str
    fault: Fault
    times: int = 1
    seconds: float = 0.0


class Moment(NamedTuple):
    """When something happens: a failpoint or one of the moments above, and the key concerned, empty for any."""

    point: str
    key: str = ""


class Scenario(NamedTuple):
    """What happens to a saga on its way.

    Attributes:
        strikes: what goes wrong with deliveries.
        cancel: when somebody cancels the saga.
        kill: when the orchestrator that advances it dies. Another one is started soon after.
    """

    strikes: tuple[Strike, ...] = ()
    cancel: Moment | None = None
    kill: Moment | None = None


class Script:
    """Makes a scenario happen, each part of it once.

    Args:
        scenario: what is to happen.
        cancel: cancels the saga; returns at once.
        kill: kills the orchestrator.
        struck: called when a strike that lasts is about to end.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        cancel: Callable[[], None],
        kill: Callable[[], None],
        struck: Callable[[], None],
    ) -> None:
        self._strikes = scenario.strikes
        self._hits: Counter[Strike] = Counter()
        self._ends: dict[Strike, float] = {}
        self._struck = struck
        self._acts = [
            (name, moment, act)
            for name, moment, act in (("cancel", scenario.cancel, cancel), ("kill", scenario.kill, kill))
            if moment is not None
        ]

    def __call__(self, command: Command, metadata: Metadata) -> Fault:  # noqa: ARG002 - see Faults
        """What befalls this delivery; see :class:`orchestrator.testing.mock.Faults`."""
        known = dict(metadata)
        if "verifies" in known:
            return Fault.NONE
        key = key_of(metadata)
        for strike in self._strikes:
            if strike.key == key and self._befalls(strike):
                self._hits[strike] += 1
                return strike.fault
        return Fault.NONE

    def reach(self, point: str, key: str) -> bool:
        """A moment has come; whether it was that of something."""
        due = [act for act in self._acts if act[1].point == point and act[1].key in {"", key}]
        for act in due:
            self._acts.remove(act)
            act[2]()
        return bool(due)

    def is_down(self) -> bool:
        """A strike that lasts has begun, and not ended."""
        now = asyncio.get_running_loop().time()
        return any(now < end for end in self._ends.values())

    def not_happened(self) -> list[str]:
        """What of the scenario has not happened."""
        strikes = [f"no delivery of {strike.key} was struck" for strike in self._strikes if not self._hits[strike]]
        return strikes + [f"the {name} at {moment.point} {moment.key}".rstrip() for name, moment, _ in self._acts]

    def _befalls(self, strike: Strike) -> bool:
        if not strike.seconds:
            return self._hits[strike] < strike.times
        loop = asyncio.get_running_loop()
        if strike not in self._ends:
            self._ends[strike] = loop.time() + strike.seconds
            loop.call_at(self._ends[strike], self._struck)
        return loop.time() < self._ends[strike]


def key_of(metadata: Metadata) -> str:
    """The key within its saga of the command or compensation that comes with these metadata."""
    return dict(metadata)["idempotency-key"].partition("/")[2]
