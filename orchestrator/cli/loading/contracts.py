"""Loads the contracts that the arguments of a command name: from stubs, .proto files, descriptors or a live server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import DecodeError

from orchestrator.cli.connecting.certificates import tls_for
from orchestrator.cli.loading import protoc
from orchestrator.cli.loading.modules import import_from_here
from orchestrator.cli.loading.overlays import lay_overlays
from orchestrator.cli.output.exit import refuse, require_folder
from orchestrator.contract.image import load_image
from orchestrator.contract.options import annotations_of, lay
from orchestrator.contract.rules.overlays import check_overlays
from orchestrator.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor

ProtosOption = Annotated[Path | None, typer.Option(help="A folder of .proto files.")]
DescriptorSetOption = Annotated[
    Path | None,
    typer.Option(help="A file of descriptors, as `protoc --descriptor_set_out --include_imports` writes it."),
]
ReflectOption = Annotated[str | None, typer.Option(help="host:port of a live server that offers reflection.")]


@dataclass(frozen=True, slots=True)
class ContractSource:
    """Where contracts are read from, as the options of a command say it: at most one of the three.

    Attributes:
        protos: a folder of .proto files.
        descriptor_set: a file of descriptors.
        reflect: the address of a live server.
    """

    protos: Path | None = None
    descriptor_set: Path | None = None
    reflect: str | None = None

    def __post_init__(self) -> None:
        named = [name for name in ("protos", "descriptor-set", "reflect") if getattr(self, name.replace("-", "_"))]
        if len(named) > 1:
            refuse(f"name one source of contracts, not --{' and --'.join(named)}")

    @property
    def is_named(self) -> bool:
        """Whether any source is named."""
        return any((self.protos, self.descriptor_set, self.reflect))

    def contracts(self) -> protoc.Contracts:
        """The contracts: the folder of their files, or their descriptors.

        Raises:
            typer.Exit: with code 2, there is no such folder or file.
            ContractError: the descriptors cannot be read, or the server does not tell them.
        """
        if self.descriptor_set is not None:
            return _read_set(self.descriptor_set)
        if self.reflect is not None:
            return asyncio.run(_ask(self.reflect))
        assert self.protos is not None, "the callers ask whether any source is named"
        return require_folder(self.protos, "--protos")

    def files(self) -> tuple[FileDescriptor, ...]:
        """The files of the contracts, without what they import; in a pool of their own, under the overlays in use.

        Raises:
            ContractError: a file does not compile; and see :meth:`contracts`.
        """
        contracts = self.contracts()
        files = load_image(protoc.describe(contracts), frozenset(protoc.import_names(contracts)))
        if files:
            lay(annotations_of(descriptor_pool.Default()), files[0].pool)
        return files


def load_services(
    names: Iterable[str],
    source: ContractSource,
    *,
    modules: Iterable[str] = (),
    overlays: Iterable[Path] | None = None,
) -> tuple[ServiceDescriptor, ...]:
    """The services of these full names.

    Args:
        names: such as ``shop.payment.v1.PaymentService``.
        source: where the contracts are; if it names none, in the stubs that can be imported.
        modules: further modules of stubs to import, also from the working directory.
        overlays: what to say of contracts that are not ours to edit; none for the files of ``ORCHESTRATOR_OVERLAYS``.

    Raises:
        ContractError: a service is not declared, a file does not compile, or an overlay does not fit.
        typer.Exit: with code 2, there is no such folder or file.
    """
    # Imported here, because it imports protovalidate, which `generate` must do without.
    from orchestrator.testing.discovery import find_service, pick_service  # noqa: PLC0415

    lay_overlays(overlays)
    if source.is_named:
        files = source.files()
        services = tuple(pick_service(name, files) for name in names)
    else:
        import_from_here()
        services = tuple(find_service(name, modules) for name in names)
    if wrong := [str(violation) for each in services[:1] for violation in check_overlays(each.file.pool)]:
        raise ContractError("\n".join(wrong))
    return services


def _read_set(path: Path) -> descriptor_pb2.FileDescriptorSet:
    if not path.is_file():
        refuse(f"--descriptor-set {path}: there is no such file")
    try:
        return descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise ContractError(f"{path}: it holds no descriptors: {error}") from error


async def _ask(address: str) -> descriptor_pb2.FileDescriptorSet:
    # Imported here, because gRPC takes a while, and other sources do without.
    import grpc.aio  # noqa: PLC0415

    from orchestrator.channels.grpc.credentials import open_channel  # noqa: PLC0415
    from orchestrator.channels.grpc.reflection import served_files  # noqa: PLC0415

    async with open_channel(address, tls=tls_for(address)) as channel:
        try:
            found = await served_files(channel)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                raise ContractError(f"{address} offers no reflection; name its files with --protos") from None
            raise ContractError(f"{address} cannot be asked: {error.code().name}: {error.details()}") from None
    if not found.file:
        raise ContractError(f"{address} tells of no service by reflection; name its files with --protos")
    return found
