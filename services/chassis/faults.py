"""What goes wrong on purpose with the calls of an order, and when. Nothing here waits or sends.

The faults stand between the caller and the guard, so neither a service's business nor the orchestrator knows of them:

    caller ──▶ [refused, down]  ──▶ guard ──▶ business
    caller ◀── [slow, lost, delayed] ◀── guard ◀──┘

| fault        | which calls         | takes effect | what the caller sees              |
|--------------|---------------------|--------------|-----------------------------------|
| `REFUSED`    | the first           | no           | FAILED_PRECONDITION               |
| `DOWN`       | those of a while    | no           | UNAVAILABLE                       |
| `SLOW`       | the first           | yes          | nothing, until its deadline       |
| `LOST_REPLY` | the first           | yes          | UNAVAILABLE                       |
| `DELAY`      | all                 | yes          | the reply, later                  |

What is planned is kept in memory, for the newest orders.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, assert_never

from services.chassis.errors import Rejection, Unavailable

REASON: Final = "FAULT_PLANNED"
"""Why a call is refused on purpose, for programs."""

_MOST_ORDERS: Final = 10_000


class Kind(StrEnum):
    """What goes wrong; as the contract says."""

    REFUSED = "refused"
    SLOW = "slow"
    LOST_REPLY = "lost reply"
    DOWN = "down"
    DELAY = "delay"


@dataclass(slots=True)
class Fault:
    """One fault of an order.

    Attributes:
        method: the name of the rpc; empty for every rpc of the service.
        kind: what goes wrong.
        lasting: of a service that is down, for how long; of a delay, how long it is.
        happened: how often it has happened.
        until: of a service that is down, when it is up again, in seconds of the clock; ``None`` before the first call.
    """

    method: str
    kind: Kind
    lasting: timedelta = timedelta()
    happened: int = 0
    until: float | None = None

    def strikes(self, now: float) -> bool:
        """Whether it happens to a call that comes now; if so, it is counted."""
        strikes = self._strikes(now)
        self.happened += strikes
        return strikes

    def _strikes(self, now: float) -> bool:
        match self.kind:
            case Kind.DOWN:
                if self.until is None:
                    self.until = now + self.lasting.total_seconds()
                return now < self.until
            case Kind.DELAY:
                return True
            case Kind.REFUSED | Kind.SLOW | Kind.LOST_REPLY:
                return not self.happened
            case other:
                assert_never(other)


@dataclass(frozen=True, slots=True)
class Mishap:
    """What goes wrong with one call.

    Attributes:
        kinds: the faults that happen to it.
        delay: how much later than usual it is answered.
    """

    kinds: frozenset[Kind] = frozenset()
    delay: timedelta = timedelta()

    def before(self) -> None:
        """On the way to the guard.

        Raises:
            Unavailable: nobody is there.
            Rejection: the call is refused.
        """
        if Kind.DOWN in self.kinds:
            raise Unavailable("nobody is there; it was planned so")
        if Kind.REFUSED in self.kinds:
            raise Rejection(REASON, "refused on purpose, as it was planned")

    def after(self) -> None:
        """On the way back, when the call took effect.

        Raises:
            Unavailable: the reply is lost.
        """
        if Kind.LOST_REPLY in self.kinds:
            raise Unavailable("the connection broke before the reply was read; it was planned so")


class PlannedFaults:
    """The faults of all orders at one service.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._of_orders: dict[str, list[Fault]] = {}

    def plan(self, order_id: str, faults: Iterable[Fault]) -> None:
        """Let this go wrong with an order, in the place of what was planned for it before."""
        self._of_orders.pop(order_id, None)
        if planned := list(faults):
            self._of_orders[order_id] = planned
        while len(self._of_orders) > _MOST_ORDERS:
            del self._of_orders[next(iter(self._of_orders))]

    def of(self, order_id: str) -> list[Fault]:
        """What is planned for an order; empty where nothing is."""
        return self._of_orders.get(order_id, [])

    def strike(self, order_id: str | None, method: str) -> Mishap | None:
        """What goes wrong with a call that comes now, which is counted; ``None`` for nothing."""
        planned = self._of_orders.get(order_id or "")
        if planned is None:
            return None
        happening = list(self._happening(planned, method))
        delay = sum((fault.lasting for fault in happening if fault.kind is Kind.DELAY), timedelta())
        return Mishap(frozenset(fault.kind for fault in happening), delay)

    def _happening(self, planned: Iterable[Fault], method: str) -> Iterator[Fault]:
        for fault in planned:
            if fault.method in {"", method} and fault.strikes(self._clock()):
                yield fault
