"""What this engine does not have says so when it is asked for, and what to do instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from orchestrator.errors import NotOffered
from orchestrator.ports.readings import ParticipantReading, Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.engine.temporal.sagas import TemporalSagas
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.outbox import DeadLetter, KeptEvent, SinkAct, SinkRecord


def _no_outbox() -> NoReturn:
    raise NotOffered(
        "this engine keeps no events once they are told: each saga's workflow tells them until they are taken; its "
        "pending activity says what is not, and why"
    )


class NoEvents:
    """What people ask of the outbox, of an engine without one: each workflow tells its events, and then keeps none."""

    async def sinks(self) -> list[SinkRecord]:
        """There is none."""
        return []

    async def events(
        self,
        after: int,  # noqa: ARG002 - the port's
        limit: int,  # noqa: ARG002 - likewise
        saga_id: str = "",  # noqa: ARG002 - likewise
        until: int | None = None,  # noqa: ARG002 - likewise
    ) -> list[KeptEvent]:
        """There is none."""
        return []

    async def position_at(self, instant: int) -> int:  # noqa: ARG002 - the port's
        """Before all others, since there is none."""
        return 0

    async def dead_letters(self, sink: str, after: int, limit: int) -> list[DeadLetter]:  # noqa: ARG002 - the port's
        """There is none."""
        return []

    async def sink_acts(self, sink: str, limit: int) -> list[SinkAct]:  # noqa: ARG002 - the port's
        """There is none."""
        return []

    async def note_sink_act(self, sink: str, act: str, requested_by: str) -> None:  # noqa: ARG002 - the port's
        """Not offered."""
        _no_outbox()

    async def replay(self, sink: str, position: int) -> bool:  # noqa: ARG002 - the port's
        """Not offered."""
        _no_outbox()

    async def retry_dead_letters(self, sink: str, positions: Sequence[int]) -> int:  # noqa: ARG002 - the port's
        """Not offered."""
        _no_outbox()

    async def forget_sink(self, sink: str) -> bool:  # noqa: ARG002 - the port's
        """Not offered."""
        _no_outbox()


class ProcessReadings:
    """What those who measure can read of one worker process; see the port. The cluster has metrics of its own."""

    def __init__(self, sagas: TemporalSagas, clock: Clock) -> None:
        self._sagas = sagas
        self._clock = clock

    @property
    def definitions(self) -> Sequence[str]:
        """See the port."""
        return sorted({served.definition.name for served in self._sagas.served()})

    async def read(self) -> Reading:
        """See the port."""
        participants = [ParticipantReading(*each[:4]) for each in self._sagas.participants()]
        nothing: dict[str, Any] = dict.fromkeys(self.definitions, 0)
        return Reading(self._clock.now(), nothing, 0, 0, participants, None, None, None, None)
