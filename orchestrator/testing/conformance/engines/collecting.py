"""How a module of the suite says which scenarios it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.testing.conformance.engines.harness import Mark, Scenario, Stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Run = Callable[[Stage], Awaitable[None]]


class Scenarios:
    """The scenarios of one module, in their order.

    Args:
        with_sink: there is somebody to whom events are told.

    Attributes:
        all: of them.
    """

    def __init__(self, *, with_sink: bool = False) -> None:
        self.all: list[Scenario] = []
        self._with_sink = with_sink

    def __call__(self, *needs: Mark) -> Callable[[Run], Run]:
        """A decorator: this function is a scenario, and needs this of an engine."""

        def add(run: Run) -> Run:
            self.all.append(Scenario(run.__name__.replace("_", " "), run, frozenset(needs), self._with_sink))
            return run

        return add
