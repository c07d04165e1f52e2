"""What stands behind the ports of one replica."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from orchestrator.ports.channel import Participants
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.journal import Journal
    from orchestrator.ports.observer import Observer
    from orchestrator.ports.queued import Answers
    from orchestrator.ports.random import RandomSource


class Adapters(NamedTuple):
    """One adapter for each port."""

    journal: Journal
    participants: Participants
    observer: Observer
    clock: Clock
    random_source: RandomSource
    answers: Answers | None = None
