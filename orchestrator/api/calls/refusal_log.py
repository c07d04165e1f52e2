"""The log of refused calls: who, what and why. It does not grow with what somebody who may do nothing sends."""

from __future__ import annotations

import logging
import time
from typing import Final

_log = logging.getLogger(__name__)

_MOST_A_SECOND: Final = 10


class RefusalLog:
    """Tells of up to 10 refusals in a second one by one, and of the others how many they were."""

    def __init__(self) -> None:
        self._began = float("-inf")
        self._told = 0

    def tell(self, path: str, who: str, error: Exception) -> None:
        """Log that a call was refused.

        Args:
            path: of the method.
            who: called.
            error: why it was refused; it quotes no credentials.
        """
        now = time.monotonic()
        if now - self._began > 1:
            if (unsaid := self._told - _MOST_A_SECOND) > 0:
                _log.warning("%d further calls were refused in one second", unsaid)
            self._began, self._told = now, 0
        self._told += 1
        if self._told <= _MOST_A_SECOND:
            _log.warning("%s is refused to %s: %s", path, who, error)
