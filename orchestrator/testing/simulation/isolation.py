"""What keeps a world to itself: no garbage of others is collected in it, and its log does not leave it."""

from __future__ import annotations

import contextlib
import gc
import logging
import warnings
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ENGINE: Final = "orchestrator.engine"
_YOUNGEST: Final = 0


@contextlib.contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Within, no garbage is collected: when that happens, no seed can decide. It is collected at the end."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            # A world ends in the middle of things.
            warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
            yield
            gc.collect(_YOUNGEST)
    finally:
        if was_enabled:
            gc.enable()


class _LogCapture(logging.Handler):
    """Hands on what the engine calls critical."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__(logging.CRITICAL)
        self._note = note

    def emit(self, record: logging.LogRecord) -> None:
        """See the base class."""
        error = record.exc_info[1] if record.exc_info else None
        self._note(f"{record.getMessage()}: {error!r}")


@contextlib.contextmanager
def log_captured(note: Callable[[str], None]) -> Iterator[None]:
    """Within, what the engine logs as critical is noted, and its log goes nowhere else."""
    log = logging.getLogger(_ENGINE)
    before = log.level, log.propagate
    listener = _LogCapture(note)
    log.setLevel(logging.CRITICAL)
    log.propagate = False
    log.addHandler(listener)
    try:
        yield
    finally:
        log.removeHandler(listener)
        log.level, log.propagate = before
