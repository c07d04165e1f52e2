"""Checks that Python can import the stubs of contracts, and that they do not collide with the orchestrator's own.

The modules are named after the paths of the .proto files. So a folder called ``email`` is hidden by Python's own
module, and a folder called ``class`` cannot be written in an import. Python's errors would appear only where the stubs
are used, and would name neither the file nor the reason; so the check runs before the stubs are written.
"""

from __future__ import annotations

import keyword
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.contract.image import same_contract
from orchestrator.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from importlib.machinery import ModuleSpec

    from google.protobuf.descriptor import FileDescriptor


def refuse_unimportable(names: Sequence[str], out: Path) -> None:
    """Refuse .proto files whose stubs no Python code could import.

    Args:
        names: the names of the .proto files, as contracts import them.
        out: the folder for their stubs.

    Raises:
        ContractError: a stub's module has no name that Python can write, or one that is taken; all are listed.
    """
    written: dict[str, str] = {}
    found = []
    for name in names:
        module = stub_module(name)
        if (other := written.setdefault(module, name)) != name:
            found.append(f"{name}: its stubs would be the module {module}, as those of {other}; rename one of them")
        found += _unwritable(name, module) or _hidden(name, module, out.resolve())
    _refuse(found)


def refuse_unusable(files: Iterable[FileDescriptor], out: Path) -> None:
    """Refuse .proto files whose stubs are no Python, or declare what the orchestrator's own contracts declare.

    A process can hold each protobuf name only once.

    Raises:
        ContractError: some files are to be refused; all are listed.
    """
    known = {file.name: file for file in _known_to_the_orchestrator()}
    found = []
    for file in files:
        found += _unwritable_rpcs(file)
        ours = known.get(file.name)
        if ours is not None:
            if not same_contract(file, ours) and not _is_made_here(ours, out.resolve()):
                found.append(
                    f"{file.name}: it is not the {file.name} that this orchestrator knows; remove it, because what "
                    "contracts import comes with the installed packages"
                )
            continue
        taken = {each: other.name for other in known.values() for each in _names_in(other)}
        found += [
            f"{file.name}: {each} is declared in {taken[each]}, too, which the orchestrator brings along; give it "
            "another package"
            for each in _names_in(file)
            if each in taken
        ]
    _refuse(found)


def stub_module(name: str) -> str:
    """The module of a .proto file's messages, such as ``shop.payment.v1.payment_pb2``."""
    return f"{name.removesuffix('.proto').replace('-', '_').replace('/', '.')}_pb2"


def _refuse(found: list[str]) -> None:
    if found:
        raise ContractError("\n".join(["nothing is written, because of:", *found]))


def _unwritable(name: str, module: str) -> list[str]:
    return [
        f"{name}: Python cannot import {module}, because {part!r} is "
        + ("a word of the language" if keyword.iskeyword(part) else "no name")
        + "; rename that folder or file (the package within may keep its name)"
        for part in module.split(".")
        if keyword.iskeyword(part) or not part.isidentifier()
    ]


def _unwritable_rpcs(file: FileDescriptor) -> list[str]:
    return [
        f"{file.name}: Python cannot write the rpc {method.full_name}, because {method.name!r} is a word of the "
        "language; rename the rpc, or give Python a copy of the contract in which it is left out"
        for service in file.services_by_name.values()
        for method in service.methods
        if keyword.iskeyword(method.name)
    ]


def _hidden(name: str, module: str, out: Path) -> list[str]:
    """Whether Python would import another package or module of this name, which is more than a folder."""
    path: list[str] | None = [str(out), str(Path.cwd()), *sys.path]
    parts = module.split(".")
    for depth, part in enumerate(parts[:-1]):
        dotted = ".".join(parts[: depth + 1])
        if depth == 0 and part in sys.stdlib_module_names:
            return [_told(name, dotted, "Python's own module")]
        spec = PathFinder.find_spec(part, path)
        if spec is None:
            return []
        if not _is_folder(spec) and not _is_within(spec, out):
            # A project with copies of Google's .proto files may generate their stubs, which are the same.
            return [] if _has(spec, parts[depth + 1 :]) else [_told(name, dotted, f"the one at {spec.origin}")]
        path = list(spec.submodule_search_locations or ())
    return []


def _told(name: str, module: str, by: str) -> str:
    return (
        f"{name}: its stubs would lie in the package {module}, which {by} hides; rename the folder "
        f"{module.rpartition('.')[2]}, such as to my_{module.rpartition('.')[2]} (the package within may keep its name)"
    )


def _is_folder(spec: ModuleSpec) -> bool:
    """Whether it is a namespace package, to which other folders of that name add modules."""
    return spec.origin is None and spec.submodule_search_locations is not None


def _is_within(spec: ModuleSpec, folder: Path) -> bool:
    return spec.origin is not None and Path(spec.origin).resolve().is_relative_to(folder)


def _has(spec: ModuleSpec, parts: Sequence[str]) -> bool:
    path = list(spec.submodule_search_locations or ())
    for part in parts:
        found = PathFinder.find_spec(part, path) if path else None
        if found is None:
            return False
        path = list(found.submodule_search_locations or ())
    return True


def _known_to_the_orchestrator() -> Iterator[FileDescriptor]:
    """The orchestrator's own contracts, and all that they import."""
    # Imported here, because the API imports further stubs, which no other command needs.
    from saga.v1 import access_service_pb2, saga_service_pb2  # noqa: PLC0415

    waiting, seen = [saga_service_pb2.DESCRIPTOR, access_service_pb2.DESCRIPTOR], set()
    while waiting:
        file = waiting.pop()
        if file.name not in seen:
            seen.add(file.name)
            yield file
            waiting += file.dependencies


def _is_made_here(file: FileDescriptor, out: Path) -> bool:
    """Whether the stubs in use are those that are about to be written."""
    module = sys.modules.get(stub_module(file.name))
    return module is not None and module.__file__ is not None and Path(module.__file__).is_relative_to(out)


def _names_in(file: FileDescriptor) -> tuple[str, ...]:
    declared = (
        *file.message_types_by_name,
        *file.enum_types_by_name,
        *file.services_by_name,
        *file.extensions_by_name,
    )
    return tuple(f"{file.package}.{each}".lstrip(".") for each in declared)
