"""``make run``: every process of the procfile, staying up until Ctrl-C.

honcho starts and stops them. Beside it, this waits until all of them are healthy, and then says where they are.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from google.protobuf.json_format import MessageToDict

from tests.demo.addresses import Addresses
from tests.demo.orders import ORDERS
from tests.demo.processes import ProcessEnded, Processes

if TYPE_CHECKING:
    from collections.abc import Iterator

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def main() -> int:
    """Run the processes; the exit code: 0 when told to stop, 1 when one of them ended by itself."""
    with _terminal_to_ourselves(), Processes(os.environ, None) as processes:
        processes.start()
        told_to_stop = asyncio.run(_until_stopped(processes))
        stopped_well = processes.stop()
    if told_to_stop and stopped_well:
        return 0
    if not told_to_stop:
        print("error: a process ended, so the others were stopped too; see what it said above", file=sys.stderr)
    return 1


async def _until_stopped(processes: Processes) -> bool:
    """Whether a signal came before a process ended."""
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in _STOPPING:
        loop.add_signal_handler(number, stopping.set)
    waiting = asyncio.create_task(stopping.wait())
    telling = asyncio.create_task(_tell(processes))
    ending = asyncio.create_task(processes.ended())
    await asyncio.wait({waiting, ending}, return_when=asyncio.FIRST_COMPLETED)
    for task in (waiting, telling, ending):
        task.cancel()
    return stopping.is_set()


async def _tell(processes: Processes) -> None:
    """Say where the processes are, as soon as all of them are healthy."""
    addresses = Addresses.configured()
    try:
        await processes.serving(addresses.all.values())
    except ProcessEnded:
        return
    order = json.dumps(MessageToDict(ORDERS[0].request, preserving_proto_field_name=True), separators=(",", ":"))
    listed = "\n".join(f"  {name:<14}{address}" for name, address in addresses.all.items())
    print(
        f"\nEverything is up:\n\n{listed}\n\nPlace an order:\n\n"
        f"grpcurl -plaintext -d '{order}' {addresses.orchestrator} shop.order.v1.OrderService/StartOrder\n\n"
        f"See what became of it: .venv/bin/orchestrator list\nCtrl-C stops everything.\n",
        flush=True,
    )


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
