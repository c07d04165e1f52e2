"""A stage on which sagas are children of one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.engine.replica.assemble import assemble
from orchestrator.ports.adapters import Adapters
from tests.unit.engine.stage import Line, Process, Stage

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal
    from tests.unit.engine.stage import Definition


class Family(Stage):
    """A stage on which every saga may be a child of another."""

    def process(self, *definitions: Definition) -> Process:
        definitions = definitions or self.definitions
        line = Line(self.journal, self.participants)
        journal: Journal = line  # type: ignore[assignment]  # it answers for the rest through __getattr__
        adapters = Adapters(journal, line, self.witness, self.clock, lambda: 0.5)
        worker = assemble(definitions, adapters, owner=f"replica-{next(self._owners)}", lease=60.0).worker
        self.processes.append(Process(worker, line))
        return self.processes[-1]
