"""Compiles .proto files: to Python stubs with the comments beside them, and to a descriptor set for the contract check.

What a contract imports comes from the installed packages: ``google/*`` from googleapis-common-protos
and grpcio-tools, ``buf/validate`` from protovalidate and ``saga/v1`` from this package. So a project
needs nothing but its own .proto files, and no network.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from google.protobuf import descriptor_pb2, duration_pb2, struct_pb2, timestamp_pb2

from orchestrator.api.openapi.comments import comments_file, comments_in
from orchestrator.cli.loading.importable import refuse_unimportable, refuse_unusable
from orchestrator.contract.image import load_image
from orchestrator.errors import ContractError
from saga.v1 import access_pb2, contract_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

Contracts: TypeAlias = Path | descriptor_pb2.FileDescriptorSet
"""Contracts: the folder of their .proto files, or their descriptors with all that they import."""

# Async only: then the type of `InventoryServiceStub` is that of a stub over a grpc.aio channel.
_OUTPUTS = {"python": "", "grpc_python": "", "mypy": "", "mypy_grpc": "only_async:"}

# Named by path, because a virtual environment that is not activated is not on PATH.
_PLUGIN_PATHS = tuple(
    f"--plugin=protoc-gen-{name}={Path(sys.executable).parent / f'protoc-gen-{name}'}" for name in ("mypy", "mypy_grpc")
)


_KINDS: Final = ("*_pb2*.py*", "*_comments.json")
"""How the names of what is written look."""

_KNOWN = "known.binpb"
_DESCRIBED = "described.binpb"

_GRPC: Final = ("grpc/health/", "grpc/reflection/")
"""Where the files of gRPC's own services lie. Their stubs would be hidden by the package of gRPC."""

_IMPORTED: Final = ("google/", "buf/validate/", "saga/v1/", *_GRPC)
"""Where the files lie that contracts import and that installed packages bring."""


def generate(contracts: Contracts, out: Path) -> list[str]:
    """Write the Python stubs of contracts into ``out``; return the names of the .proto files.

    Stubs in ``out`` whose .proto file is gone are removed. Files whose text would not change are left
    alone, so that a second run touches nothing.

    Raises:
        ContractError: a file does not compile, with protoc's message; or its stubs could not be used.
    """
    names = import_names(contracts)
    refuse_unimportable(names, out)
    described = describe(contracts)
    refuse_unusable(load_image(described, frozenset(names)), out)
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch)
        outputs = [f"--{plugin}_out={options}{staged}" for plugin, options in _OUTPUTS.items()]
        _run_protoc(contracts, [*_PLUGIN_PATHS, *outputs, *names, *_stubless_imports(contracts)])
        _write_comments(described, frozenset(names), staged)
        _mirror(staged, out)
    # The search for modules of the same name has cached the old content of `out`.
    importlib.invalidate_caches()
    return names


def _write_comments(described: descriptor_pb2.FileDescriptorSet, names: frozenset[str], staged: Path) -> None:
    """Write the comments of these files beside their stubs, which hold none; they describe what is served over HTTP."""
    for file in described.file:
        if file.name in names and (comments := comments_in(file)):
            text = json.dumps(comments, ensure_ascii=False, indent=1)
            (staged / comments_file(file.name)).write_text(f"{text}\n", "utf-8")


def describe(contracts: Contracts) -> descriptor_pb2.FileDescriptorSet:
    """The descriptors of contracts and of all they import; compiled in memory, with comments, where they are files.

    Raises:
        ContractError: a file does not compile; the message is protoc's.
    """
    if isinstance(contracts, descriptor_pb2.FileDescriptorSet):
        return contracts
    with tempfile.TemporaryDirectory() as scratch:
        image = Path(scratch) / "image.binpb"
        write_image(contracts, image)
        return descriptor_pb2.FileDescriptorSet.FromString(image.read_bytes())


def write_image(protos: Path, image: Path) -> None:
    """Write the descriptor set of every .proto file under ``protos`` to ``image``, as buf reads it.

    Raises:
        ContractError: a file does not compile; the message is protoc's.
    """
    flags = [f"--descriptor_set_out={image}", "--include_imports", "--include_source_info"]
    _run_protoc(protos, [*flags, *import_names(protos)])


