"""The overlays that the commands know: named by an option, or by the settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.definition.overlays import use_overlay

if TYPE_CHECKING:
    from collections.abc import Iterable

OverlayOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--overlay",
        help="Options for contracts that are not ours to edit; may be repeated.  \\[env: ORCHESTRATOR_OVERLAYS]",
    ),
]
"""The option of every command that reads contracts."""


def lay_overlays(named: Iterable[Path] | None) -> None:
    """Use the overlays that a command was given, else those of the settings; before anything is imported.

    Raises:
        ContractError: one cannot be read; the message starts with file and line.
    """
    # Imported here, because pydantic takes a while, and `generate` has no overlays.
    from orchestrator.settings import read_settings  # noqa: PLC0415

    for path in named or read_settings().overlays:
        use_overlay(path)
