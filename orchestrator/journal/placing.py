"""Finds the place in a plan of each command that was begun: by method, scope and order, and never by a guess. Pure.

The commands are read as a walk through the plan, as a word is read by a regular expression. Of all walks those count
that break the plan's order the least; where several do, a begun command may have any of their places, and no such
place is said to have been passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.analysis.plan.order import in_scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.analysis.plan.order import PlanOrder
    from orchestrator.journal.state import CommandState

_BACKWARD: Final = 1  # among what runs side by side, the order of the code comes first
_OTHER_SCOPE: Final = 10  # a scope is entered in a way that the plan does not see
_OUT_OF_ORDER: Final = 100  # commands are issued in a way that the plan does not see
_START: Final = -1

_Costs = dict[int, int]


class Places(NamedTuple):
    """Where commands belong.

    Attributes:
        taken: the step of a command, by the command's key; not for one that the plan does not name.
        possible: every step that one of them may be.
    """

    taken: Mapping[str, int]
    possible: frozenset[int]


def places(order: PlanOrder, commands: Sequence[CommandState], *, completed: bool) -> Places:
    """The places of a saga's commands, which are in the order of their start.

    Args:
        order: the plan's.
        commands: what the journal holds.
        completed: the saga's code has come to its end.
    """
    known = [(command, fitting) for command in commands if (fitting := _fitting(order, command))]
    if not known:
        return Places({}, frozenset())
    forward = _forward(order, [fitting for _, fitting in known])
    ends: _Costs = {step: 0 if not completed or step in order.last else _OUT_OF_ORDER for step in known[-1][1]}
    backward = _backward(order, [fitting for _, fitting in known], ends)
    best = min(forward[-1][step] + ends[step] for step in forward[-1])
    possible = frozenset(
        step
        for onward, back in zip(forward, backward, strict=True)
        for step in onward
        if onward[step] + back[step] == best
    )
    taken: dict[str, int] = {}
    before, spent = _START, 0
    for (command, fitting), back in zip(known, backward, strict=True):
        costs = {step: spent + _cost(order, before, step, fitting) for step in fitting}
        # Of the walks that cost the least, the one that stays longest where the code is.
        before = min(step for step, cost in costs.items() if cost + back[step] == best)
        spent = costs[before]
        taken[command.key] = before
    return Places(taken, possible)


def _fitting(order: PlanOrder, command: CommandState) -> _Costs:
    """The steps that a command may be, and what each costs."""
    scope = command.key.rpartition("/")[0]
    return {
        step: 0 if in_scope(issue, scope) else _OTHER_SCOPE
        for step, issue in enumerate(order.issues)
        if issue.command.name == command.method
    }


def _forward(order: PlanOrder, known: Sequence[_Costs]) -> list[_Costs]:
    """For each command and step, what the cheapest walk costs that has come to there."""
    walked: list[_Costs] = []
    before: _Costs = {_START: 0}
    for fitting in known:
        before = {
            step: min(spent + _cost(order, last, step, fitting) for last, spent in before.items()) for step in fitting
        }
        walked.append(before)
    return walked


def _backward(order: PlanOrder, known: Sequence[_Costs], ends: _Costs) -> list[_Costs]:
    """For each command and step, what the cheapest walk costs that goes on from there."""
    walked = [ends]
    for fitting, following in zip(reversed(known[:-1]), reversed(known[1:]), strict=True):
        after = walked[-1]
        walked.append(
            {step: min(_cost(order, step, to, following) + cost for to, cost in after.items()) for step in fitting}
        )
    return walked[::-1]


def _cost(order: PlanOrder, before: int, step: int, fitting: _Costs) -> int:
    return fitting[step] + _order_cost(order, before, step)


def _order_cost(order: PlanOrder, before: int, step: int) -> int:
    if before == _START:
        return 0 if step in order.first else _OUT_OF_ORDER
    if step in order.follows[before]:
        return 0
    if step in order.beside[before]:
        return 0 if step > before else _BACKWARD
    return _OUT_OF_ORDER
