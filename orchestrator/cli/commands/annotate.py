"""``orchestrator annotate``: the draft of an overlay for contracts that are not ours to edit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.loading.contracts import (  # typer reads the annotations
    ContractSource,
    DescriptorSetOption,
    ProtosOption,
    ReflectOption,
)
from orchestrator.cli.output.exit import errors_reported, refuse
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.text import say

SCHEMA = "overlay.schema.json"
"""The file, beside the overlay, by which editors complete it."""


def annotate(
    protos: ProtosOption = None,
    descriptor_set: DescriptorSetOption = None,
    reflect: ReflectOption = None,
    out: Annotated[Path, typer.Option(help="The overlay to write. It is never overwritten.")] = Path("overlay.yaml"),
    *,
    schema: Annotated[bool, typer.Option("--schema", help="Only print the JSON schema of overlays.")] = False,
) -> None:
    """Draft an overlay from the names in contracts, for you to correct, and its JSON schema beside it."""
    # Imported here, because pydantic takes a while, and other commands do without.
    from orchestrator.contract.overlay.document import json_schema  # noqa: PLC0415
    from orchestrator.contract.overlay.draft import draft_overlay  # noqa: PLC0415

    described = json.dumps(json_schema(), indent=2) + "\n"
    if schema:
        typer.echo(described, nl=False)
        return
    source = ContractSource(protos, descriptor_set, reflect)
    if not source.is_named:
        refuse("which contracts? Name them with --protos, --descriptor-set or --reflect")
    if out.exists():
        refuse(f"{out} is there already; name another file with --out", code=1)
    with errors_reported():
        text = draft_overlay(source.files(), SCHEMA)
        try:
            out.with_name(SCHEMA).write_text(described, encoding="utf-8")
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            refuse(f"{error.filename}: {error.strerror}", code=1)
    if wants_json():
        print_json({"overlay": str(out), "questions": text.count("Question:")})
        return
    say(f"{out}: {text.count('Question:')} questions are open; answer them, then: orchestrator check --overlay {out}")
