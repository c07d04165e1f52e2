"""The place in the code that a plan's reader has reached: the meaning of names there, and what is around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from orchestrator.analysis.plan.names import Names, Place
    from orchestrator.analysis.plan.plan import CodeFault, PlannedEvent
    from orchestrator.definition.saga import SagaDefinition


@dataclass(frozen=True, slots=True)
class Frame:
    """The place that the reader has reached.

    Attributes:
        names: the meaning of names.
        module: the name of the module that is read.
        scope: the scopes around.
        best_effort: within ``best_effort(...)``.
        limited: within ``timeout(...)``.
        calls: the functions being read, the outermost first.
        sagas: the sagas being read, each a child of the one before.
        used: the names that the function's code reads.
        signals: the class of the message of each signal that was read so far.
        faults: where the readers of one saga note what is wrong with how it is written.
        events: where they note what it publishes.
    """

    names: Names
    module: str
    scope: str = ""
    best_effort: bool = False
    limited: bool = False
    calls: tuple[Place, ...] = ()
    sagas: tuple[SagaDefinition[Any, Any, Any], ...] = ()
    used: frozenset[str] = frozenset()
    signals: dict[str, type[Message]] = field(default_factory=dict)
    events: list[PlannedEvent] = field(default_factory=list)
    faults: list[CodeFault] = field(default_factory=list)
