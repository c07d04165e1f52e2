"""``orchestrator console``: the link that opens the console in a browser."""

from __future__ import annotations

import os
import time
from typing import Annotated, Final

import typer

from orchestrator.access.sign_in_code import sign_in_link
from orchestrator.cli.connecting.address import DEFAULT_ADDRESS, Address
from orchestrator.cli.connecting.credentials import local_operator_token
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.text import say
from orchestrator.contract.addresses import console_address

# Read here and not by the settings, because commands that only look do not import pydantic.
_LISTEN: Final = "ORCHESTRATOR_CONSOLE_LISTEN"
_CERTIFICATE: Final = "ORCHESTRATOR_TLS_CERTIFICATE"


def console(
    address: Address = DEFAULT_ADDRESS,
    listen: Annotated[
        str,
        typer.Option("--console", help="host:port of the console.", envvar=_LISTEN, show_default="80 ports above"),
    ] = "",
    page: Annotated[str, typer.Option(help="To which it leads, such as /sagas.")] = "/",
    *,
    tls: Annotated[
        bool | None,
        typer.Option(
            "--tls/--no-tls",
            help=f"Whether the console has TLS.  \\[default: where {_CERTIFICATE} is set]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print a link that signs you in to the console, for ten minutes.

    It is made from the local operator's token, which it does not hold. Without one, it leads to the page on which you
    sign in with your own.
    """
    where = listen or console_address(address)
    encrypted = bool(os.environ.get(_CERTIFICATE)) if tls is None else tls
    scheme = "https" if encrypted else "http"
    token = local_operator_token()
    link = (
        sign_in_link(where, token, time.time_ns(), page=page, scheme=scheme) if token else f"{scheme}://{where}{page}"
    )
    if wants_json():
        print_json({"link": link, "signs_in": bool(token)})
        return
    typer.echo(link)
    if not token:
        say("there is no local operator's token in the state folder (STATE_DIR): sign in with your own token")
