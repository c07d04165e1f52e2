"""Cost against load, drawn: CPU for each saga, and its rate over that of the bare chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from tests.bench.results import RATE_GOALS

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from tests.bench.results import Load

_COLOURS = {"bare": "tab:gray", "saga": "tab:blue", "traced": "tab:orange"}
_STYLES = {"forward": "-", "rollback": "--", "postgres": ":"}
_MARKERS = {"forward": "o", "rollback": "s", "postgres": "D"}
_BY_TWO = " by two"
_OPACITY_OF_TWO = 0.5
_ROOM = 1.1


def draw(loads: list[Load], path: Path) -> None:
    """Write the plot of loads that have a bare chain to ``path``; its suffix is the format, such as ``.svg``."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    cost, ratio = figure.subplots(1, 2)
    loads = [load for load in loads if load.workload in _STYLES]
    if not loads:
        return
    for workload, contender in dict.fromkeys((load.workload, load.measured.contender) for load in loads):
        line = [load for load in loads if (load.workload, load.measured.contender) == (workload, contender)]
        _draw_cost(cost, workload, contender, line)
        if not contender.startswith("bare"):
            _draw_ratio(ratio, workload, contender, line)
    _label(cost, loads, "CPU of the orchestrator's process", "microseconds a saga")
    _label(ratio, loads, "Rate over that of the bare chain", "ratio; a triangle is a goal")
    ratio.axhline(1, color=_COLOURS["bare"], linewidth=0.8)
    ratio.set_ylim(0, max(_ROOM, ratio.get_ylim()[1]))
    figure.savefig(path)


def _draw_cost(axes: Axes, workload: str, contender: str, line: list[Load]) -> None:
    axes.plot(
        [load.in_flight for load in line],
        [load.measured.cpu["orchestrator"] for load in line],
        color=_colour(contender),
        alpha=_opacity(contender),
        linestyle=_STYLES[workload],
        marker=_MARKERS[workload],
        label=f"{workload}, {contender}",
    )


def _draw_ratio(axes: Axes, workload: str, contender: str, line: list[Load]) -> None:
    ratios = [load.measured.ratio for load in line]
    axes.errorbar(
        [load.in_flight for load in line],
        [ratio.median for ratio in ratios],
        yerr=[
            [ratio.median - ratio.lowest for ratio in ratios],
            [ratio.highest - ratio.median for ratio in ratios],
        ],
        color=_colour(contender),
        alpha=_opacity(contender),
        linestyle=_STYLES[workload],
        marker=_MARKERS[workload],
        capsize=3,
        label=f"{workload}, {contender}",
    )
    goals = {load.in_flight: RATE_GOALS.get((workload, load.in_flight, contender)) for load in line}
    known = {in_flight: goal.bound for in_flight, goal in goals.items() if goal}
    filled = _colour(contender) if workload == "forward" else "none"
    places = list(known), list(known.values())
    axes.scatter(*places, facecolors=filled, edgecolors=_colour(contender), marker=">", s=70, zorder=3)


def _colour(contender: str) -> str:
    return _COLOURS[contender.removesuffix(_BY_TWO)]


def _opacity(contender: str) -> float:
    return _OPACITY_OF_TWO if contender.endswith(_BY_TWO) else 1.0


def _label(axes: Axes, loads: list[Load], title: str, unit: str) -> None:
    axes.set_title(title)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(sorted({load.in_flight for load in loads})))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_xlabel("sagas in flight")
    axes.set_ylabel(unit)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="best")
