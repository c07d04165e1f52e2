"""Reads the frozen dataclass of stubs that a saga receives."""

from __future__ import annotations

import dataclasses
import importlib
import typing
from typing import TYPE_CHECKING, Any

from orchestrator.contract.reader import read_service
from orchestrator.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.descriptor import ServiceDescriptor

    from orchestrator.contract.command import Command

_STUB_MODULE = "_pb2_grpc"


@dataclasses.dataclass(frozen=True, slots=True)
class Participant:
    """One field of the dataclass of stubs.

    Attributes:
        field: its name, such as ``inventory``.
        stub: the generated stub class.
        service: the descriptor of the service.
        commands: every rpc of the service by its name.
    """

    field: str
    stub: type[Any]
    service: ServiceDescriptor
    commands: Mapping[str, Command]


def read_participants(stubs: type[Any]) -> tuple[Participant, ...]:
    """The participants in the order of the dataclass's fields.

    Raises:
        DefinitionError: it is not a frozen dataclass of generated stubs.
    """
    if not dataclasses.is_dataclass(stubs) or not stubs.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise DefinitionError(f"{_name(stubs)} must be a frozen dataclass whose fields are generated stubs")
    try:
        hints = typing.get_type_hints(stubs)
    except NameError as error:
        raise DefinitionError(
            f"{_name(stubs)}: {error}; import the stubs where the module runs, not under TYPE_CHECKING"
        ) from None
    return tuple(_participant(stubs, field.name, hints[field.name]) for field in dataclasses.fields(stubs))


def _participant(stubs: type[Any], field: str, stub: object) -> Participant:
    module, name = getattr(stub, "__module__", ""), getattr(stub, "__name__", "")
    if not module.endswith(_STUB_MODULE) or not name.endswith("Stub"):
        raise DefinitionError(
            f"{_name(stubs)}.{field} must be a generated stub such as InventoryServiceStub, not {stub!r}"
        )
    messages = importlib.import_module(module.removesuffix("_grpc"))
    service = messages.DESCRIPTOR.services_by_name[name.removesuffix("Stub")]
    return Participant(
        field=field, stub=typing.cast("type[Any]", stub), service=service, commands=read_service(service)
    )


def _name(stubs: type[Any]) -> str:
    return f"{stubs.__module__}.{stubs.__qualname__}"
