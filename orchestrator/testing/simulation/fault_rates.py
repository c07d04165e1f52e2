"""What can go wrong in one simulated world, and how often.

Every world has rates of its own, of which about half are 0: where everything goes wrong all the time, no saga comes far
enough to meet the rarer faults (swarm testing).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class FaultRates:
    """Shares lie between 0 and 1, of all calls or writes; rates are per virtual second.

    Attributes:
        lost: calls that never arrive.
        reset: connections that break on the way there; half of those that break on the way back, too.
        unanswered: calls that take effect, and whose answer is lost.
        late: calls that arrive long after their sender gave up.
        doubled: calls that arrive a second time.
        slow: calls that take seconds.
        intercepted: calls that never arrive, because a proxy, a mesh or a wrong backend answers.
        busy: calls that the participant puts off.
        refused: compensable commands and pivots that the participant refuses on every attempt.
        stubborn: what must succeed in the end, a compensation or a retryable command, refused for now.
        journal_refuses: transactions that fail, and write nothing.
        journal_forgets: transactions that are written, and whose acknowledgement is lost.
        journal_slow: transactions that take a second.
        journal_late: transactions whose connection breaks, and that are written seconds after that was told.
        journal_hangs: transactions that start a saga, and wait for a standby long after that was told as a failure.
        wakes_lost: wakes of which a replica never hears.
        wakes_late: wakes of which a replica hears seconds later.
        participant_crashes: how often a participant dies.
        replica_crashes: how often a replica dies.
        replica_stops: how often a replica is stopped in good order.
        replica_pauses: how often a replica stands still, and goes on later as if nothing had happened.
        skew: seconds by which the replicas' clocks differ.
        drift: the share by which their clocks run faster or slower than one another.
        operators: what operators do.
    """

    lost: float = 0.0
    reset: float = 0.0
    unanswered: float = 0.0
    late: float = 0.0
    doubled: float = 0.0
    slow: float = 0.0
    intercepted: float = 0.0
    busy: float = 0.0
    refused: float = 0.0
    refused_for_now: float = 0.0
    journal_refuses: float = 0.0
    journal_forgets: float = 0.0
    journal_slow: float = 0.0
    journal_late: float = 0.0
    journal_hangs: float = 0.0
    wakes_lost: float = 0.0
    wakes_late: float = 0.0
    participant_crashes: float = 0.0
    replica_crashes: float = 0.0
    replica_stops: float = 0.0
    replica_pauses: float = 0.0
    skew: float = 0.0
    drift: float = 0.0
    operators: float = 0.0

    @classmethod
    def draw(cls, random: Random) -> FaultRates:
        """The rates of one world."""
        return cls(
            **{name: random.random() * most if random.random() < _SHARE else 0.0 for name, most in _HIGHEST_BY_NAME}
        )


NO_FAULTS: Final = FaultRates()
"""Nothing goes wrong."""

_SHARE: Final = 0.5
_HIGHEST: Final = FaultRates(
    lost=0.15,
    reset=0.15,
    unanswered=0.25,
    late=0.15,
    doubled=0.2,
    slow=0.1,
    intercepted=0.08,
    busy=0.15,
    refused=0.15,
    refused_for_now=0.1,
    journal_refuses=0.08,
    journal_forgets=0.08,
    journal_slow=0.1,
    journal_late=0.05,
    journal_hangs=0.2,
    wakes_lost=0.8,
    wakes_late=0.5,
    participant_crashes=0.08,
    replica_crashes=0.25,
    replica_stops=0.1,
    replica_pauses=0.25,
    skew=30.0,
    drift=0.2,
    operators=1.5,
)
_HIGHEST_BY_NAME: Final = tuple((field.name, getattr(_HIGHEST, field.name)) for field in fields(FaultRates))
