"""A stage on which sagas are children of one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.plan.reader import read_plan
from orchestrator.engine.bindings.bindings import Bindings
from orchestrator.engine.bindings.circuit_breaker import CircuitBreaker
from orchestrator.engine.definitions import ServedSaga, ServedSagas
from orchestrator.engine.replica.children import add_children
from orchestrator.engine.replica.worker import Adapters, Worker
from tests.unit.engine.stage import Line, Process, Stage

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal
    from tests.unit.engine.stage import Definition


class Family(Stage):
    """A stage on which every saga may be a child of another."""

    def process(self, *definitions: Definition) -> Process:
        definitions = definitions or self.definitions
        line = Line(self.journal, self.participants)
        bindings = Bindings([definition.participants for definition in definitions], line, self.clock)
        served = ServedSagas(ServedSaga.over(d, read_plan(d), bindings) for d in definitions)
        journal: Journal = line  # type: ignore[assignment]  # it answers for the rest through __getattr__
        adapters = Adapters(journal, self.witness, self.clock, lambda: 0.5)
        worker = Worker(served, bindings, adapters, owner=f"replica-{next(self._owners)}", lease=60.0)
        add_children(worker, CircuitBreaker(self.clock, _serving, 512))
        self.processes.append(Process(worker, line))
        return self.processes[-1]


async def _serving() -> bool:
    return True
