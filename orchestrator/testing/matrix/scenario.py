"""What happens in one cell of the matrix, as data; and the script that makes it happen."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.journal.keys import related
from orchestrator.testing.mock import Fault
from orchestrator.testing.world.virtual_loop import call_outside

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.contract.command import Command
    from orchestrator.testing.mock.calls import Metadata

IN_FLIGHT: Final = "in flight"
"""The command has arrived, and taken effect if it does; its answer is on the way back."""

INTENT_DURABLE: Final = "intent durable"
"""The command's intent is in the journal; its orchestrator is about to be told so, and to send the command."""


WAITING: Final = "waiting"
"""That the saga's code waits is in the journal; its orchestrator is about to be told so."""

PARKED: Final = "parked"
"""The saga is parked while it waits."""


class FaultInjection(NamedTuple):
    """A fault that is injected into deliveries.

    Attributes:
        key: of the command, or of the compensation, into whose deliveries it is injected.
        fault: what happens to each.
        times: how many of them.
        seconds: if not 0, all of them for so long, counted from the first; then ``times`` does not matter.
    """

    key: str
    fault: Fault
    times: int = 1
    seconds: float = 0.0


class Trigger(NamedTuple):
    """When something happens: at a failpoint or at one of the points above, and for which key, empty for any."""

    point: str
    key: str = ""


class Scenario(NamedTuple):
    """What happens to a saga on its way.

    Attributes:
        injections: what goes wrong with deliveries.
        cancel: when the saga is cancelled.
        kill: when the orchestrator that advances it dies. Another one is started soon after.
        unsaid: the key of the wait for which nobody gives the signal; all others get theirs after a few seconds.
        repeated: the key of the wait for which the signal is given twice.
    """

    injections: tuple[FaultInjection, ...] = ()
    cancel: Trigger | None = None
    kill: Trigger | None = None
    unsaid: str = ""
    repeated: str = ""


class Script:
    """Makes a scenario happen, each part of it once.

    Args:
        scenario: what is to happen.
        cancel: cancels the saga; returns at once.
        kill: kills the orchestrator.
        injection_ended: called when a fault that lasts is about to end.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        cancel: Callable[[], None],
        kill: Callable[[], None],
        injection_ended: Callable[[], None],
    ) -> None:
        self._injections = scenario.injections
        self._hits: Counter[FaultInjection] = Counter()
        self._ends: dict[FaultInjection, float] = {}
        self._injection_ended = injection_ended
        self._acts = [
            (name, trigger, act)
            for name, trigger, act in (("cancel", scenario.cancel, cancel), ("kill", scenario.kill, kill))
            if trigger is not None
        ]

    def __call__(self, command: Command, metadata: Metadata) -> Fault:  # noqa: ARG002 - see Faults
        """What happens to this delivery; see :class:`orchestrator.testing.mock.Faults`."""
        known = dict(metadata)
        if related("verifies", known):
            return Fault.NONE
        key = key_of(metadata)
        for injection in self._injections:
            if injection.key == key and self._hits_now(injection):
                self._hits[injection] += 1
                return injection.fault
        return Fault.NONE

    def reach(self, point: str, key: str) -> bool:
        """A point was reached; whether something was triggered there."""
        due = [act for act in self._acts if act[1].point == point and act[1].key in {"", key}]
        for act in due:
            self._acts.remove(act)
            act[2]()
        return bool(due)

    def is_down(self) -> bool:
        """A fault that lasts has begun, and not ended."""
        now = asyncio.get_running_loop().time()
        return any(now < end for end in self._ends.values())

    def not_happened(self) -> list[str]:
        """What of the scenario has not happened."""
        injections = [
            f"no delivery of {injection.key} was hit" for injection in self._injections if not self._hits[injection]
        ]
        return injections + [f"the {name} at {trigger.point} {trigger.key}".rstrip() for name, trigger, _ in self._acts]

    def _hits_now(self, injection: FaultInjection) -> bool:
        if not injection.seconds:
            return self._hits[injection] < injection.times
        loop = asyncio.get_running_loop()
        if injection not in self._ends:
            self._ends[injection] = loop.time() + injection.seconds
            call_outside(injection.seconds, self._injection_ended)
        return loop.time() < self._ends[injection]


def key_of(metadata: Metadata) -> str:
    """The key within its saga of the command or compensation that comes with these metadata."""
    return dict(metadata)["idempotency-key"].partition("/")[2]
