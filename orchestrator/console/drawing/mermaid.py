"""The plan of a saga as a flowchart of Mermaid, for the pages of code hosts and wikis that draw it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.analysis.plan.nodes import (
    Branch,
    FunctionCall,
    Issue,
    Leave,
    Loop,
    Parallel,
    Sequence,
    TimeLimit,
    Try,
    Unread,
    Wait,
    Way,
)
from orchestrator.contract.command import Effect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.analysis.plan.nodes import Arm, Node
    from orchestrator.analysis.plan.plan import Plan

# Mermaid reads a label as HTML, and has a notation of its own for characters that it would misread.
_ESCAPED = str.maketrans({"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;"})
_PIVOT = "pivot"


class _From(NamedTuple):
    """From where a path comes, and under which condition."""

    id: str
    label: str = ""


def plan_mermaid(plan: Plan) -> str:
    """The plan as a flowchart: the pivot is drawn thick, a loop or a time limit is a frame.

    ::

    flowchart TD
      n1(["book_trip v1"])
      n1 --> n2["HotelService.BookRoom<br>compensable, by CancelRoom"]
      n2 --> n3[["FlightService.BuyTicket<br>pivot"]]
      n3 --> n4(["completed"])
      classDef pivot stroke-width:4px
      class n3 pivot
    """
    chart = _Chart()
    start = chart.node(f'(["{_said(f"{plan.name} v{plan.version}")}"])', [])
    ends = chart.function(plan.root, [start])
    chart.node('(["completed"])', ends)
    return "\n".join(["flowchart TD", *chart.lines, *chart.classes()])


class _Chart:
    """Collects the lines of a chart, and gives each node its id."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._count = 0
        self._frames = 0
        self._pivots: list[str] = []
        self._returns: list[list[_From]] = []

    def classes(self) -> list[str]:
        """The lines that say how pivots look."""
        if not self._pivots:
            return []
        return [f"  classDef {_PIVOT} stroke-width:4px", f"  class {','.join(self._pivots)} {_PIVOT}"]

    def node(self, shape: str, sources: Iterable[_From]) -> _From:
        """A new node, with the ways that lead to it."""
        self._count += 1
        name = f"n{self._count}"
        self.lines.append(f"  {name}{shape}")
        self.join(sources, name)
        return _From(name)

    def join(self, sources: Iterable[_From], target: str) -> None:
        """The ways to a node that is there."""
        for source in sources:
            label = f'|"{_said(source.label)}"|' if source.label else ""
            self.lines.append(f"  {source.id} -->{label} {target}")

    def function(self, body: Node, sources: list[_From]) -> list[_From]:
        """A function's body; a ``return`` in it leads to its end."""
        self._returns.append([])
        ends = self.draw(body, sources)
        return ends + self._returns.pop()

    def draw(self, node: Node, sources: list[_From]) -> list[_From]:  # noqa: C901, PLR0911 - a table
        """A node of the plan; the ends of its paths."""
        match node:
            case Sequence(nodes):
                for each in nodes:
                    sources = self.draw(each, sources)
                return sources
            case Issue():
                return self._issue(node, sources)
            case Wait():
                return [self.node(f'(["{_said(f"wait for {node.what}")}"])', sources)]
            case FunctionCall(body=body):
                return self.function(body, sources)
            case TimeLimit(label=label, body=body) | Loop(label=label, body=body):
                return self._framed(label, body, sources, again=isinstance(node, Loop))
            case Branch(arms):
                return self._arms(arms, sources)
            case Try():
                return self._try(node, sources)
            case Parallel(branches):
                fork = self.node('{{"side by side"}}', sources)
                ends = [end for branch in branches for end in self.draw(branch, [fork])]
                return [self.node('{{"all done"}}', ends)]
            case Leave(Way.RETURN):
                self._returns[-1] += sources
                return []
            case Leave(way):
                self.node(f'((("{way.value}")))', sources)
                return []
            case Unread():
                return [self.node(f'["? {_said(f"line {node.line}: {node.reason}")}"]', sources)]

    def _issue(self, issue: Issue, sources: list[_From]) -> list[_From]:
        command = issue.command
        says = [command.effect.name.lower() if command.effect is not Effect.UNSPECIFIED else "no effect stated"]
        says += [f"by {command.compensation.method}"] if command.compensation else []
        says += ["best effort"] if issue.best_effort else []
        label = f"{_said(command.short_name)}<br>{_said(', '.join(says))}"
        pivot = command.effect is Effect.PIVOT
        placed = self.node(f'[["{label}"]]' if pivot else f'["{label}"]', sources)
        if pivot:
            self._pivots.append(placed.id)
        if issue.child is None or not issue.child.root.nodes:
            return [placed]
        self._returns.append([])
        ends = self._framed(f"{issue.child.name} v{issue.child.version}", issue.child.root, [placed], again=False)
        return ends + self._returns.pop()

    def _framed(self, label: str, body: Node, sources: list[_From], *, again: bool) -> list[_From]:
        self._frames += 1
        self.lines.append(f'  subgraph f{self._frames}["{_said(label)}"]')
        entry = self.node('(" ")', [])
        ends = self.draw(body, [entry])
        self.lines.append("  end")
        self.join(sources, entry.id)
        if again:
            self.join([end._replace(label="again") for end in ends], entry.id)
        return ends

    def _arms(self, arms: Iterable[Arm], sources: list[_From]) -> list[_From]:
        fork = self.node('{" "}', sources)
        return [end for arm in arms for end in self.draw(arm.body, [fork._replace(label=arm.label)])]

    def _try(self, node: Try, sources: list[_From]) -> list[_From]:
        fork = self.node('{" "}', sources)
        ends = self.draw(node.body, [fork._replace(label="try")])
        ends = self.draw(node.otherwise, ends)
        for handler in node.handlers:
            ends += self.draw(handler.body, [fork._replace(label=handler.label)])
        return self.draw(node.finally_, ends)


def _said(text: str) -> str:
    return " ".join(text.split()).translate(_ESCAPED)
