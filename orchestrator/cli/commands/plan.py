"""``orchestrator plan``: what a saga's code does, as a tree, as a flowchart of Mermaid, or as a picture.

Nothing is run and nothing is asked: the plan is read from the code, as ``orchestrator check --plan`` reads it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.loading.modules import load_definitions
from orchestrator.cli.loading.overlays import OverlayOption  # noqa: TC001 - typer reads the annotations
from orchestrator.cli.output.exit import errors_reported, refuse
from orchestrator.cli.output.form import print_json, wants_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.definition.saga import SagaDefinition

    Definition = SagaDefinition[Any, Any, Any]


class Form(StrEnum):
    """How a plan is shown."""

    TEXT = "text"
    MERMAID = "mermaid"
    SVG = "svg"


def plan(
    saga: Annotated[
        str | None,
        typer.Argument(help="Such as place_order, for its newest version, or 'place_order v1'.", show_default="all"),
    ] = None,
    sagas: Annotated[
        list[str] | None,
        typer.Option(help="A module or package with sagas; may be repeated.  \\[env: ORCHESTRATOR_SAGAS]"),
    ] = None,
    overlay: OverlayOption = None,
    *,
    form: Annotated[Form, typer.Option("--as", help="A tree for the terminal, a flowchart, or a picture.")] = Form.TEXT,
) -> None:
    """Show what the code of sagas does: every command, its effect, conditions, loops, waits and the pivot."""
    from orchestrator.analysis.plan.reader import read_plan  # noqa: PLC0415 - other commands do without

    with errors_reported():
        chosen = _chosen(load_definitions(sagas or (), overlay), saga)
        if form is Form.SVG and len(chosen) > 1:
            refuse(f"a picture is of one saga; name it: {', '.join(map(repr, map(str, chosen)))}")
        shown = {str(definition): _shown(read_plan(definition), form) for definition in chosen}
    if wants_json():
        print_json({"form": form.value, "plans": shown})
    else:
        typer.echo("\n\n".join(shown.values()))


def _chosen(definitions: Sequence[Definition], name: str | None) -> list[Definition]:
    """All definitions; or that of a name and a version, or the newest of a name."""
    if name is None:
        return list(definitions)
    exact = [each for each in definitions if str(each) == name]
    named = [each for each in definitions if each.name == name]
    if not exact and not named:
        refuse(f"there is no saga {name!r}; there are: {', '.join(map(str, definitions))}")
    return exact or [max(named, key=lambda each: each.version)]


def _shown(read: Plan, form: Form) -> str:
    # Imported here, because other commands do without.
    from orchestrator.analysis.plan.text import plan_text  # noqa: PLC0415
    from orchestrator.console.drawing.flow import flow_svg  # noqa: PLC0415
    from orchestrator.console.drawing.mermaid import plan_mermaid  # noqa: PLC0415
    from orchestrator.console.drawing.style import style_sheet  # noqa: PLC0415

    match form:
        case Form.TEXT:
            return plan_text(read)
        case Form.MERMAID:
            return plan_mermaid(read)
        case Form.SVG:
            return flow_svg(read, style=style_sheet())
