"""Lays overlays on the contracts of the stubs, before the sagas that use the stubs are declared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf import descriptor_pool

from orchestrator.contract.options import lay
from orchestrator.errors import ContractError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from orchestrator.contract.options import Annotations

_used: dict[Path, str] = {}
"""The overlays of this process, by their place, each with the name that messages give it."""


def use_overlay(path: str | os.PathLike[str]) -> None:
    """Take a file's word on contracts that are not ours to edit.

    Called at the top of the module that declares the sagas, above ``@saga``; or for every module with
    ``--overlay`` and ``ORCHESTRATOR_OVERLAYS``. A second call for the same file changes nothing. Whether the entries
    fit the contracts is checked where the sagas are: by ``orchestrator check``, and at every start.

    Args:
        path: a file as ``overlay.schema.json`` describes it.

    Raises:
        ContractError: it cannot be read; the message starts with file and line.
    """
    place = Path(path)
    if place.resolve() in _used:
        return
    used = _used | {place.resolve(): str(place)}
    lay(read_files(Path(name) for name in used.values()), descriptor_pool.Default())
    _used.update(used)


def read_files(paths: Iterable[Path]) -> Annotations:
    """What overlay files say together.

    Raises:
        ContractError: one cannot be read; the message starts with file and line.
    """
    # Imported here, because pydantic takes a while, and most processes have no overlay.
    from orchestrator.contract.overlay.reading import read_overlays  # noqa: PLC0415

    return read_overlays({str(path): _read(path) for path in paths})


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ContractError(f"{path}: the overlay cannot be read: {error}") from error
