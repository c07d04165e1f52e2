"""The replica that is read when somebody asks for metrics."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import TimeoutError as TooLate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orchestrator.ports.readings import Reading, Readings

_log = logging.getLogger(__name__)

_READING_SECONDS: Final = 2.0


class Measured:
    """The replica, as soon as there is one. It is read on its own loop, and never waited for for long."""

    def __init__(self) -> None:
        self._readings: Readings | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, readings: Readings) -> None:
        """This is the replica; it runs on the running loop."""
        self._readings = readings
        self._loop = asyncio.get_running_loop()

    def end(self) -> None:
        """It is read no more."""
        self._readings = None

    def read(self) -> Reading | None:
        """The replica as it is now, for another thread than that of its loop; ``None`` where it does not answer."""
        readings, loop = self._readings, self._loop
        if readings is None or loop is None or loop.is_closed():
            return None
        reading = asyncio.run_coroutine_threadsafe(readings.read(), loop)
        try:
            return reading.result(_READING_SECONDS)
        except TooLate:
            reading.cancel()
            _log.debug("the replica has not been read within %g s: its figures are left out", _READING_SECONDS)
        except Exception:  # noqa: BLE001 - a caller who asks for figures is not to be disturbed by them
            _log.exception("the replica cannot be read: its figures are left out")
        return None
