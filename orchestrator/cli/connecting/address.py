"""The address of the orchestrator that a command asks."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import Annotated, Final

import typer

from orchestrator.contract.addresses import default_address
from saga.v1.saga_service_pb2 import DESCRIPTOR

DEFAULT_ADDRESS: Final = default_address(DESCRIPTOR.services_by_name["SagaService"])

_VARIABLES: Final = ("ORCHESTRATOR_ADDRESS", "ORCHESTRATOR_LISTEN")

_typed: ContextVar[str] = ContextVar("address", default="")

_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "*": "127.0.0.1"}  # noqa: S104 - nothing is bound


def _reachable(context: typer.Context, address: str) -> str:
    """The address to connect to: an orchestrator that listens on every interface is reached on loopback."""
    source = context.get_parameter_source("address")
    _typed.set(address if source is not None and source.name == "COMMANDLINE" else "")
    return _to_connect(address)


def _to_connect(address: str) -> str:
    """Raises: typer.BadParameter: it is no address."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise typer.BadParameter(f"expected host:port, such as {DEFAULT_ADDRESS}, not {address!r}")
    return f"{_EVERYWHERE.get(host, host)}:{port}" if int(port) else DEFAULT_ADDRESS


Address = Annotated[
    str,
    typer.Option(
        help="host:port of the orchestrator.",
        envvar=list(_VARIABLES),
        callback=_reachable,
    ),
]


def typed_address() -> str:
    """The address that was typed for this command; empty where the environment or the default said it."""
    return _typed.get()


def address_in(context: typer.Context) -> str:
    """The address that a command line which is not complete yet would ask."""
    typed = context.params.get("address")
    named = (os.environ.get(each, "").strip() for each in _VARIABLES)
    return _to_connect(typed or next(filter(None, named), DEFAULT_ADDRESS))
