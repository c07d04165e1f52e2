"""``orchestrator faults``: does a saga come to a legal end with every fault of every command?"""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.loading.modules import load_definitions
from orchestrator.cli.loading.overlays import OverlayOption  # noqa: TC001 - typer reads the annotations
from orchestrator.cli.output.exit import errors_reported, refuse
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.terminal import open_terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.testing.matrix import Matrix

    Definition = SagaDefinition[Any, Any, Any]


def faults(
    sagas: Annotated[
        list[str] | None,
        typer.Option(help="A module or package with sagas; may be repeated.  \\[env: ORCHESTRATOR_SAGAS]"),
    ] = None,
    overlay: OverlayOption = None,
    saga: Annotated[str | None, typer.Option(help="The saga, by its name. Default: all of them.")] = None,
    saga_input: Annotated[
        Path | None, typer.Option("--input", help="A file of JSON with its input. Default: made up.")
    ] = None,
    examples: Annotated[
        Path | None, typer.Option(help="A file of JSON with replies, by the rpc. Default: made up.")
    ] = None,
) -> None:
    """Run a saga through every fault of every command, on mocks, in virtual time; exit with 1 when one ends wrongly."""
    with errors_reported():
        chosen = _chosen(load_definitions(sagas or (), overlay), saga)
        if (saga_input or examples) and len(chosen) > 1:
            refuse(f"--input and --examples are for one saga; name it with --saga: {', '.join(map(str, chosen))}")
        matrices = [asyncio.run(_matrix(definition, saga_input, examples)) for definition in chosen]
    if wants_json():
        print_json([matrix.as_json() for matrix in matrices])
    else:
        _show(matrices)
    if not all(matrix.passed for matrix in matrices):
        raise typer.Exit(1)


def _chosen(definitions: Sequence[Definition], name: str | None) -> list[Definition]:
    chosen = [definition for definition in definitions if name in {None, definition.name, str(definition)}]
    if not chosen:
        refuse(f"there is no saga {name!r}; there are: {', '.join(map(str, definitions))}")
    return chosen


async def _matrix(definition: Definition, saga_input: Path | None, examples: Path | None) -> Matrix:
    # Imported here, as they bring protovalidate and gRPC with them, which other commands do without.
    from orchestrator.testing.examples import read_examples, read_input  # noqa: PLC0415
    from orchestrator.testing.matrix import fault_matrix  # noqa: PLC0415

    return await fault_matrix(
        definition,
        read_input(definition, saga_input) if saga_input else None,
        read_examples(definition, examples) if examples else None,
    )


def _show(matrices: Sequence[Matrix]) -> None:
    console = open_terminal()
    for matrix in matrices:
        console.print(matrix)
