"""``orchestrator conform``: does a running participant keep what sagas rely on?"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from orchestrator.cli.connecting.certificates import tls_for
from orchestrator.cli.loading.contracts import (  # typer reads the annotations
    ContractSource,
    DescriptorSetOption,
    ProtosOption,
    ReflectOption,
    load_services,
)
from orchestrator.cli.loading.overlays import OverlayOption  # noqa: TC001 - typer reads the annotations
from orchestrator.cli.output.exit import errors_reported, refuse
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.terminal import Records, open_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.descriptor import ServiceDescriptor

    from orchestrator.testing.conformance import Examples, Report
    from orchestrator.testing.conformance.way import Way

_STYLES = {
    "passed": "green",
    "failed": "bold red",
    "not seen": "yellow",
    "not echoed": "yellow",
    "not applicable": "dim",
}
# A restarted participant is reconnected soon.
_CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
)


_ServiceArgument = Annotated[str, typer.Argument(metavar="SERVICE", help="Such as shop.payment.v1.PaymentService.")]
_AddressOption = Annotated[
    str | None, typer.Option(help="host:port, or http://host:port/path. Default: where the contract says.")
]
_ModuleOption = Annotated[list[str] | None, typer.Option(help="Import a module of stubs; may be repeated.")]
_ParticipantOption = Annotated[
    list[str] | None,
    typer.Option(help="full.service.Name=host:port of another service that compensates or verifies; may be repeated."),
]
_ExamplesOption = Annotated[Path | None, typer.Option(help="A file of JSON with requests that it accepts.")]
_RestartOption = Annotated[
    str | None, typer.Option(help="A shell command that restarts it on the same state, and returns.")
]


def conform(
    service: _ServiceArgument,
    address: _AddressOption = None,
    protos: ProtosOption = None,
    descriptor_set: DescriptorSetOption = None,
    reflect: ReflectOption = None,
    module: _ModuleOption = None,
    overlay: OverlayOption = None,
    participant: _ParticipantOption = None,
    examples: _ExamplesOption = None,
    restart_command: _RestartOption = None,
) -> None:
    """Check a running participant against its contract. It leaves effects behind.

    Each check ends with a verdict:
    - passed: it did what is expected.
    - failed: it did something else.
    - not seen: its answers are right, but no query shows the effect.
    - not echoed: sound, but a rejection after a lost answer counts as unknown.
    - not applicable: the check says nothing about this rpc.

    Exit codes:
    - 0: something passed and nothing failed, whatever was not seen or not echoed.
    - 1: a check failed, or something that it needs: connection, contract, restart.
    - 2: the arguments are wrong.
    """
    # Imported here, because they import protovalidate and gRPC, which other commands do without.
    from orchestrator.contract.addresses import default_address  # noqa: PLC0415
    from orchestrator.testing.conformance import Examples  # noqa: PLC0415

    with errors_reported():
        contracts = ContractSource(protos, descriptor_set, reflect)
        (contract,) = load_services([service], contracts, modules=module or (), overlays=overlay)
        known = Examples.read(contract, examples) if examples else Examples(contract)
        where = address or default_address(contract)
        if not where:
            refuse(f"{service} names no google.api.default_host; say --address host:port")
        others = _other_services(contract, participant or ())
        report = asyncio.run(_check(where, contract, known, restart_command, others))
    if wants_json():
        print_json(report.as_json())
    else:
        _show(report)
    if not report.passed:
        raise typer.Exit(1)


def _other_services(contract: ServiceDescriptor, named: Iterable[str]) -> dict[str, str]:
    """The addresses of the other services in which compensations and verifies lie."""
    from orchestrator.contract.addresses import default_address  # noqa: PLC0415 - as above
    from orchestrator.contract.reader import read_service  # noqa: PLC0415 - as above

    said = dict(each.split("=", 1) for each in named if "=" in each)
    found: dict[str, str] = {}
    for command in read_service(contract).values():
        for other in (command.compensation, command.verify):
            if other is None or other.service == command.service:
                continue
            service = contract.file.pool.FindServiceByName(other.service)
            address = said.get(other.service) or default_address(service)
            if not address:
                refuse(f"{command.short_name} needs {other.name}; say --participant {other.service}=host:port")
            found[other.service] = address
    return found


async def _check(
    address: str,
    contract: ServiceDescriptor,
    examples: Examples,
    restart_command: str | None,
    others: Mapping[str, str],
) -> Report:
    from orchestrator.testing.conformance import check_participant  # noqa: PLC0415 - as above

    async def restart() -> None:
        process = await asyncio.create_subprocess_shell(restart_command or "")
        if code := await process.wait():
            refuse(f"the restart command ended with exit code {code}", code=1)

    async with AsyncExitStack() as stack:
        way = await _opened(stack, address)
        beside = {name: await _opened(stack, where) for name, where in others.items()}
        try:
            return await check_participant(way, contract, examples, restart if restart_command else None, beside)
        except TimeoutError as error:
            refuse(f"{address}: {error}", code=1)


async def _opened(stack: AsyncExitStack, address: str) -> Way:
    """The way to an address, as its scheme says; closed with the stack."""
    from orchestrator.channels.grpc.credentials import open_channel  # noqa: PLC0415 - as above
    from orchestrator.contract.addresses import HTTP, HTTPS, connected_to, split_scheme  # noqa: PLC0415 - as above
    from orchestrator.testing.conformance import OverHttp  # noqa: PLC0415 - as above
    from orchestrator.testing.conformance.way import OverGrpc  # noqa: PLC0415 - as above

    target = connected_to(address)
    if split_scheme(address)[0] in (HTTP, HTTPS):
        way = OverHttp(address, tls_for(target))
        stack.push_async_callback(way.close)
        return way
    channel = open_channel(target, _CHANNEL_OPTIONS, tls=tls_for(target))
    return OverGrpc(await stack.enter_async_context(channel))


def _show(report: Report) -> None:
    from orchestrator.testing.conformance import CheckVerdict  # noqa: PLC0415 - as above

    console = open_terminal()
    console.print(Text(report.service, style="italic"))
    table = Records(("rpc", "check", "verdict", "seen"), wrapped={"check", "seen"}, head=3, plain={"seen"})
    for finding in report.findings:
        failed = finding.verdict is CheckVerdict.FAILED
        told = f"expected: {finding.expected}; seen: {finding.seen}" if failed else finding.seen
        table.add(finding.rpc, finding.check, Text(finding.verdict.value, _STYLES[finding.verdict.value]), told)
    console.print(table)
    counted = ", ".join(f"{count} {verdict.value}" for verdict, count in report.counts().items())
    style = "bold red" if not report.passed else "yellow" if report.advice else "green"
    console.print(Text(counted, style=style))
