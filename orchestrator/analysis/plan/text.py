"""A plan as a tree of text."""

from __future__ import annotations

from dataclasses import dataclass
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
    TimeLimit,
    Try,
    Wait,
)
from orchestrator.contract.command import Effect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.analysis.plan.plan import Plan, PlannedEvent

# A label is a line of a terminal, not a copy of the code.
_LONGEST_LABEL = 80


@dataclass(frozen=True, slots=True)
class _Line:
    label: str
    below: tuple[_Line, ...] = ()


def plan_text(plan: Plan) -> str:
    """The plan as a tree, a command a line.

    ::

    place_order v1
    ├─ InventoryService.ReserveStock  compensable, by ReleaseStock
    ├─ PaymentService.CapturePayment  pivot
    └─ if order.member
       └─ RewardsService.CreditPoints  retryable
    publishes shop.order.v1.OrderPlaced in line 120
    """
    return "\n".join([f"{plan.name} v{plan.version}", *_drawn(_lines(plan.root)), *map(_published, plan.events)])


def _published(event: PlannedEvent) -> str:
    return f"publishes {event.type} in line {event.line}{', at once' if event.at_once else ''}"


def _drawn(lines: tuple[_Line, ...]) -> Iterator[str]:
    for position, line in enumerate(lines, start=1):
        joint, stem = ("└─ ", "   ") if position == len(lines) else ("├─ ", "│  ")
        yield joint + line.label
        yield from (stem + below for below in _drawn(line.below))


def _lines(node: Node) -> tuple[_Line, ...]:  # noqa: C901 - a table
    match node:
        case Sequence(nodes):
            lines = [line for each in nodes for line in _lines(each)]
        case Issue():
            lines = [_Line(_issue(node), _lines(node.child.root) if node.child else ())]
        case Wait():
            lines = [_Line(_wait(node))]
        case TimeLimit():
            lines = [_Line(_short(node.label), _lines(node.body))]
        case Branch(arms):
            lines = list(_arms(arms))
        case Try():
            lines = [_Line("try", _lines(node.body)), *_arms(node.handlers, keep_empty=True)]
            rest = (("else", node.otherwise), ("finally", node.finally_))
            lines += [_Line(label, _lines(body)) for label, body in rest if body.nodes]
        case Loop():
            lines = [_Line(_short(node.label), _lines(node.body))]
        case Parallel(branches):
            lines = [_Line("side by side", tuple(line for branch in branches for line in _branch(branch)))]
        case FunctionCall():
            lines = [_Line(f"{node.function}()", _lines(node.body))]
        case Leave(way):
            lines = [_Line(way.value)]
        case _:
            lines = [_Line(f"? line {node.line}: {node.reason}")]
    return tuple(lines)


def _arms(arms: Iterable[Arm], *, keep_empty: bool = False) -> Iterator[_Line]:
    for arm in arms:
        if arm.body.nodes or keep_empty:
            yield _Line(_short(arm.label), _lines(arm.body))


def _branch(branch: Sequence) -> tuple[_Line, ...]:
    lines = _lines(branch)
    return lines if len(lines) == 1 else (_Line("one after the other", lines),)


def _issue(issue: Issue) -> str:
    command = issue.command
    says = [command.effect.name.lower() if command.effect is not Effect.UNSPECIFIED else "no effect stated"]
    if command.compensation:
        says.append(f"by {command.compensation.method}")
    if issue.best_effort:
        says.append("best effort")
    if issue.scope:
        says.append(f"scope {issue.scope}")
    return f"{command.short_name}  {', '.join(says)}"


def _wait(wait: Wait) -> str:
    kind = f"  a {wait.message.DESCRIPTOR.full_name}" if wait.message is not None else ""
    return f"{_short(f'wait for {wait.what}')}{kind}"


def _short(label: str) -> str:
    flat = " ".join(label.split())
    return flat if len(flat) <= _LONGEST_LABEL else f"{flat[: _LONGEST_LABEL - 1]}…"
