"""When the next attempt is due. Pure: chance comes in as a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.contract.command import RetryPolicy


def delay_before(retry: RetryPolicy, attempt: int, draw: float, retry_after: float = 0.0) -> float:
    """Seconds to wait before this attempt: exponential backoff with full jitter.

    Args:
        retry: the contract's policy.
        attempt: the attempt that is to come, from 2.
        draw: evenly drawn from [0, 1).
        retry_after: seconds for which the participant asked to be left alone; a lower bound.
    """
    cap = retry.cap.total_seconds()
    try:
        bound = min(cap, retry.first_delay.total_seconds() * retry.factor ** (attempt - 2))
    except OverflowError:
        bound = cap
    return max(retry_after, bound * draw)
