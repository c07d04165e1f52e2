r"""The circuit breaker in front of one participant: whether it should be called at all.

Purpose: a participant that is down delays sagas and is not hammered by them. Invariant: while the circuit is open no
call is admitted but one trial.

::

    closed ──n calls in a row found nobody there──▶ open ──the participant's health says SERVING──▶ closed
                                                     │  ▲
                   it offers no health service, or   │  │ the trial found nobody there
                   health cannot tell: one trial     ▼  │
                                                  half-open ──the trial was answered──▶ closed

How many calls it takes while it is closed, the :mod:`~orchestrator.engine.bindings.concurrency_limit` says; once it
has closed, these are few at first (:mod:`~orchestrator.engine.bindings.gradual_return`).
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from orchestrator.engine.bindings.concurrency_limit import ConcurrencyLimit
from orchestrator.engine.bindings.gradual_return import GradualReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.engine.bindings.rate_limit import RateLimit
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.quotas import Rate

_log = logging.getLogger(__name__)

FAILURES_TO_OPEN: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 2.0


class HealthCheck(Protocol):
    """Asks a participant whether it serves."""

    async def __call__(self) -> bool | None:
        """True where it does, False where it does not; ``None`` where it offers no health service."""


class CircuitBreaker:
    """Admits calls to one participant.

    Args:
        clock: how pauses pass.
        check: asks whether the participant serves.
        most_in_flight: calls that may be in flight at once.
        name: of the participant, for the log: the full name of its service.
        rate_limit: how often it may be called, by all replicas together; ``None`` for as often as one likes.

    Attributes:
        try_enter: admits a call now, if that may be.
        enter: waits until a call is admitted. Each call that was admitted calls :meth:`leave` once.
        is_open: the circuit is open: the participant is believed to be down.
        down_since: since when, nanoseconds since the epoch, UTC; 0 while the circuit is closed.
        next_check_at: when it is asked for its health again, likewise.
        on_return: is called when the participant, believed to be down, is back.
    """

    __slots__ = (
        "_check",
        "_clock",
        "_failures",
        "_limit",
        "_name",
        "_prober",
        "_rate_limit",
        "_return",
        "_trial",
        "down_since",
        "enter",
        "is_open",
        "next_check_at",
        "on_return",
        "try_enter",
    )

    def __init__(
        self,
        clock: Clock,
        check: HealthCheck,
        most_in_flight: int,
        name: str = "",
        rate_limit: RateLimit | None = None,
    ) -> None:
        self._name = name
        self._clock = clock
        self._check = check
        self._failures = 0
        self._trial = False
        self._limit = ConcurrencyLimit(most_in_flight)
        self._return = GradualReturn(clock, self._limit, most_in_flight)
        # Its own methods, and not called from here: every command enters.
        self.try_enter = self._limit.try_enter
        self.enter = self._limit.enter
        self._rate_limit = rate_limit
        if rate_limit is not None:
            self.try_enter = partial(self._try_enter_at, rate_limit)
            self.enter = partial(self._enter_at, rate_limit)
        self._prober: asyncio.Task[None] | None = None
        self.is_open = False
        self.down_since = 0
        self.next_check_at = 0
        self.on_return: Callable[[], None] | None = None

    @property
    def in_flight(self) -> int:
        """Calls that are in flight."""
        return self._limit.in_flight - self._awaiting_instant

    @property
    def waiting(self) -> int:
        """How many calls wait to be admitted."""
        return self._limit.waiting + self._awaiting_instant

    @property
    def rate(self) -> Rate | None:
        """How often all replicas together may call; ``None`` for as often as they like."""
        return self._rate_limit.rate if self._rate_limit is not None else None

    @property
    def paced_until(self) -> int:
        """When the next of the calls that wait for the rate goes, nanoseconds since the epoch, UTC; 0 where unknown."""
        return self._rate_limit.next_at if self._rate_limit is not None and self._rate_limit.waiting else 0

    @property
    def is_paced(self) -> bool:
        """Calls wait because there may be only so many in a time."""
        return self._awaiting_instant > 0

    @property
    def _awaiting_instant(self) -> int:
        return self._rate_limit.waiting if self._rate_limit is not None else 0

    def leave(self, *, reached: bool) -> None:
        """A call has ended.

        Args:
            reached: the participant was there, whatever the answer.
        """
        if self._return.under_way:
            self._return.note(reached=reached)
        if reached:
            self._failures = 0
            if self._trial:
                self._close()
        else:
            self._failures += 1
            if self._trial:
                self._trial = False
                self._limit.make_room(0)
            if self._failures >= FAILURES_TO_OPEN and self._prober is None:
                self._open()
        self._limit.leave()

    def return_gradually(self) -> None:
        """Many sagas are about to call at once: admit few of their calls at first, and then more and more."""
        if not (self.is_open or self._return.under_way):
            self._return.begin()

    def shut(self) -> None:
        """Ask no more; the process ends."""
        self._return.shut()
        if self._rate_limit is not None:
            self._rate_limit.shut()
        if self._prober is not None:
            self._prober.cancel()

    def _try_enter_at(self, rate_limit: RateLimit) -> bool:
        if not self._limit.try_enter():
            return False
        if rate_limit.try_take():
            return True
        self._limit.leave()
        return False

    async def _enter_at(self, rate_limit: RateLimit) -> None:
        """A call takes its turn first, so that none takes an instant while the participant is down."""
        while True:
            await self._limit.enter()
            try:
                await rate_limit.take()
            except asyncio.CancelledError:
                self._limit.leave()
                raise
            if not self.is_open or self._trial:
                return
            self._limit.leave()

    async def _probe(self) -> None:
        """While the circuit is open, ask again and again, at growing distances."""
        pause = FIRST_PAUSE_SECONDS
        while self._prober is asyncio.current_task():
            self.next_check_at = self._clock.now() + int(pause * 1e9)
            await self._clock.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            serves = await self._check()
            if self._prober is not asyncio.current_task():
                return  # the trial was answered first: the circuit is closed, and stays so
            if serves:
                self._close()
            elif serves is None and not self._trial:
                self._trial = True
                self._limit.make_room(1)

    def _open(self) -> None:
        self.is_open = True
        self._return.end(0)
        self.down_since = self._clock.now()
        self._prober = asyncio.ensure_future(self._probe())
        _log.warning(
            "participant %s is down: %d calls in a row found nobody there; sagas wait until it is back",
            self._name,
            self._failures,
        )

    def _close(self) -> None:
        if self.is_open:
            seconds = max(0, self._clock.now() - self.down_since) / 1e9
            _log.warning("participant %s is back; it was down for %.1f s", self._name, seconds)
        self.is_open = False
        self.down_since = self.next_check_at = 0
        self._failures = 0
        self._trial = False
        self._prober = None
        self._return.begin()
        if self.on_return is not None:
            self.on_return()
