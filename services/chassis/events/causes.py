"""What an event is published for: it decides the event's id, and which trace the event belongs to.

The business of a call runs in a worker thread, and may run more than once there; each run begins a cause anew, so the
n-th event of a call has the same id in every run, at every attempt of the call.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final
from uuid import uuid4

from services.chassis.timestamps import Clock, utc_now

_ID_BYTES: Final = 16


def _nobody_listens() -> None:
    """There is no relay in this process."""


@dataclass(slots=True)
class Cause:
    """What is being done when an event is published.

    Attributes:
        source: who does it: the full name of the service.
        key: the idempotency key of the call, or what is as unique and as stable; ``None`` where there is none.
        traceparent: its span; may be empty.
        clock: the time.
        wake: is called, in any thread, once the event is committed.
    """

    source: str
    key: str | None = None
    traceparent: str = ""
    clock: Clock = utc_now
    wake: Callable[[], None] = _nobody_listens
    _published: int = field(default=0, init=False)

    def for_(self, key: str | None, traceparent: str) -> "Cause":
        """The same service, doing something else."""
        return replace(self, key=key, traceparent=traceparent)

    def next_id(self) -> str:
        """The id of the next event: 32 hexadecimal digits."""
        self._published += 1
        if self.key is None:
            return uuid4().hex
        return blake2b(f"{self.source}\n{self.key}\n{self._published}".encode(), digest_size=_ID_BYTES).hexdigest()


_current: Final[ContextVar[Cause]] = ContextVar("cause_of_events")


@contextmanager
def during(cause: Cause) -> Iterator[None]:
    """What is published in this block, and in this thread, is published for a new run of this cause."""
    token = _current.set(replace(cause))
    try:
        yield
    finally:
        _current.reset(token)


def current_cause() -> Cause:
    """What is being done now.

    Raises:
        LookupError: nothing that may publish.
    """
    return _current.get()
