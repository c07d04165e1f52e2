"""``make run``: every process of the procfile, staying up until Ctrl-C.

The ports are those of the contracts; ``PORT_BASE=51100 make run`` moves all of them, and the state with them. Nothing
is started where another program has one of the ports: what answers there would be taken for ours.

``make run REPLICAS=3`` starts so many replicas of the orchestrator, which share its port, and before them a PostgreSQL,
which they share too: on the port after the last of the services. It is stopped after all others.

``make run CHANNEL=nats`` lets the orchestrator reach the services by another channel; see ``channels``. Where that
needs a NATS server, there are events, too; see ``events``.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import grpc.aio
from google.protobuf.json_format import MessageToDict

from orchestrator.access.sign_in_code import sign_in_link
from orchestrator.cli.connecting.credentials import local_token
from orchestrator.participant.security.exposure import is_exposed
from orchestrator.shop.demo import database
from orchestrator.shop.demo.addresses import Addresses
from orchestrator.shop.demo.channels import Channels, ChannelsMissingError
from orchestrator.shop.demo.events import Events
from orchestrator.shop.demo.orders import ORDERS
from orchestrator.shop.demo.processes import CHANNEL_OPTIONS, healthy
from orchestrator.shop.demo.procfile import COMMANDS, ROOT
from orchestrator.shop.demo.shared import Shared
from orchestrator.shop.demo.supervisor import Supervisor, taken
from shop.product.v1.product_pb2 import ListProductsRequest
from shop.product.v1.product_pb2_grpc import ProductServiceStub

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_SECONDS: Final = 10
_PAGE: Final = "/shop"
"""To which the link leads: what a newcomer sees first."""


def main() -> int:
    """Run the processes; the exit code: 0 when told to stop, 1 when one of them ended by itself."""
    try:
        addresses, environment = placed(os.environ)
    except ValueError as error:
        print(f"error: PORT_BASE: {error}", file=sys.stderr)
        return 2
    try:
        shared = Shared.wanted(addresses, environment)
    except ValueError as error:
        print(f"error: REPLICAS: {error}", file=sys.stderr)
        return 2
    try:
        channels = Channels.wanted(addresses, environment)
    except ValueError as error:
        print(f"error: CHANNEL: {error}", file=sys.stderr)
        return 2
    events = Events.wanted(addresses, channels)
    needed = _listening(addresses, channels, events) | (shared.addresses if shared else {})
    if complaints := list(taken(needed)):
        print("\n".join(f"error: {complaint}" for complaint in complaints), file=sys.stderr)
        print(
            "Stop what runs there, or use other ports: PORT_BASE=51100 make run; or <NAME>_LISTEN=host:port for one.",
            file=sys.stderr,
        )
        return 1
    with _terminal_to_ourselves():
        return asyncio.run(_run(addresses, environment, shared, channels, events))


def placed(environment: Mapping[str, str]) -> tuple[Addresses, dict[str, str]]:
    """Where the processes listen, and their environment, as ``PORT_BASE`` says.

    Raises:
        ValueError: it is no port.
    """
    base = environment.get("PORT_BASE", "").strip()
    if not base:
        addresses = Addresses.configured()
        return addresses, {**_faults(addresses), **addresses.environment, **environment}
    addresses = Addresses.moved(int(base))
    # Beside those on other ports, so with a state of its own.
    return addresses, {
        **_faults(addresses),
        "STATE_DIR": f".state/{base}",
        **environment,
        **addresses.environment,
    }


def _faults(addresses: Addresses) -> dict[str, str]:
    """Let the shop's pages make calls fail, unless a network reaches a service, which would not start then."""
    exposed = any(map(is_exposed, addresses.services.values()))
    return {} if exposed else {"SHOP_FAULTS": "true"}


def _listening(addresses: Addresses, channels: Channels, events: Events | None) -> dict[str, str]:
    return addresses.listening | channels.listening | (events.listening if events is not None else {})


def _supervisor(
    environment: Mapping[str, str], shared: Shared | None, channels: Channels, events: Events | None
) -> Supervisor:
    """Runs all processes: those that the others need before the others, and until they have stopped."""
    needed = [each for each in (shared, channels, events) if each is not None]
    whole, commands, first = dict(environment), dict[str, str](), dict[str, str]()
    for each in needed:
        whole |= each.environment
        commands |= each.commands
        first |= each.addresses
    return Supervisor(whole, commands | COMMANDS, first, partial(channels.create, whole))


