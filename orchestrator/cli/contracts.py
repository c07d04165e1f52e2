"""Loads the contracts that the arguments of a command name, from stubs or from .proto files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli import protoc
from orchestrator.cli.modules import import_from_here
from orchestrator.cli.output.exit import require_folder
from orchestrator.contract.image import load_image

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from google.protobuf.descriptor import ServiceDescriptor


def load_services(
    names: Iterable[str], *, modules: Iterable[str] = (), protos: Path | None = None
) -> tuple[ServiceDescriptor, ...]:
    """The services of these full names.

    Args:
        names: such as ``shop.payment.v1.PaymentService``.
        modules: further modules of stubs to import, also from the working directory.
        protos: a folder of .proto files to compile in memory, instead of the stubs.

    Raises:
        ContractError: a service is not declared, or a file does not compile.
        typer.Exit: with code 2, there is no such folder.
    """
    # Imported here, because it imports protovalidate, which `generate` must do without.
    from orchestrator.testing.discovery import find_service, pick_service  # noqa: PLC0415

    if protos is not None:
        require_folder(protos, "--protos")
        files = load_image(protoc.describe(protos), frozenset(protoc.import_names(protos)))
        return tuple(pick_service(name, files) for name in names)
    import_from_here()
    return tuple(find_service(name, modules) for name in names)
