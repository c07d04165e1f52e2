"""When the next attempt is due."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.command import RetryPolicy
from orchestrator.engine.run.sending.retry import delay_before

RETRY = RetryPolicy(attempts=4, first_delay=timedelta(milliseconds=100), factor=2.0, cap=timedelta(seconds=1))
DRAWS = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("attempt", "bound"), [(2, 0.1), (3, 0.2), (4, 0.4), (5, 0.8), (6, 1.0), (7, 1.0), (9999, 1.0)]
)
def test_the_bound_grows_by_the_factor_up_to_the_cap(attempt: int, bound: float) -> None:
    assert delay_before(RETRY, attempt, 1.0) == pytest.approx(bound)
    assert delay_before(RETRY, attempt, 0.5) == pytest.approx(bound / 2)
    assert delay_before(RETRY, attempt, 0.0) == 0.0


@given(attempt=st.integers(2, 100_000), draw=DRAWS)
def test_jitter_is_full_between_nothing_and_the_bound(attempt: int, draw: float) -> None:
    bound = min(1.0, 0.1 * 2.0 ** min(attempt - 2, 60))

    assert delay_before(RETRY, attempt, draw) == pytest.approx(bound * draw)


@given(attempt=st.integers(2, 50), draw=DRAWS, retry_after=st.floats(0, 60))
def test_a_participant_that_asks_to_be_left_alone_is(attempt: int, draw: float, retry_after: float) -> None:
    delay = delay_before(RETRY, attempt, draw, retry_after)

    assert delay >= retry_after
    assert delay == max(retry_after, delay_before(RETRY, attempt, draw))
