"""The rows of the matrix: the commands of a saga, as a run without any fault has shown them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.plan.nodes import Issue, Try, walk
from orchestrator.contract.command import Effect
from orchestrator.contract.derivation import Derivation
from orchestrator.journal.entries import CommandCompleted, CommandIntended

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.contract.command import Command
    from orchestrator.journal.entries import Entry
    from orchestrator.testing.matrix.saga_under_test import SagaUnderTest
    from orchestrator.testing.matrix.scenario_run import Observations


@dataclass(frozen=True, slots=True)
class Subject:
    """One command of a saga, and what decides how a fault of it may end.

    Attributes:
        key: its key within the saga.
        command: what is sent.
        best_effort: the saga goes on without it.
        past_pivot: it follows the point of no return.
        caught: the saga's code handles its failure.
        commits_next: once it is answered, the saga goes over its pivot, or to its end, without another command.
        last_compensable: the key of the last compensable command of the saga; empty where there is none.
    """

    key: str
    command: Command
    best_effort: bool
    past_pivot: bool
    caught: bool
    commits_next: bool
    last_compensable: str

    @property
    def effect(self) -> Effect:
        """What it does to the world."""
        return self.command.effect

    @property
    def is_query(self) -> bool:
        """It does nothing to the world."""
        return self.effect is Effect.QUERY

    @property
    def compensation(self) -> Command | None:
        """What undoes it, where a rollback would."""
        return self.command.compensation if self.effect is Effect.COMPENSABLE else None

    @property
    def cannot_go_back(self) -> bool:
        """A cancel comes too late for it."""
        return self.past_pivot or self.effect is Effect.PIVOT

    @property
    def needs_answer(self) -> bool:
        """Its compensation cannot be made where its answer was lost."""
        return self.compensation is not None and bool(Derivation.of(self.command, self.compensation).indispensable)


def subjects_of(saga_under_test: SagaUnderTest, observations: Observations) -> tuple[Subject, ...]:
    """The commands that the saga has sent, in the order of their intents.

    Args:
        saga_under_test: the saga.
        observations: of a run without any fault.
    """
    known = {**saga_under_test.definition.commands} | {
        issue.command.name: issue.command for issue in saga_under_test.children
    }
    caught = _caught(saga_under_test.plan)
    states = list(observations.state.commands.values())
    compensable = [state.key for state in states if state.effect is Effect.COMPENSABLE]
    pivot = next((number for number, state in enumerate(states) if state.effect is Effect.PIVOT), len(states))
    return tuple(
        Subject(
            key=state.key,
            command=known[state.method],
            best_effort=state.best_effort,
            past_pivot=number > pivot,
            caught=state.method in caught,
            commits_next=_commits_next(state.key, observations.entries),
            last_compensable=compensable[-1] if compensable else "",
        )
        for number, state in enumerate(states)
        if state.method in known
    )


def unreached(saga_under_test: SagaUnderTest, subjects: Sequence[Subject]) -> tuple[str, ...]:
    """The commands of the plan, by their short names, that the saga has not sent."""
    sent = {subject.command.name for subject in subjects}
    steps = saga_under_test.plan.steps()
    return tuple(dict.fromkeys(step.command.short_name for step in steps if step.command.name not in sent))


def _caught(plan: Plan) -> frozenset[str]:
    """The full names of the commands around which the code has a ``try`` with handlers."""
    guarded = [node.body for node in walk(plan.root) if isinstance(node, Try) and node.handlers]
    return frozenset(node.command.name for body in guarded for node in walk(body) if isinstance(node, Issue))


def _commits_next(key: str, entries: Sequence[Entry]) -> bool:
    numbers = [number for number, each in enumerate(entries) if isinstance(each, CommandCompleted) and each.key == key]
    following = (each for each in entries[numbers[0] :] if isinstance(each, CommandIntended)) if numbers else iter(())
    intended = next(following, None)
    return intended is None or intended.effect is Effect.PIVOT
