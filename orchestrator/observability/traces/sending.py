"""Hands spans to the collector, from a thread of its own.

Purpose: the event loop appends to a queue and goes on; the thread sends what it finds there, in batches. Invariant:
the queue is bounded, and no saga ever waits for the collector: a span that finds no room, or is refused, is counted and
dropped, and the log says so once.

::

    add() ──▶ queue ──batch full, or the delay over──▶ exporter ──▶ collector
                │ full                                     │ refused, or away
                └────────────────▶ lost ◀──────────────────┘

The SDK's own batch processor would delay the end of the process by half a minute where the collector is away, and would
log every dropped span from the thread that adds.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_log = logging.getLogger(__name__)

_AFTERWORD_SECONDS = 1.0


class Exporter(Protocol):
    """The way to the collector."""

    def send(self, spans: Sequence[bytes]) -> str:
        """Deliver serialized spans, with retries; return why that failed, or an empty text.

        It may block for seconds, and raises nothing.
        """

    def shut(self) -> None:
        """Give up whatever is under way."""


class Limits(NamedTuple):
    """How spans are held back.

    Attributes:
        queue: how many spans may wait.
        batch: how many of them are sent at once.
        delay: seconds after which fewer are sent too.
    """

    queue: int = 16_384
    batch: int = 512
    delay: float = 5.0

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Limits:
        """The limits in the ``OTEL_BSP_*`` variables. The queue is larger than the SDK's: sagas start in bursts.

        Raises:
            SettingsError: one of them is not a positive whole number.
        """
        queue = _positive(environ, "OTEL_BSP_MAX_QUEUE_SIZE", cls().queue)
        batch = _positive(environ, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", min(cls().batch, queue))
        delay = _positive(environ, "OTEL_BSP_SCHEDULE_DELAY", int(cls().delay * 1000))
        return cls(queue, batch, delay / 1000)


def _positive(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "").strip() or str(default)
    if not text.isdecimal() or int(text) == 0:
        raise SettingsError(f"{name} must be a positive whole number, not {text!r}")
    return int(text)


class SpanSender:
    """Sends spans in batches. Its thread runs from the construction to :meth:`close`."""

    def __init__(self, exporter: Exporter, limits: Limits) -> None:
        self._exporter = exporter
        self._limits = limits
        self._queue: deque[bytes] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._taken = self._handled = 0
        self._asked: deque[tuple[int, Callable[[], None]]] = deque()
        # Two counters, because two threads count.
        self._found_no_room = 0
        self._refused = 0
        self._told = 0
        self._losing = False
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """How many spans were dropped so far."""
        return self._found_no_room + self._refused

    def add(self, spans: Sequence[bytes]) -> None:
        """Take spans, if there is room. Never blocks."""
        waiting = len(self._queue)
        if self._closing or waiting + len(spans) > self._limits.queue:
            self._found_no_room += len(spans)
            return
        self._queue.extend(spans)
        self._taken += len(spans)
        if waiting + len(spans) >= self._limits.batch and not self._wake.is_set():
            self._wake.set()

    def send_now(self, done: Callable[[], None]) -> None:
        """Send what waits without a delay, then call ``done`` from the sender's thread: all has arrived, or is lost.

        After :meth:`close` it is called at once.
        """
        if self._closing:
            return done()
        self._asked.append((self._taken, done))
        return self._wake.set()

    def close(self, seconds: float) -> bool:
        """Send the waiting spans, for up to so many seconds, and end the thread; whether all arrived. Blocks."""
        lost = self.lost
        if self._closing:
            return True
        self._closing = True
        self._wake.set()
        self._thread.join(seconds)
        self._exporter.shut()
        self._thread.join(_AFTERWORD_SECONDS)
        self._refused += len(self._queue)
        self._queue.clear()
        if self.lost:
            _log.warning("%d spans did not reach the collector", self.lost)
        return self.lost == lost

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(self._limits.delay)
            self._wake.clear()
            self._answer()
            while self._queue:
                delivered = self._send_batch()
                self._answer()
                if self._closing and not delivered:
                    return

    def _answer(self) -> None:
        """Tell those whose spans are no longer held back."""
        while self._asked and self._asked[0][0] <= self._handled:
            self._asked.popleft()[1]()

    def _send_batch(self) -> bool:
        queue = self._queue
        batch = [queue.popleft() for _ in range(min(self._limits.batch, len(queue)))]
        problem = self._exporter.send(batch)
        self._handled += len(batch)
        if problem:
            self._refused += len(batch)
        self._report(problem)
        return not problem

    def _report(self, problem: str) -> None:
        """Log when the loss of spans begins, and when it ends."""
        lost = self.lost
        losing, self._told = lost > self._told, lost
        if losing and not self._losing:
            _log.warning("spans are being lost: %s", problem or "there are more than can be sent")
        elif self._losing and not losing:
            _log.warning("spans reach the collector again; %d were lost so far", lost)
        self._losing = losing
