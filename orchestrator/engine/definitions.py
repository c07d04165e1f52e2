"""A saga definition with its stubs built over durable channels: made once, at start-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.engine.run.commands.durable_channel import DurableChannel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.bindings.binding import Bindings


@dataclass(frozen=True, slots=True)
class ServedSaga:
    """A definition that this process can run.

    Attributes:
        definition: the code and what its signature says.
        stubs: its dataclass of stubs, each over the durable channel.
        plan: what can be read from the code without running it.
        frozen: why the code of this one saga is not to be run: where it hung; empty for all others.
    """

    definition: SagaDefinition[Any, Any, Any]
    stubs: Any
    plan: Plan
    frozen: str = ""

    @classmethod
    def over(cls, definition: SagaDefinition[Any, Any, Any], plan: Plan, bindings: Bindings) -> ServedSaga:
        """Build the definition's stubs over one durable channel."""
        channel = DurableChannel(bindings)
        fields = {participant.field: participant.stub(channel) for participant in definition.participants}
        return cls(definition, definition.stubs(**fields), plan)


class ServedSagas:
    """The definitions that this process can run, by name and version."""

    def __init__(self, sagas: Iterable[ServedSaga]) -> None:
        self._sagas = {(saga.definition.name, saga.definition.version): saga for saga in sagas}

    def __iter__(self) -> Iterator[ServedSaga]:
        """All of them, by name and version."""
        return iter(self._sagas[key] for key in sorted(self._sagas))

    @property
    def versions(self) -> frozenset[tuple[str, int]]:
        """The name and the version of each."""
        return frozenset(self._sagas)

    def find(self, name: str, version: int) -> ServedSaga | None:
        """The definition of this name and version; version 0 stands for the newest."""
        if version:
            return self._sagas.get((name, version))
        newest = max((number for found, number in self._sagas if found == name), default=0)
        return self._sagas.get((name, newest))
