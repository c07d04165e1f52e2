"""The demo: ``python -m orchestrator.shop.demo``, or rather ``make demo``.

Starts every service and the orchestrator as processes of their own, on ports and state of their own; places six
orders; kills the orchestrator during one of them, while another one waits for an approval; shows what became of each;
and exits with 0 only if all of it is as promised.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from rich.rule import Rule
from rich.text import Text

from orchestrator.cli.connecting.credentials import local_token
from orchestrator.cli.output.rendering import open_console, saga_page
from orchestrator.shop.demo.addresses import Addresses, settings_removed
from orchestrator.shop.demo.channels import Channels, ChannelsMissingError
from orchestrator.shop.demo.cluster import engine_wanted
from orchestrator.shop.demo.customers import Customers
from orchestrator.shop.demo.orders import ORDERS
from orchestrator.shop.demo.otlp import Collector, tree
from orchestrator.shop.demo.processes import ProcessEnded, Processes
from orchestrator.shop.demo.procfile import ORCHESTRATOR, SERVICES
from orchestrator.shop.demo.progress import Progress
from orchestrator.shop.demo.promises import (
    Services,
    broken_by_effects,
    broken_by_saga,
    broken_by_trace,
    told_by_effects,
)
from orchestrator.shop.demo.supervisor import all_listen
from saga.v1.saga_pb2 import STATUS_WAITING

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from rich.console import Console

    from orchestrator.shop.demo.orders import DemoOrder
    from saga.v1.saga_pb2 import Saga

ResultT = TypeVar("ResultT")

_START_SECONDS: Final = 60
_ORDERS_SECONDS: Final = 120
_LOG_LINES: Final = 40
_INTERRUPTED: Final = 130
_BAD_SETTING: Final = 2


@dataclass
class Told:
    """What became of the orders, by their numbers.

    Attributes:
        sagas: as operators see them.
        effects: what the services say of them.
        broken: which promises were broken.
    """

    sagas: dict[int, Saga] = field(default_factory=dict)
    effects: dict[int, str] = field(default_factory=dict)
    broken: dict[int, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """What the demo plays on; its state is in a folder of its own."""

    console: Console
    state: Path
    addresses: Addresses
    services: Processes
    orchestrator: Processes


def main() -> int:
    """Run the demo; the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    console = open_console()
    addresses = Addresses.free()
    state = Path(tempfile.mkdtemp(prefix="saga-demo-"))
    try:
        channels = Channels.free(addresses, {**os.environ, "STATE_DIR": str(state)})
    except ValueError as error:
        console.print(Text(f"error: CHANNEL: {error}", style="bold red"))
        shutil.rmtree(state)
        return _BAD_SETTING
    try:
        broken = _play(console, state, addresses, channels)
    except KeyboardInterrupt:
        console.print("interrupted; everything is stopped")
        shutil.rmtree(state, ignore_errors=True)
        return _INTERRUPTED
    except ValueError as error:
        console.print(Text(f"error: {error}", style="bold red"))
        shutil.rmtree(state)
        return _BAD_SETTING
    except (ProcessEnded, ChannelsMissingError, TimeoutError) as error:
        console.print(Text(f"error: {str(error) or 'it takes too long'}", style="bold red"))
        broken = True
        _show_end(console, state / "processes.log")
    if broken:
        console.print(f"state and logs are kept in {state}", soft_wrap=True)
    else:
        shutil.rmtree(state)
    return 1 if broken else 0


def _play(console: Console, state: Path, addresses: Addresses, channels: Channels) -> bool:
    """Everything, from the first process to the verdict; whether a promise was broken."""
    began = time.monotonic()
    log = state / "processes.log"
    console.print(f"starting {len(SERVICES)} services and the orchestrator as processes of their own{channels}")
    with Collector() as collector:
        environment = {
            **settings_removed(os.environ),
            **addresses.environment,
            **channels.environment,
            **collector.environment,
            "STATE_DIR": str(state),
        }
        with ExitStack() as stack:
            broker = stack.enter_context(Processes(environment, log, commands=channels.commands))
            engine = stack.enter_context(engine_wanted(os.environ.get("ENGINE", ""), state, log))
            environment |= engine
            services = stack.enter_context(Processes(environment, log, *SERVICES))
            orchestrator = stack.enter_context(Processes(environment, log, ORCHESTRATOR))
            stack.callback(_ignore_interrupts)  # while they stop: once is enough
            broker.start()
            asyncio.run(_until_interrupted(_prepare(channels, environment)))
            services.start()
            told = asyncio.run(_until_interrupted(_run(Stage(console, state, addresses, services, orchestrator))))
        # Stopped processes have handed over their last spans: now the traces are whole.
        traces = collector.traces
    for order in ORDERS:
        saga = told.sagas[order.number]
        trace = traces.get(saga.trace_id, ())
        told.broken[order.number] += broken_by_trace(order, trace, recovers=not engine)
        console.print(Rule(f"{order.number}. {order.title}", align="left", style="dim"))
        console.print(saga_page(saga))
        console.print(tree(trace))
        console.print(Text(f"the services say: {told.effects[order.number]}", style="dim"))
    return _verdict(console, told, time.monotonic() - began)


