"""Builds the nodes of a plan, and leaves empty nodes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.plan.nodes import (
    Arm,
    Branch,
    FunctionCall,
    Issue,
    Leave,
    Loop,
    Node,
    Parallel,
    Sequence,
    Unread,
    Wait,
    Way,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Sequence as Several


_TELLING = (Issue, Wait, Unread)


def branch(arms: Iterable[Arm]) -> list[Node]:
    """One of the arms, unless all are empty."""
    arms = tuple(arms)
    return [Branch(arms)] if any(arm.body.nodes for arm in arms) else []


def optional(condition: str, nodes: Several[Node], line: int) -> list[Node]:
    """A branch with the nodes, or without."""
    return branch((Arm(f"if {condition}", Sequence(tuple(nodes)), line), Arm("else", Sequence(), line)))


def loop(label: str, nodes: Several[Node], line: int) -> list[Node]:
    """A loop over the nodes."""
    return [Loop(label, Sequence(tuple(nodes)), line)] if nodes else []


def parallel(branches: Iterable[Several[Node]], line: int) -> list[Node]:
    """The branches side by side; a single branch that is no fan-out is returned as it is."""
    filled = [Sequence(tuple(nodes)) for nodes in branches if nodes]
    if len(filled) == 1 and not any(isinstance(node, Loop) for node in filled[0].nodes):
        return list(filled[0].nodes)
    return [Parallel(tuple(filled), line)] if filled else []


def body_of(nodes: Several[Node]) -> Sequence:
    """A function's body, without a ``return`` at its end, which has no meaning there."""
    last = nodes[-1] if nodes else None
    return Sequence(tuple(nodes[:-1] if isinstance(last, Leave) and last.way is Way.RETURN else nodes))


def call_of(function: str, nodes: Several[Node], line: int) -> list[Node]:
    """A call of a function with these nodes, unless they have nothing to do with commands."""
    body = body_of(nodes)
    return [FunctionCall(function, body, line)] if any(isinstance(node, _TELLING) for node in walk(body)) else []
