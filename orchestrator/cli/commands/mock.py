"""``orchestrator mock``: serve contracts without code."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from orchestrator.cli.loading.contracts import (  # typer reads the annotations
    ContractSource,
    DescriptorSetOption,
    ProtosOption,
    ReflectOption,
    load_services,
)
from orchestrator.cli.loading.overlays import OverlayOption  # noqa: TC001 - typer reads the annotations
from orchestrator.cli.output.exit import errors_reported, refuse
from orchestrator.cli.output.form import print_json_line, wants_json
from orchestrator.cli.output.text import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.protobuf.descriptor import ServiceDescriptor

    from orchestrator.testing.mock import Dials, EffectLedger, LedgerEntry

T = TypeVar("T")


def mock(
    services: Annotated[
        list[str], typer.Argument(metavar="SERVICE...", help="Full names, such as shop.payment.v1.PaymentService.")
    ],
    protos: ProtosOption = None,
    descriptor_set: DescriptorSetOption = None,
    reflect: ReflectOption = None,
    module: Annotated[list[str] | None, typer.Option(help="Import a module of stubs; may be repeated.")] = None,
    overlay: OverlayOption = None,
    listen: Annotated[str | None, typer.Option(help="host:port. Default: where the contracts say.")] = None,
    latency: Annotated[str, typer.Option(help="How long a call takes: 20ms, or 5ms-50ms.")] = "0ms",
    reject: Annotated[str, typer.Option(help="The share of compensable commands and pivots to refuse: 1%.")] = "0%",
    lose_reply: Annotated[str, typer.Option(help="The share of calls that take effect without an answer.")] = "0%",
    unavailable: Annotated[str, typer.Option(help="The share of calls that do not arrive.")] = "0%",
    seed: Annotated[int, typer.Option(help="The same seed draws the same troubles.")] = 0,
    *,
    log_effects: Annotated[bool, typer.Option("--log-effects", help="One line of JSON for each effect.")] = False,
) -> None:
    """Serve contracts without code, and keep a ledger of the effects."""
    # Imported here, because they import protovalidate and gRPC, which other commands do without.
    from orchestrator.testing.mock import Dials, EffectLedger  # noqa: PLC0415
    from orchestrator.testing.mock.dials import read_latency, read_share  # noqa: PLC0415

    dials = _accepted(
        lambda: Dials(read_latency(latency), read_share(reject), read_share(lose_reply), read_share(unavailable), seed)
    )
    ledger = EffectLedger(_print_effect) if log_effects else EffectLedger()
    with errors_reported():
        contracts = ContractSource(protos, descriptor_set, reflect)
        found = load_services(services, contracts, modules=module or (), overlays=overlay)
        asyncio.run(_serve(found, listen, dials, ledger))
    say(ledger.summary())


async def _serve(services: Sequence[ServiceDescriptor], listen: str | None, dials: Dials, ledger: EffectLedger) -> None:
    from orchestrator.testing.mock import MockParticipant  # noqa: PLC0415 - as above

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with MockParticipant(services, listen=listen, dials=dials, ledger=ledger) as participant:
        for address in participant.addresses:
            if wants_json():
                print_json_line({"listening": address, "services": [service.full_name for service in services]})
            else:
                say(f"mock of {', '.join(service.name for service in services)} listening on {address}")
        await stop.wait()


def _print_effect(what: str, entry: LedgerEntry) -> None:
    print_json_line({"effect": what, **asdict(entry)})


def _accepted(read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError as error:
        refuse(str(error))
