"""The static plan of a saga: which commands its code issues, in which order and under which conditions.

::

    Plan ─ Sequence ─┬─ Issue        a command, or a child saga
                     ├─ Branch       one of several ways: if, match, `x if y else z`, `and`, `or`
                     ├─ Try          a body, the handlers of its errors, what follows in any case
                     ├─ Loop         for, while, comprehensions: any number of times
                     ├─ Parallel     side by side: asyncio.gather, TaskGroup
                     ├─ Call         another function, read where it is called
                     ├─ Leave        return, raise, break, continue
                     └─ Unread       stubs are used here in a way that cannot be read

:mod:`orchestrator.analysis.plan.reader` reads it from the source without running it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from orchestrator.contract.command import Effect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.analysis.plan.order import PlanOrder
    from orchestrator.contract.command import Command


@dataclass(frozen=True, slots=True)
class Issue:
    """A command that is issued here.

    Attributes:
        command: what is issued.
        line: of the call, counted from 1.
        best_effort: the saga goes on without it.
        scope: the scopes around it, such as ``item-{line.sku}``; empty outside any.
        child: the plan of the child saga that the command is, if it is one.
        circle: how the child leads back to a saga around it, as ``("sell v1", "fulfil v1", "sell v1")``.
    """

    command: Command
    line: int
    best_effort: bool = False
    scope: str = ""
    child: Plan | None = None
    circle: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    nodes: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Arm:
    """One of several ways, labelled as its code begins, such as ``if order.member``."""

    label: str
    body: Sequence
    line: int


@dataclass(frozen=True, slots=True)
class Branch:
    """Exactly one of the arms is gone; an arm may be empty."""

    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class Try:
    """The body; a handler where it fails; ``otherwise`` where it does not; ``finally_`` in any case."""

    body: Sequence
    handlers: tuple[Arm, ...]
    otherwise: Sequence
    finally_: Sequence
    line: int


@dataclass(frozen=True, slots=True)
class Loop:
    """Any number of times, none included; labelled as its code begins."""

    label: str
    body: Sequence
    line: int


@dataclass(frozen=True, slots=True)
class Parallel:
    """Side by side, in any interleaving; it ends when all have ended."""

    branches: tuple[Sequence, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function that receives stubs, read where it is called; a ``return`` in it leads back to here."""

    function: str
    body: Sequence
    line: int


class Way(enum.Enum):
    """How a path leaves where it is."""

    RETURN = "return"
    RAISE = "raise"
    BREAK = "break"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class Leave:
    """The path ends, or goes on elsewhere."""

    way: Way
    line: int


@dataclass(frozen=True, slots=True)
class Unread:
    """Here the saga may issue commands that the plan does not know of.

    Attributes:
        reason: what cannot be read, and what to write instead.
        line: where.
    """

    reason: str
    line: int


Node = Issue | Sequence | Branch | Try | Loop | Parallel | Call | Leave | Unread


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
class Fault:
    """What is wrong with how the code is written, whichever path leads there.

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


@dataclass(frozen=True)
class Plan:
    """The plan of one saga definition.

    Attributes:
        name: the saga's.
        version: the saga's.
        file: the Python file of its code.
        root: what its function does.
        faults: what is wrong with how it is written.
    """

    name: str
    version: int
    file: str
    root: Sequence
    faults: tuple[Fault, ...] = ()

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
        from orchestrator.analysis.plan.order import order_of  # noqa: PLC0415 - it reads what is declared here

        return order_of(self)

    def unread(self) -> tuple[Unread, ...]:
        """The places at which the plan may be incomplete."""
        return tuple(node for node in walk(self.root) if isinstance(node, Unread))


def walk(node: Node) -> Iterator[Node]:
    """The node and all beneath it, in the order of the code."""
    yield node
    for child in children(node):
        yield from walk(child)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right beneath a node, in the order of the code."""
    match node:
        case Sequence(nodes):
            return nodes
        case Branch(arms):
            return tuple(arm.body for arm in arms)
        case Try():
            return (node.body, *(handler.body for handler in node.handlers), node.otherwise, node.finally_)
        case Loop() | Call():
            return (node.body,)
        case Parallel(branches):
            return branches
        case Issue() | Leave() | Unread():
            return ()


def _steps(node: Node, *, conditional: bool, repeated: bool) -> Iterator[PlannedStep]:
    if isinstance(node, Issue):
        yield PlannedStep(node.command, conditional, repeated, node.best_effort, node.line)
    for child, skippable in _skippable(node):
        yield from _steps(child, conditional=conditional or skippable, repeated=repeated or isinstance(node, Loop))


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


def leaves_early(node: Node) -> bool:
    """Whether some path through the node skips what follows it, other than by failing."""
    match node:
        case Leave(way):
            return way is not Way.RAISE
        case Call() | Parallel():
            return False
        case _:
            return any(map(leaves_early, children(node)))