async def _prepare(channels: Channels, environment: Mapping[str, str]) -> None:
    """Make what the channels need, once it can be made."""
    async with asyncio.timeout(_START_SECONDS):
        await all_listen(channels.addresses.values())
        await channels.create(environment)


def _ignore_interrupts() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


async def _until_interrupted(work: Coroutine[object, object, ResultT]) -> ResultT:
    """What comes of it, unless Ctrl-C comes first: a cancel alone may meet a call that ends at the same moment.

    Raises:
        KeyboardInterrupt: it did.
    """
    interrupted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(interrupted.wait())
    await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not interrupted.is_set():
        return await working
    working.cancel()
    await asyncio.wait((working,))
    raise KeyboardInterrupt


async def _run(stage: Stage) -> Told:
    console, addresses = stage.console, stage.addresses
    with console.status("waiting for them"):
        async with asyncio.timeout(_START_SECONDS):
            await stage.services.serving(addresses.services.values())
            stage.orchestrator.start()
            await stage.orchestrator.serving([addresses.orchestrator])
    async with AsyncExitStack() as stack:
        progress = Progress(console, ORDERS)
        customers = Customers(addresses.orchestrator, local_token(stage.state), progress)
        stack.push_async_callback(customers.close)
        services = Services(addresses.services)
        stack.push_async_callback(services.close)
        before = {order.number: await services.stock(order.line.sku) for order in ORDERS}
        with progress.shown():
            async with asyncio.timeout(_ORDERS_SECONDS):
                order_ids = await _place(stage, customers, services, progress)
        told = Told()
        for order in ORDERS:
            number, order_id = order.number, order_ids[order.number]
            told.sagas[number] = await customers.saga(order_id)
            effects = await services.effects(order_id, order.line.sku)
            told.effects[number] = told_by_effects(before[number], effects)
            told.broken[number] = [
                *broken_by_saga(order, told.sagas[number]),
                *broken_by_effects(order, before[number], effects),
            ]
        return told


async def _place(stage: Stage, customers: Customers, services: Services, progress: Progress) -> dict[int, str]:
    """Place all orders; one when the others are done with or parked, because the orchestrator is killed during it."""
    parked, restarted = asyncio.Event(), asyncio.Event()

    async def cancel(order_id: str) -> None:
        await services.hold_taken(order_id)
        progress.tell("order 4: cancelled while its payment is being authorised")
        await customers.cancel(order_id)

    async def kill(order_id: str) -> None:
        await services.hold_taken(order_id)
        progress.tell("order 5: kill -9 of the orchestrator while the payment is being authorised")
        await asyncio.to_thread(stage.orchestrator.kill)
        progress.tell("order 5: the orchestrator is started again")
        stage.orchestrator.start()
        await stage.orchestrator.serving([stage.addresses.orchestrator])
        restarted.set()

    async def approve(order_id: str) -> None:
        progress.tell("order 6: waits for an approval, and is out of memory")
        parked.set()
        await restarted.wait()
        progress.tell("order 6: approved")
        await customers.approve(order_id)

    async def place(order: DemoOrder) -> str:
        if order.killed:
            await parked.wait()
        return await customers.place(order, cancel if order.cancelled else kill if order.killed else None)

    async def place_awaiting(order: DemoOrder) -> str:
        return await customers.place(order, approve, is_there=lambda view: view.status == STATUS_WAITING)

    undisturbed = [order for order in ORDERS if not (order.killed or order.approved)]
    async with asyncio.TaskGroup() as tasks:
        placed = {order.number: tasks.create_task(place_awaiting(order)) for order in ORDERS if order.approved}
        placed |= {order.number: tasks.create_task(place(order)) for order in undisturbed}
        await asyncio.gather(*(placed[order.number] for order in undisturbed))
        placed |= {order.number: tasks.create_task(place(order)) for order in ORDERS if order.killed}
    return {number: task.result() for number, task in placed.items()}


def _verdict(console: Console, told: Told, seconds: float) -> bool:
    console.print(Rule(style="dim"))
    for number, broken in sorted(told.broken.items()):
        for promise in broken:
            console.print(Text(f"not as promised: order {number}: {promise}", style="bold red"), soft_wrap=True)
    if any(told.broken.values()):
        return True
    console.print(
        Text.assemble(
            ("all as promised", "bold green"),
            f" in {seconds:.0f} s: stock is back where an order was rolled back, every ledger adds up to zero, no hold "
            "and no parcel is left over, and each order is one trace with one root and no orphan",
        )
    )
    return False


def _show_end(console: Console, log: Path) -> None:
    for line in log.read_text(errors="replace").splitlines()[-_LOG_LINES:]:
        console.print(Text(line), soft_wrap=True)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