async def _run(
    addresses: Addresses,
    environment: Mapping[str, str],
    shared: Shared | None,
    channels: Channels,
    events: Events | None,
) -> int:
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in _STOPPING:
        loop.add_signal_handler(number, stopping.set)
    supervisor = _supervisor(environment, shared, channels, events)
    waiting = asyncio.create_task(stopping.wait())
    running = asyncio.create_task(supervisor.run())
    listening = _listening(addresses, channels, events)
    telling = asyncio.create_task(_tell(addresses, shared, listening, environment.get("STATE_DIR", ".state")))
    await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
    ended = _end(running) if running.done() else ""
    for task in (waiting, telling):
        task.cancel()
    stopped_well = await supervisor.stop()
    running.cancel()
    if ended:
        print(f"error: {ended}, so the others were stopped too; see what it said above", file=sys.stderr)
    return 0 if stopped_well and not ended else 1


def _end(running: asyncio.Task[str]) -> str:
    """Why the processes do not run any more."""
    try:
        return running.result()
    except ChannelsMissingError as error:
        return str(error)


async def _tell(addresses: Addresses, shared: Shared | None, listening: Mapping[str, str], state: str) -> None:
    """Say where the processes are, as soon as all of them are healthy."""
    for address in addresses.all.values():
        await healthy(address)
    order = json.dumps(MessageToDict(ORDERS[0].request, preserving_proto_field_name=True), separators=(",", ":"))
    listed = "\n".join(f"  {name:<15}{address}" for name, address in listening.items())
    if shared is not None:
        listed += f"\n  {database.NAME:<15}{database.url(shared.port)}"
        listed += f"\n\nThe orchestrator is {shared.replicas} replicas on one port. Kill one (its pid is in the log):"
        listed += " another carries its sagas on."
    moved = addresses != Addresses.by_contract()
    where = f"export ORCHESTRATOR_ADDRESS={addresses.orchestrator} STATE_DIR={state}; " if moved else ""
    print(
        f"\nEverything is up:\n\n{listed}\n\n{_opened(addresses, state)}Place an order:\n\n"
        f'grpcurl -plaintext -H "authorization: Bearer $(cat {state}/token)" '
        f"-d '{order}' {addresses.orchestrator} shop.order.v1.OrderService/StartOrder\n\n"
        f"What can be ordered: {', '.join(await _skus(addresses.services['product']))}\n"
        f"See what became of it: {where}.venv/bin/orchestrator list\n"
        f"A process that you kill is started again. Ctrl-C stops everything.\n",
        flush=True,
    )


def _opened(addresses: Addresses, state: str) -> str:
    """How to open the console, where there is one."""
    if not addresses.console:
        return ""
    token = local_token(ROOT / state)
    first = f"http://{addresses.console}{_PAGE}"
    link = sign_in_link(addresses.console, token, time.time_ns(), page=_PAGE) if token else first
    moved = addresses != Addresses.by_contract()
    where = f"ORCHESTRATOR_CONSOLE_LISTEN={addresses.console} STATE_DIR={state} " if moved else ""
    another = f"{where}.venv/bin/orchestrator console --page {_PAGE}"
    return f"Shop in a browser, within ten minutes (`{another}` prints another link):\n\n{link}\n\n"


async def _skus(product: str) -> list[str]:
    async with grpc.aio.insecure_channel(product, options=CHANNEL_OPTIONS) as channel:
        listed = await ProductServiceStub(channel).ListProducts(ListProductsRequest(page_size=100), timeout=_SECONDS)
    return [found.sku for found in listed.products]


@contextmanager
def _terminal_to_ourselves() -> Iterator[None]:
    """Let Ctrl-C reach this process and not make, which would call it an error."""
    in_front = sys.stdin.isatty() and os.tcgetpgrp(0) == os.getpgrp()
    if not in_front:
        yield
        return
    before = os.getpgrp()
    # Taking and giving back the terminal from behind, and being put aside by Ctrl-Z while make waits, both stop us.
    for number in (signal.SIGTTOU, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpgrp())
    try:
        yield
    finally:
        with suppress(OSError):  # the terminal may be gone
            os.tcsetpgrp(0, before)


if __name__ == "__main__":
    sys.exit(main())
