"""How slow and how faulty a mock is: shares drawn by a seed, so that a run can be repeated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from orchestrator.contract.command import Effect
from orchestrator.testing.mock.faults import Fault

if TYPE_CHECKING:
    from orchestrator.contract.command import Command

_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s)")
_SECONDS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_SHARE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(%?)")
# Only these may be refused: a compensation, and what comes after the pivot, must succeed in the end.
_REJECTABLE: Final = frozenset({Effect.COMPENSABLE, Effect.PIVOT})


@dataclass(frozen=True, slots=True)
class Dials:
    """The settings of a mock's faults. A share, from 0 to 1, is that of the calls that can have the fault.

    Attributes:
        latency: the least and the greatest delay of a call before anything is done, in seconds; evenly drawn.
        reject: the share of compensable commands and pivots that are refused.
        lose_reply: the share of calls that take effect and whose answer is lost.
        unavailable: the share of calls that do not arrive.
        seed: the same seed draws the same faults for the same calls in the same order.

    Raises:
        ValueError: the shares make more than a whole, or a span is empty.
    """

    latency: tuple[float, float] = (0.0, 0.0)
    reject: float = 0.0
    lose_reply: float = 0.0
    unavailable: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        shares = (self.reject, self.lose_reply, self.unavailable)
        if min(shares) < 0 or sum(shares) > 1:
            raise ValueError("the shares of rejected, lost and unavailable calls must lie between 0 and 1 in all")
        if not 0 <= self.latency[0] <= self.latency[1]:
            raise ValueError("the least latency must not be more than the greatest")


class Troubles:
    """Draws faults and delays, call by call, as the dials say."""

    def __init__(self, dials: Dials) -> None:
        self._dials = dials
        self._random = Random(dials.seed)  # noqa: S311 - no secret

    def draw(self, command: Command) -> tuple[Fault, float]:
        """The fault and the delay, in seconds, of the next call."""
        dials, drawn = self._dials, self._random.random()
        delay = self._random.uniform(*dials.latency)
        for share, fault in (
            (dials.unavailable, Fault.FAIL_BEFORE),
            (dials.lose_reply, Fault.FAIL_AFTER),
            (dials.reject if command.effect in _REJECTABLE else 0.0, Fault.REJECT),
        ):
            if drawn < share:
                return fault, delay
            drawn -= share
        return Fault.NONE, delay


def read_latency(text: str) -> tuple[float, float]:
    """Seconds from a span such as ``20ms``, or from a range such as ``5ms-50ms``.

    Raises:
        ValueError: it is neither.
    """
    matches = [_SPAN.fullmatch(part.strip()) for part in text.split("-")]
    spans = [float(match[1]) * _SECONDS[match[2]] for match in matches if match]
    if len(spans) != len(matches) or len(spans) not in {1, 2} or spans[0] > spans[-1]:
        raise ValueError(f"{text!r} is no latency; write 20ms, or 5ms-50ms for a range")
    return spans[0], spans[-1]


def read_share(text: str) -> float:
    """A number between 0 and 1 from ``1%`` or ``0.01``.

    Raises:
        ValueError: it is neither.
    """
    match = _SHARE.fullmatch(text.strip())
    share = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"{text!r} is no share; write 1% or 0.01")
    return share
