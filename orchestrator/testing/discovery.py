"""Finds the descriptor of a service by its full name, among the stubs that can be imported."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.descriptor import FileDescriptor

from orchestrator.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.descriptor import ServiceDescriptor

_STUBS = "_pb2"


def find_service(name: str, modules: Iterable[str] = ()) -> ServiceDescriptor:
    """A service of the imported stubs, of those of its own package, or of the given modules.

    Args:
        name: its full name, such as ``shop.payment.v1.PaymentService``.
        modules: names of further modules to import, such as ``trip.v1.trip_pb2``; needed only where the stubs of
            a package do not lie in the Python package of the same name.

    Raises:
        ContractError: no stubs declare it; the message names the most similar services.
    """
    for module in modules:
        _import(module)
    package = name.rpartition(".")[0]
    known = _services()
    if name not in known:
        _import_stubs(package)
        known = _services()
    if name not in known:
        _import_stubs(package.partition(".")[0])
        raise ContractError(f"no stubs declare the service {name}; {_nearest(name, _services())}")
    return known[name]


def pick_service(name: str, files: Iterable[FileDescriptor]) -> ServiceDescriptor:
    """A service of these files.

    Raises:
        ContractError: none declares it; the message names the most similar services.
    """
    declared = {service.full_name: service for file in files for service in file.services_by_name.values()}
    if name not in declared:
        raise ContractError(f"no .proto file declares the service {name}; {_nearest(name, declared)}")
    return declared[name]


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise ContractError(f"the module {module} cannot be imported: {error}") from error


def _import_stubs(package: str) -> None:
    """Import every module of stubs in a package and beneath it, where there is such a package."""
    try:
        spec = importlib.util.find_spec(package) if package else None
    except ModuleNotFoundError:
        return
    # Packages of stubs have no __init__, so the tools that walk packages do not see them.
    for root in map(Path, (spec.submodule_search_locations or ()) if spec else ()):
        for path in sorted(root.rglob(f"*{_STUBS}.py")):
            _import(".".join((package, *path.relative_to(root).with_suffix("").parts)))


def _services() -> dict[str, ServiceDescriptor]:
    """Every service of the stubs that are imported."""
    files = (getattr(module, "DESCRIPTOR", None) for name, module in [*sys.modules.items()] if name.endswith(_STUBS))
    return {
        service.full_name: service
        for file in files
        if isinstance(file, FileDescriptor)
        for service in file.services_by_name.values()
    }


def _nearest(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3) or [other for other in known if _last(other) == _last(name)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "name it in full, such as shop.payment.v1.PaymentService, and its module of stubs, if that lies elsewhere"


def _last(name: str) -> str:
    return name.rpartition(".")[2]
