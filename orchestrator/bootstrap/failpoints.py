"""Failpoints that kill the process: armed by a setting, for tests of what a crash leaves."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.engine.run import failpoints
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def arm_failpoints(wanted: Iterable[str]) -> None:
    """Kill the process where it reaches one of these.

    Args:
        wanted: each the name of a failpoint, and after a colon at which time it kills, if not at the first.

    Raises:
        SettingsError: there is none of that name.
    """
    for each in wanted:
        name, _, number = each.partition(":")
        try:
            failpoints.arm(name, _kill_at(int(number or 1)))
        except ValueError as error:
            raise SettingsError(f"ORCHESTRATOR_FAILPOINTS: {error}") from None


def _kill_at(number: int) -> Callable[[str], None]:
    reached: Counter[str] = Counter()

    def kill(_key: str) -> None:
        reached["times"] += 1
        if reached["times"] == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return kill
