"""Which command of a plan may come right after which other: a relation between the steps of the plan. Pure.

::

    for ...: A    ──▶   A follows A, and nothing
    A; B                B follows A
    if ...: A else: B   neither follows the other
    gather(A, B)        each may come after the other, in any order

A step is named by its number in :meth:`~orchestrator.analysis.plan.plan.Plan.steps`. Where code leaves early, the
relation holds more than can happen, and never less.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.analysis.plan.nodes import (
    Branch,
    FunctionCall,
    Issue,
    Loop,
    Node,
    Parallel,
    Sequence,
    TimeLimit,
    Try,
    leaves_early,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


Steps = frozenset[int]


class _Part(NamedTuple):
    """A node, as the nodes around it see it.

    Attributes:
        may_be_empty: some path through it issues nothing.
        first: the steps with which it may begin.
        last: those with which it may end.
        steps: all that are in it.
    """

    may_be_empty: bool = True
    first: Steps = frozenset()
    last: Steps = frozenset()
    steps: Steps = frozenset()


@dataclass(frozen=True, slots=True)
class PlanOrder:
    """Which steps may follow one another.

    Attributes:
        issues: the plan's steps, by their numbers.
        first: those with which the saga may begin.
        last: those with which it may complete.
        may_be_empty: it may complete without any.
        follows: by a step, those that may come right after it.
        beside: by a step, those that run side by side with it, and so may come before and after it.
    """

    issues: tuple[Issue, ...]
    first: Steps
    last: Steps
    may_be_empty: bool
    follows: tuple[Steps, ...]
    beside: tuple[Steps, ...]


def order_of(root: Sequence) -> PlanOrder:
    """The relation between the steps of a plan.

    Args:
        root: what the saga's function does.
    """
    reader = _Reader()
    whole = reader.read(root, fanned_out=False)
    count = range(len(reader.issues))
    return PlanOrder(
        tuple(reader.issues),
        whole.first,
        whole.last,
        whole.may_be_empty,
        tuple(frozenset(reader.follows[step]) for step in count),
        tuple(frozenset(reader.beside[step]) for step in count),
    )


def in_scope(issue: Issue, scope: str) -> bool:
    """Whether a command of these scopes, such as ``item-3``, may have been issued here: ``item-{line.sku}``."""
    return re.fullmatch(_pattern(issue.scope), scope) is not None


class _Reader:
    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self.follows: list[set[int]] = []
        self.beside: list[set[int]] = []

    def read(self, node: Node, *, fanned_out: bool) -> _Part:
        """The part that a node is; ``fanned_out`` where it, or each round of a loop in it, runs beside others."""
        match node:
            case Issue():
                part = self._issue(node)
            case Sequence(nodes):
                part = self._sequence(nodes, fanned_out=fanned_out)
            case Branch(arms):
                part = _either(self.read(arm.body, fanned_out=fanned_out) for arm in arms)
            case Try():
                part = self._try(node, fanned_out=fanned_out)
            case Loop(body=body):
                part = self._loop(self.read(body, fanned_out=fanned_out), fanned_out=fanned_out)
            case FunctionCall(body=body) | TimeLimit(body=body):
                part = self.read(body, fanned_out=fanned_out)
            case Parallel(branches):
                part = self._parallel([self.read(branch, fanned_out=True) for branch in branches])
            case _:
                part = _Part()
        return part

    def _issue(self, issue: Issue) -> _Part:
        step = frozenset({len(self.issues)})
        self.issues.append(issue)
        self.follows.append(set())
        self.beside.append(set())
        return _Part(may_be_empty=False, first=step, last=step, steps=step)

    def _sequence(self, nodes: Iterable[Node], *, fanned_out: bool) -> _Part:
        whole, may_end_here = _Part(), False
        for node in nodes:
            part = self.read(node, fanned_out=fanned_out)
            whole = self._then(whole, part._replace(may_be_empty=part.may_be_empty or may_end_here))
            may_end_here = may_end_here or leaves_early(node)
        return whole

    def _then(self, before: _Part, after: _Part) -> _Part:
        self._follow(before.last, after.first)
        return _Part(
            before.may_be_empty and after.may_be_empty,
            before.first | (after.first if before.may_be_empty else frozenset()),
            after.last | (before.last if after.may_be_empty else frozenset()),
            before.steps | after.steps,
        )

    def _try(self, node: Try, *, fanned_out: bool) -> _Part:
        body = self.read(node.body, fanned_out=fanned_out)
        handlers = _either([self.read(handler.body, fanned_out=fanned_out) for handler in node.handlers])
        whole = self._then(body, self.read(node.otherwise, fanned_out=fanned_out))
        if node.handlers:
            whole = _either([whole, self._then(_failed(body), handlers)])
        final = self.read(node.finally_, fanned_out=fanned_out)
        self._follow(whole.steps, final.first)
        return self._then(whole, final)

    def _loop(self, body: _Part, *, fanned_out: bool) -> _Part:
        self._follow(body.last, body.first)
        if fanned_out:
            for step in body.steps:
                self.beside[step] |= body.steps
        return body._replace(may_be_empty=True)

    def _parallel(self, branches: list[_Part]) -> _Part:
        for branch in branches:
            others = frozenset[int]().union(*(other.steps for other in branches if other is not branch))
            for step in branch.steps:
                self.beside[step] |= others
        return _Part(
            all(branch.may_be_empty for branch in branches),
            frozenset[int]().union(*(branch.first for branch in branches)),
            frozenset[int]().union(*(branch.last for branch in branches)),
            frozenset[int]().union(*(branch.steps for branch in branches)),
        )

    def _follow(self, before: Steps, after: Steps) -> None:
        for step in before:
            self.follows[step] |= after


def _either(parts: Iterable[_Part]) -> _Part:
    return reduce(
        lambda one, other: _Part(
            one.may_be_empty or other.may_be_empty,
            one.first | other.first,
            one.last | other.last,
            one.steps | other.steps,
        ),
        parts,
        _Part(may_be_empty=False),
    )


def _failed(body: _Part) -> _Part:
    """A body that fails anywhere."""
    return _Part(may_be_empty=True, first=body.first, last=body.steps, steps=body.steps)


def _pattern(scope: str) -> str:
    """A regular expression for what a scope's name, as it is written, may become."""
    pattern, depth = "", 0
    for character in scope:
        if character == "{":
            pattern += "[^/]+" if depth == 0 else ""
            depth += 1
        elif character == "}" and depth:
            depth -= 1
        elif depth == 0:
            pattern += re.escape(character)
    return pattern if depth == 0 else pattern + ".*"