def import_names(contracts: Contracts) -> list[str]:
    """The names of .proto files as contracts import them, such as ``shop/inventory/v1/inventory.proto``.

    Files of gRPC's own services are left out; of descriptors, all those of installed packages.

    Raises:
        ContractError: there are none.
    """
    if isinstance(contracts, Path):
        found = (source.relative_to(contracts).as_posix() for source in _sources(contracts))
        return [name for name in found if not name.startswith(_GRPC)]
    names = [file.name for file in contracts.file if not file.name.startswith(_IMPORTED)]
    if not names:
        raise ContractError("no contracts are described there")
    return names


def _sources(protos: Path) -> list[Path]:
    sources = sorted(protos.rglob("*.proto"))
    if not sources:
        raise ContractError(f"{protos}: no .proto files here; name the folder that holds them")
    return sources


def _stubless_imports(contracts: Contracts) -> list[str]:
    """``buf/validate`` has no stubs in any installed package; the project that owns ``saga/v1`` makes them."""
    is_ours = isinstance(contracts, Path) and (contracts / "saga/v1/contract.proto").exists()
    return ["buf/validate/validate.proto"] if is_ours else []


def _run_protoc(contracts: Contracts, arguments: list[str]) -> None:
    if importlib.util.find_spec("grpc_tools") is None:
        raise ContractError("grpcio-tools is not installed; install saga-orchestrator[generate]")
    with _imports() as imports:
        roots, described = [imports, _package_root("grpc_tools") / "grpc_tools/_proto"], [imports / _KNOWN]
        if isinstance(contracts, Path):
            roots.insert(0, contracts)
        else:
            described.append(imports / _DESCRIBED)
            described[-1].write_bytes(contracts.SerializeToString())
        options = [*(f"-I{root}" for root in roots), f"--descriptor_set_in={os.pathsep.join(map(str, described))}"]
        # Its own process, because protoc reports errors on the file descriptor of stderr.
        command = [sys.executable, "-m", "grpc_tools.protoc", *options, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell is involved
    if done.returncode:
        where = f" under {contracts}" if isinstance(contracts, Path) else ""
        raise ContractError(f"protoc refused the contracts{where}:\n{done.stderr.strip()}")


@contextlib.contextmanager
def _imports() -> Iterator[Path]:
    """A folder with what contracts import: files of ``google``, and the descriptors of what no package ships as files.

    Other files beside googleapis-common-protos are not visible: an editable install of this package leaves an old copy
    of ``saga/v1`` there.
    """
    # Imported here, because protovalidate imports a whole expression language, which no other command needs.
    from protovalidate._gen.buf.validate import validate_pb  # noqa: PLC0415

    known = descriptor_pb2.FileDescriptorSet()
    for module in (descriptor_pb2, duration_pb2, struct_pb2, timestamp_pb2, contract_pb2, access_pb2):
        module.DESCRIPTOR.CopyToProto(known.file.add())
    known.file.add().MergeFromString(validate_pb.desc().proto.to_binary())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "google").symlink_to(_package_root("google.type") / "google", target_is_directory=True)
        (folder / _KNOWN).write_bytes(known.SerializeToString())
        yield folder


def _package_root(package: str) -> Path:
    """The folder on the import path that holds ``package``."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ContractError(f"the package {package} is not installed")
    return Path(next(iter(spec.submodule_search_locations))).parents[package.count(".")]


def _stubs_beside(fresh: set[Path], out: Path) -> set[Path]:
    """The stubs in the same top-level packages as these, relative to ``out``.

    Stubs in other folders are left alone: where ``out`` is a whole project, they belong to others, such as packages in
    a virtual environment.
    """
    packages = {name.parts[0] for name in fresh if len(name.parts) > 1}
    found = [path for package in packages for kind in _KINDS for path in (out / package).rglob(kind)]
    if any(len(name.parts) == 1 for name in fresh):
        found += (path for kind in _KINDS for path in out.glob(kind))
    return {path.relative_to(out) for path in found if path.suffix in {".py", ".pyi", ".json"}}


def _mirror(staged: Path, out: Path) -> None:
    fresh = {path.relative_to(staged) for path in staged.rglob("*") if path.is_file()}
    stale = _stubs_beside(fresh, out) - fresh
    for name in stale:
        (out / name).unlink()
    for name in fresh:
        target = out / name
        content = (staged / name).read_bytes()
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
