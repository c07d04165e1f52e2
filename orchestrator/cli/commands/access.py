"""``orchestrator whoami`` and ``orchestrator token``: who one is to an orchestrator, and how somebody becomes known."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

import typer

from orchestrator.access.fingerprints import fingerprint, new_token
from orchestrator.cli.connecting.address import DEFAULT_ADDRESS, Address
from orchestrator.cli.connecting.client import PATIENCE_SECONDS, channel_to
from orchestrator.cli.connecting.credentials import TokenFile  # noqa: TC001 - typer reads the annotation
from orchestrator.cli.output.documents import Documents
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.text import say
from orchestrator.contract.access import Role
from saga.v1.access_service_pb2 import WhoAmIRequest, WhoAmIResponse
from saga.v1.access_service_pb2_grpc import AccessServiceStub


class RoleName(StrEnum):
    """The roles, as they are typed."""

    VIEWER = "viewer"
    STARTER = "starter"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


def whoami(address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Show who you are to the orchestrator, how it knows that, and what you may do."""
    asyncio.run(_who(address))


def token(
    name: Annotated[str, typer.Argument(help="What the journal calls who has it.", show_default=False)],
    role: Annotated[
        list[RoleName],
        typer.Option(help="What they may do; may be repeated.", show_default=False),
    ],
) -> None:
    """Make a token, which is printed once, on stdout. Its entry for the file of subjects is on stderr."""
    made, roles = new_token(), [each.value for each in dict.fromkeys(role)]
    if wants_json():
        print_json({"token": made, "subjects": {name: {"sha256": fingerprint(made), "roles": roles}}})
        return
    typer.echo(made)
    say(f"{name}:\n  sha256: {fingerprint(made)}\n  roles: [{', '.join(roles)}]")


async def _who(address: str) -> None:
    async with channel_to(address) as channel:
        answer = await AccessServiceStub(channel).WhoAmI(WhoAmIRequest(), timeout=PATIENCE_SECONDS)
        if wants_json():
            await Documents(channel).print(answer)
            return
    for line in _lines(answer):
        typer.echo(line)


def _lines(answer: WhoAmIResponse) -> list[str]:
    roles = ", ".join(str(Role(number)) for number in answer.roles)
    narrowed = [*answer.definitions, *(f"{name}={value}" for name, value in sorted(answer.attributes.items()))]
    return [
        f"you are {answer.subject}, known by {answer.authority}",
        f"roles: {roles}",
        *([f"only: {', '.join(narrowed)}"] if narrowed else []),
    ]
