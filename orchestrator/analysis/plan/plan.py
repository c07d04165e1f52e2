"""The static plan of a saga: which commands its code issues, in which order and under which conditions.

It is a tree of :mod:`~orchestrator.analysis.plan.nodes`, which :mod:`orchestrator.analysis.plan.reader` reads from the
source without running it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from orchestrator.analysis.plan.nodes import (
    Branch,
    Issue,
    Loop,
    Node,
    Sequence,
    Try,
    Unread,
    Wait,
    children,
    leaves_early,
    walk,
)
from orchestrator.analysis.plan.order import PlanOrder, order_of
from orchestrator.contract.command import Effect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.message import Message

    from orchestrator.contract.command import Command


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A command as it stands in the plan.

    Attributes:
        command: what is issued.
        conditional: some paths that complete the saga do without it.
        repeated: it may be issued more than once.
        best_effort: the saga goes on without it.
        line: of the call, counted from 1.
    """

    command: Command
    conditional: bool
    repeated: bool
    best_effort: bool
    line: int


@dataclass(frozen=True, slots=True)
class CodeFault:
    """A mistake in how the code is written, on any path that leads there.

    Attributes:
        rule: the rule's stable name.
        message: what is wrong and what to write instead.
        line: counted from 1.
        command: the command that it is about; None where it is about none.
    """

    rule: str
    message: str
    line: int
    command: Command | None = None


@dataclass(frozen=True, slots=True)
class PlannedSignal:
    """A signal for which the code asks.

    Attributes:
        message: the generated class of its message.
        asked: how often the code asks for it at most; ``None`` where that cannot be told.
    """

    message: type[Message]
    asked: int | None


@dataclass(frozen=True, slots=True, order=True)
class PlannedEvent:
    """An event that the code publishes.

    Attributes:
        type: the full name of its message.
        line: of the call, counted from 1.
        at_once: it is told although the saga may still roll back.
    """

    type: str
    line: int
    at_once: bool


@dataclass(frozen=True)
class Plan:
    """The plan of one saga definition.

    Attributes:
        name: the saga's.
        version: the saga's.
        file: the Python file of its code.
        root: what its function does.
        faults: what is wrong with how it is written.
        events: what it publishes, in the order of the code, as far as that can be told.
    """

    name: str
    version: int
    file: str
    root: Sequence
    faults: tuple[CodeFault, ...] = ()
    events: tuple[PlannedEvent, ...] = ()

    @property
    def pivot(self) -> PlannedStep | None:
        """The first pivot, or None: then the saga can be rolled back until it has completed."""
        return next((step for step in self.steps() if step.command.effect is Effect.PIVOT), None)

    def steps(self) -> tuple[PlannedStep, ...]:
        """Every command in the order in which the code names it."""
        return self._all_steps

    @cached_property
    def _all_steps(self) -> tuple[PlannedStep, ...]:
        return tuple(_steps(self.root, conditional=False, repeated=False))

    @cached_property
    def order(self) -> PlanOrder:
        """Which of the steps may come after which."""
        return order_of(self.root)

    @cached_property
    def signals(self) -> Mapping[str, PlannedSignal]:
        """The signals for which the code asks, by name."""
        found: dict[str, PlannedSignal] = {}
        for wait, repeated in _waits(self.root, repeated=False):
            if wait.message is None:
                continue
            known = found.get(wait.signal)
            before = 0 if known is None else known.asked
            asked = None if repeated or before is None else before + 1
            found[wait.signal] = PlannedSignal(wait.message, asked)
        return found

    def signal_type(self, name: str) -> type[Message] | None:
        """The generated class of a signal's message, where the code asks for a signal of this name."""
        planned = self.signals.get(name)
        return None if planned is None else planned.message

    def unread(self) -> tuple[Unread, ...]:
        """The places at which the plan may be incomplete."""
        return tuple(node for node in walk(self.root) if isinstance(node, Unread))


def _steps(node: Node, *, conditional: bool, repeated: bool) -> Iterator[PlannedStep]:
    if isinstance(node, Issue):
        yield PlannedStep(node.command, conditional, repeated, node.best_effort, node.line)
    for child, skippable in _skippable(node):
        yield from _steps(child, conditional=conditional or skippable, repeated=repeated or isinstance(node, Loop))


def _waits(node: Node, *, repeated: bool) -> Iterator[tuple[Wait, bool]]:
    """The waits in a node, and whether each may begin more than once."""
    if isinstance(node, Wait):
        yield node, repeated
    for child in children(node):
        yield from _waits(child, repeated=repeated or isinstance(node, Loop))


def _skippable(node: Node) -> Iterator[tuple[Node, bool]]:
    """The nodes right beneath a node, and whether some path through the node does without each."""
    match node:
        case Sequence(nodes):
            skippable = False
            for each in nodes:
                yield each, skippable
                skippable = skippable or leaves_early(each)
        case Try():
            yield node.body, False
            yield from ((handler.body, True) for handler in node.handlers)
            yield node.otherwise, bool(node.handlers) or leaves_early(node.body)
            yield node.finally_, False
        case _:
            yield from ((child, isinstance(node, Branch | Loop)) for child in children(node))
