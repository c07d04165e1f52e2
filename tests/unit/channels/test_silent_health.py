"""The silence of a participant's health is believed at first, and doubted now and then."""

from __future__ import annotations

from itertools import pairwise

from orchestrator.channels.silent_health import FIRST_DOUBT_SECONDS, LONGEST_DOUBT_SECONDS, SilentHealth


def doubts(silence: SilentHealth, service: str, since: int, seconds: int) -> list[int]:
    """At which seconds a service is tried, if its health is asked for each second."""
    return [at for at in range(since, since + seconds) if silence.is_doubted(service, at)]


def test_silence_is_doubted_at_growing_distances() -> None:
    tried = doubts(SilentHealth(), "a.v1.A", 0, 3600)

    assert tried[:5] == [5, 15, 35, 75, 155]
    assert tried[0] == FIRST_DOUBT_SECONDS
    assert {later - earlier for earlier, later in pairwise(tried[6:])} == {LONGEST_DOUBT_SECONDS}


def test_silence_begins_anew_after_an_answer_and_for_each_service() -> None:
    silence = SilentHealth()
    assert doubts(silence, "a.v1.A", 0, 100) == [5, 15, 35, 75]
    assert doubts(silence, "b.v1.B", 100, 10) == [105]

    silence.end("a.v1.A")

    assert doubts(silence, "a.v1.A", 200, 10) == [205]
