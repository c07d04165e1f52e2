"""How a command connects over TLS to an orchestrator or a participant: whom it trusts, which certificate it shows.

A command that connects is registered as :func:`connecting`, which gives it these options and remembers them.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

import typer

from orchestrator.cli.output.exit import ExitCode, refuse
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.connections.tls import ClientTls

_OPTIONS: Final = {
    "ca": "The authorities that you trust, in PEM; with it, the connection is made over TLS.",
    "certificate": "Your certificate with the chain, in PEM.",
    "key": "The key of your certificate, in PEM without a password.",
    "name": "For whom the certificate of the other side is, where it is not for the host in the address.",
}
_PREFIX: Final = "ORCHESTRATOR_CLIENT_TLS_"
_NUMBER: Final = re.compile(r"\[Errno \d+\] ")

_given: ContextVar[dict[str, str]] = ContextVar("tls", default={})  # noqa: B039 - it is replaced, and never changed


def connecting(command: Callable[..., None]) -> Callable[..., None]:
    """A command that connects, with the options for that."""

    @functools.wraps(command)
    def connected(**options: Any) -> None:  # noqa: ANN401 - those of the command, too
        _given.set({name: said for name in _OPTIONS if (said := options.pop(f"tls_{name}"))})
        command(**options)

    added = [_parameter(name, told) for name, told in _OPTIONS.items()]
    signature = inspect.signature(command, eval_str=True)
    known = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in signature.parameters.values()]
    # Typer reads both of a function.
    connected.__signature__ = signature.replace(parameters=[*known, *added])  # type: ignore[attr-defined]  # see inspect
    connected.__annotations__ = {
        **get_type_hints(command, include_extras=True),
        **{each.name: each.annotation for each in added},
    }
    return connected


def _parameter(name: str, told: str) -> inspect.Parameter:
    variable = f"{_PREFIX}{name.upper()}"
    option = typer.Option(f"--tls-{name}", help=told, envvar=variable, rich_help_panel="TLS", show_default=False)
    return inspect.Parameter(
        f"tls_{name}", inspect.Parameter.KEYWORD_ONLY, default="", annotation=Annotated[str, option]
    )


def typed_options() -> list[str]:
    """What was typed of these options, and is not in the environment."""
    typed = {name: said for name, said in _given.get().items() if os.environ.get(f"{_PREFIX}{name.upper()}") != said}
    return [word for name, said in typed.items() for word in (f"--tls-{name}", said)]


def tls_for(address: str) -> ClientTls | None:
    """What a connection to ``host:port`` is secured with; ``None`` for nothing.

    Raises:
        typer.Exit: with code 1, a file cannot be used.
    """
    given = _given.get()
    if not given:
        return None
    from orchestrator.connections.tls import open_client_tls  # noqa: PLC0415 - most commands do without

    ca, certificate, key = (Path(given[name]) if name in given else None for name in ("ca", "certificate", "key"))
    names = {address: given["name"]} if "name" in given else {}
    try:
        return open_client_tls(ca, certificate, key, names, prefix=_PREFIX)
    except SettingsError as error:
        refuse(_in_options(str(error)), code=ExitCode.WRONG)


def _in_options(told: str) -> str:
    """What is wrong with a file, with the names of the options in place of the variables."""
    for name in _OPTIONS:
        told = told.replace(f"{_PREFIX}{name.upper()}", f"--tls-{name}")
    return _NUMBER.sub("", told)
