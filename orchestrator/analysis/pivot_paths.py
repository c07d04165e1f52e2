"""Walks every path through a plan at once: on which side of its pivot can each command be issued?

A state is the side on which a path is; a node maps the states with which paths enter it to those with
which they leave it. A path that fails enters the handlers around it with the state before the command
that failed, because a rejected command had no effect.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from functools import reduce
from itertools import product
from typing import TYPE_CHECKING

from orchestrator.analysis.plan.nodes import (
    Branch,
    FunctionCall,
    Issue,
    Leave,
    Loop,
    Node,
    Parallel,
    Sequence,
    TimeLimit,
    Try,
    Way,
    walk,
)
from orchestrator.contract.command import Effect
from orchestrator.contract.rpc import EFFECTFUL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.analysis.plan.plan import Plan


class Side(enum.Enum):
    """On which side of the pivot a path is."""

    BEFORE = enum.auto()
    AFTER = enum.auto()


Sides = frozenset[Side]

_NOWHERE: Sides = frozenset()
_BEFORE: Sides = frozenset({Side.BEFORE})
_AFTER: Sides = frozenset({Side.AFTER})


@dataclass(slots=True)
class Reached:
    """A command and how paths reach it.

    Attributes:
        issue: the command, as it stands in the plan.
        sides: on which sides of the pivot it can be issued; empty where no path reaches it.
        repeated: it may be issued more than once.
        beside: the effectful commands that may be issued at the same time.
    """

    issue: Issue
    sides: Sides = _NOWHERE
    repeated: bool = False
    beside: tuple[Issue, ...] = ()


def reach(plan: Plan) -> tuple[Reached, ...]:
    """Every command of the plan in the order of the code, and how paths reach it."""
    walker = _Walker()
    walker.enter(plan.root, _BEFORE, _Around())
    return tuple(walker.reached.values())


@dataclass(frozen=True, slots=True)
class _Around:
    """What is around a node."""

    repeated: bool = False
    beside: tuple[Issue, ...] = ()


@dataclass(slots=True)
class _Flow:
    """The states with which paths leave a node: at its end, or in another way."""

    below: Sides
    ways: dict[Way, Sides] = field(default_factory=dict)

    def by(self, way: Way) -> Sides:
        return self.ways.get(way, _NOWHERE)

    def joined(self, below: Sides, *others: _Flow, without: Iterable[Way] = ()) -> _Flow:
        """The ways of this flow and of others, except some; ``below`` is what leaves at the end."""
        flows = (self, *others)
        ways = {way: _union(flow.by(way) for flow in flows) for way in Way if way not in frozenset(without)}
        return _Flow(below, ways)


def _union(several: Iterable[Sides]) -> Sides:
    return reduce(frozenset.union, several, _NOWHERE)


class _Walker:
    def __init__(self) -> None:
        self.reached: dict[int, Reached] = {}

    def enter(self, node: Node, sides: Sides, around: _Around) -> _Flow:
        match node:
            case Issue():
                flow = self._issue(node, sides, around)
            case Sequence():
                flow = self._sequence(node, sides, around)
            case Branch():
                flows = [self.enter(arm.body, sides, around) for arm in node.arms]
                flow = _Flow(_NOWHERE).joined(_union(each.below for each in flows), *flows)
            case Try():
                flow = self._try(node, sides, around)
            case Loop():
                flow = self._loop(node, sides, around)
            case Parallel():
                flow = self._parallel(node, sides, around)
            case FunctionCall():
                body = self.enter(node.body, sides, around)
                flow = body.joined(body.below | body.by(Way.RETURN), without=[Way.RETURN])
            case TimeLimit():
                body = self.enter(node.body, sides, around)
                flow = body.joined(body.below, _Flow(_NOWHERE, {Way.RAISE: sides | body.below}))
            case Leave():
                flow = _Flow(_NOWHERE, {node.way: sides})
            case _:  # Wait, Unread: it may fail
                flow = _Flow(sides, {Way.RAISE: sides})
        return flow

    def _issue(self, issue: Issue, sides: Sides, around: _Around) -> _Flow:
        reached = self.reached.setdefault(id(issue), Reached(issue))
        reached.sides |= sides
        reached.repeated |= around.repeated
        reached.beside = around.beside
        after = _AFTER if issue.command.effect is Effect.PIVOT and sides else sides
        if issue.best_effort:
            return _Flow(sides | after)
        return _Flow(after, {Way.RAISE: sides})

    def _sequence(self, sequence: Sequence, sides: Sides, around: _Around) -> _Flow:
        flow = _Flow(sides)
        for node in sequence.nodes:
            following = self.enter(node, flow.below, around)
            flow = flow.joined(following.below, following)
        return flow

    def _try(self, node: Try, sides: Sides, around: _Around) -> _Flow:
        body = self.enter(node.body, sides, around)
        otherwise = self.enter(node.otherwise, body.below, around)
        # The first failure in the body may be that of no command, hence `sides`.
        failed = body.by(Way.RAISE) | sides
        handlers = [self.enter(handler.body, failed, around) for handler in node.handlers]
        below = _union((otherwise.below, *(handler.below for handler in handlers)))
        flow = body.joined(below, otherwise, *handlers)
        if not node.finally_.nodes:
            return flow
        self.enter(node.finally_, _union((below, *flow.ways.values())), around)
        last = self.enter(node.finally_, below, around)
        return flow.joined(last.below, last)

    def _loop(self, loop: Loop, sides: Sides, around: _Around) -> _Flow:
        inside = _Around(repeated=True, beside=around.beside)
        entering, flow = _NOWHERE, _Flow(sides)
        while entering != (following := entering | sides | flow.below | flow.by(Way.CONTINUE)):
            entering = following
            flow = self.enter(loop.body, entering, inside)
        return flow.joined(entering | flow.by(Way.BREAK), without=[Way.BREAK, Way.CONTINUE])

    def _parallel(self, node: Parallel, sides: Sides, around: _Around) -> _Flow:
        effectful = [_effectful(branch) for branch in node.branches]
        flows = []
        for position, branch in enumerate(node.branches):
            others = (issue for at, issues in enumerate(effectful) if at != position for issue in issues)
            flows.append(self.enter(branch, sides, _Around(around.repeated, (*around.beside, *others))))
        # All branches end; the pivot is past as soon as one of the branches is past it.
        ends = product(*(flow.below for flow in flows))
        below = frozenset(Side.AFTER if Side.AFTER in each else Side.BEFORE for each in ends)
        return _Flow(_NOWHERE).joined(below, *flows)


def _effectful(branch: Sequence) -> list[Issue]:
    return [node for node in walk(branch) if isinstance(node, Issue) and node.command.effect in EFFECTFUL]
